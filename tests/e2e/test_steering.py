"""A host with a control tool calls a telephone in, presses keys for it, and sends a phone and a page to another room.

What he does is seen by the others, and heard at the far ends.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.phones import wait_hears
from tests.peers.background import Background
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.child import wait_until
from tests.peers.chromium import Chromium
from tests.peers.room_page import RoomPage
from tests.peers.sipphone import SipPhone
from tests.peers.tab import Circumstances
from tests.peers.webrtc_client import ApiError, Browser

pytestmark = pytest.mark.peers

HANNA_HZ, KARI_HZ, CALLED_HZ, THERE_HZ = 400.0, 700.0, 1100.0, 1500.0


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    rooms = [room(number, "open", tones=False) for number in ("1001", "1002")]
    with BridgeProcess(rooms, limits=CALM, dial_out={"allow": ["*@127.0.0.1"]}) as running:
        yield running
        running.stop()
        assert not running.faults()


def test_calling_in_showing_and_sending_on(
    bridge: BridgeProcess, background: Background, chromium: Chromium
) -> None:
    run = background.run
    hanna = Browser(bridge.web, "Hanna", tone=HANNA_HZ)
    tab = chromium.tab("about:blank", Circumstances(tone=int(KARI_HZ)))
    kari = RoomPage(tab, bridge.web)

    def seen(name: str) -> dict[str, object]:
        return next((each for each in hanna.people.values() if each["display_name"] == name), {})

    try:
        with SipPhone("called", tone=CALLED_HZ) as called, SipPhone("there", tone=THERE_HZ) as there:
            there.call(bridge.uri("1002"))
            run(hanna.join("1001"))
            run(hanna.connected())
            kari.enter("1001", "Kari")

            # A telephone is called in, and nobody beyond the list.
            asked = {"destination": called.uri, "role": "GUEST", "protocol": "sip"}
            (uuid,) = run(hanna.ask("dial", asked))
            called.wait_called()
            wait_hears(called, HANNA_HZ, KARI_HZ)
            assert hanna.people[uuid]["call_direction"] == "out"
            with pytest.raises(ApiError) as refused:
                run(hanna.ask("dial", {**asked, "destination": "sip:eve@192.0.2.1"}))
            assert refused.value.status == 403

            # What is marked and written is seen; keys reach the telephone.
            assert run(hanna.about(uuid, "spotlighton")) is True
            run(hanna.wait(lambda: hanna.people[uuid]["spotlight"] > 0))
            assert run(hanna.about(uuid, "overlaytext", {"text": "Interpreter"})) is True
            run(hanna.wait(lambda: hanna.people[uuid]["overlay_text"] == "Interpreter"))
            tab.press("Raise hand")
            run(hanna.wait(lambda: bool(seen("Kari").get("buzz_time"))))
            assert run(hanna.ask("clearallbuzz")) is True
            run(hanna.wait(lambda: not seen("Kari").get("buzz_time")))
            assert run(hanna.about(uuid, "dtmf", {"digits": "12#"})) is True
            wait_until(lambda: called.voice.keys == "12#", 5, lambda: f"keys: {called.voice.keys}")

            # Both are sent on: the page goes by itself.
            for who in (uuid, str(seen("Kari")["uuid"])):
                assert (
                    run(hanna.about(who, "transfer", {"conference_alias": "1002", "role": "guest"})) is True
                )
            run(hanna.wait_names("Hanna"))
            bridge.wait_conference("1002", timeout=10, inside=3)
            wait_hears(there, KARI_HZ, CALLED_HZ)
            wait_hears(called, KARI_HZ, THERE_HZ)
            assert kari.view == "room"
            assert len(kari.people()) == 3
            assert tab.complaints() == []
            run(hanna.leave())
    finally:
        tab.close()
        run(hanna.vanish())
