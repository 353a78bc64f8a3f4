"""SIP endpoints with DTLS-SRTP, with ICE, and with both are heard and hear, beside a phone that knows neither."""

from __future__ import annotations

import time

import pytest

from tests.e2e.phones import drops
from tests.peers.baresip import Baresip
from tests.peers.bridge import BridgeProcess, room
from tests.peers.linphone import Linphone
from tests.peers.sipphone import SipPhone
from tests.peers.sound import Recording, hears

pytestmark = pytest.mark.peers

WAYS: dict[str, dict[str, object]] = {
    "dtls": {"security": "dtls_srtp"},
    "dtls with rtcp-mux": {"security": "dtls_srtp", "mux": True},
    "ice": {"ice": True, "mux": True},
    "ice and sdes": {"ice": True, "mux": True, "security": "srtp-mand"},
    "ice and dtls": {"ice": True, "mux": True, "security": "dtls_srtp"},
}
PROTECTION = {"dtls_srtp": "dtls", "srtp-mand": "sdes"}


def last_seconds(recording: Recording) -> Recording:
    """When all were in."""
    return recording.cut(max(0.0, recording.seconds - 2.5))


def assert_hears(name: str, recording: Recording, wanted: list[float]) -> None:
    # Opus writes a steady sine with sidebands, some 30 dB below it.
    missing, extra = hears(recording, wanted, below_peak_db=25.0)
    assert not missing and not extra, f"{name}: missing {missing}, extra {extra}"


def assert_both_hear(bridge: BridgeProcess, anna: Baresip, phone: SipPhone) -> None:
    """From now on she hears the phone, and the phone hears her."""
    mark = phone.now
    time.sleep(6)
    print(drops(bridge))
    assert_hears("phone", phone.heard(mark + 2.5, mark + 5.5), [400])
    assert_hears("anna", last_seconds(anna.heard()[-1]), [1400])


@pytest.mark.parametrize("way", WAYS)
def test_baresip_is_heard_and_hears(way: str) -> None:
    with (
        BridgeProcess([room("1001", "open", tones=False)]) as bridge,
        Baresip("anna", 400, **WAYS[way]) as anna,  # type: ignore[arg-type]
        SipPhone("tone", tone=1400) as phone,
    ):
        phone.call(bridge.uri("1001"))
        anna.dial(bridge.uri("1001"))
        assert_both_hear(bridge, anna, phone)
        assert ("a=ice-lite" in anna.log()) == ("ice" in WAYS[way])
        assert anna.is_encrypted() == ("security" in WAYS[way])
        anna.hang_up()
        phone.hang_up()
        records = bridge.wait_records(2)
        assert {record["reason"] for record in records} == {"normal"}
        wanted = PROTECTION.get(str(WAYS[way].get("security")), "none")
        assert sorted(record["protection"] for record in records) == sorted(["none", wanted])
        bridge.stop()
        assert not bridge.faults()


@pytest.mark.parametrize("ice", [False, True], ids=["own ports", "shared port"])
def test_hold_and_resume_over_dtls(ice: bool) -> None:
    with (
        BridgeProcess([room("1001", "open", tones=False)]) as bridge,
        Baresip("anna", 400, security="dtls_srtp", ice=ice, mux=True) as anna,
        SipPhone("tone", tone=1400) as phone,
    ):
        phone.call(bridge.uri("1001"))
        anna.dial(bridge.uri("1001"))
        time.sleep(2)
        anna.hold()
        time.sleep(1.5)
        mark = phone.now
        time.sleep(1)
        assert_hears("phone", phone.heard(mark, mark + 1), [])
        anna.resume()
        assert_both_hear(bridge, anna, phone)
        bridge.stop()
        assert not bridge.faults()


def test_linphone_with_dtls_is_heard_and_hears() -> None:
    with (
        BridgeProcess([room("1001", "open", tones=False)]) as bridge,
        Linphone("lise", 900, security="dtls") as lise,
        SipPhone("tone", tone=1400) as phone,
    ):
        phone.call(bridge.uri("1001"))
        lise.dial(bridge.uri("1001"))
        mark = phone.now
        time.sleep(6)
        assert_hears("phone", phone.heard(mark + 2.5, mark + 5.5), [900])
        lise.hang_up()  # writes its recording
        assert_hears("lise", last_seconds(lise.heard()), [1400])
        phone.hang_up()
        records = bridge.wait_records(2)
        assert sorted((each["protection"], each["reason"]) for each in records) == [
            ("dtls", "normal"),
            ("none", "normal"),
        ]
        bridge.stop()
        assert not bridge.faults()
