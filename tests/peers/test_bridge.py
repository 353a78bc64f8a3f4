"""The bridge can be driven as a child process: configured, called, asked, and ended with exit code 0."""

from __future__ import annotations

import pytest

from tests.peers.bridge import BridgeProcess, room
from tests.peers.child import wait_until
from tests.peers.sipphone import CallRefused, SipPhone
from tests.peers.sound import hears

pytestmark = pytest.mark.peers


def test_two_phones_meet_and_everything_is_written_down() -> None:
    rooms = [room("100", "open", tones=False), room("200", "host-pin", host_pin="generated")]
    with BridgeProcess(rooms) as bridge:
        assert set(bridge.made_pins()) == {"200"}
        assert len(bridge.media_pids()) == 1
        with SipPhone("one", tone=400) as one, SipPhone("two", tone=700, transport="tcp") as two:
            one.call(bridge.uri("100"))
            two.call(bridge.uri("100", "tcp"))
            bridge.wait_conference("100", inside=2)
            # First there is silence, then "You are the only one in the room now."
            wait_until(
                lambda: all(
                    hears(phone.heard(phone.now - 0.6), [hz]) == ([], [])
                    for phone, hz in ((one, 700), (two, 400))
                ),
                15,
                lambda: "both hear each other, and nothing else",
            )
            with SipPhone("lost") as lost, pytest.raises(CallRefused) as refusal:
                lost.call(bridge.uri("999"))
            assert refusal.value.status == 404
            two.hang_up()
            (record,) = bridge.wait_records(1)
            assert (record["reason"], record["codec"]) == ("normal", "PCMU")
            bridge.stop()
            one.wait_ended()
        assert bridge.faults() == []
    assert [line["event"] for line in bridge.audit()].count("joined") == 2
