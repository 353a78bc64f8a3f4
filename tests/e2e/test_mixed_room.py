"""Everybody hears everybody but himself: real clients, all transports, plain and encrypted, all codecs in one room."""

from __future__ import annotations

import contextlib
import time

import pytest

from tests.peers.baresip import Baresip
from tests.peers.bridge import BridgeProcess, room
from tests.peers.linphone import Linphone
from tests.peers.sipphone import SipPhone
from tests.peers.sound import Recording, hears

pytestmark = pytest.mark.peers

TONES = {"anna": 400, "bert": 700, "cleo": 1100}


def last_seconds(recording: Recording) -> Recording:
    """When all were in."""
    return recording.cut(max(0.0, recording.seconds - 2.5))


def assert_hears(name: str, recording: Recording, wanted: list[float]) -> None:
    # Opus writes a steady sine with sidebands, some 30 dB below it.
    missing, extra = hears(recording, wanted, below_peak_db=25.0)
    assert not missing and not extra, f"{name}: missing {missing}, extra {extra}"


@pytest.mark.parametrize(
    "ways",
    [
        {
            "anna": {"transport": "udp", "codecs": ("opus/48000/2",)},
            "bert": {"transport": "tcp", "codecs": ("g722/16000/1",)},
            "cleo": {"transport": "tls", "security": "srtp-mand", "codecs": ("pcma",)},
        },
        {
            "anna": {"transport": "udp", "security": "srtp", "codecs": ("pcmu",)},
            "bert": {"transport": "tcp", "security": "srtp-mand", "codecs": ("opus/48000/2",)},
            "cleo": {"transport": "tls", "codecs": ("g722/16000/1",)},
        },
    ],
    ids=["opus-udp g722-tcp pcma-tls-srtp", "pcmu-udp-srtp opus-tcp-srtp g722-tls"],
)
def test_three_baresips_hear_exactly_the_two_others(ways: dict[str, dict[str, object]]) -> None:
    with contextlib.ExitStack() as stack:
        bridge = stack.enter_context(BridgeProcess([room("1001", "open", tones=False)]))
        peers = {
            name: stack.enter_context(Baresip(name, TONES[name], **way))  # type: ignore[arg-type]
            for name, way in ways.items()
        }
        for name, peer in peers.items():
            peer.dial(bridge.uri("1001", str(ways[name]["transport"])))
        time.sleep(5)
        for name, peer in peers.items():
            assert peer.is_encrypted() == ("security" in ways[name]), name
            others = [float(hz) for other, hz in TONES.items() if other != name]
            assert_hears(name, last_seconds(peer.heard()[-1]), others)
        for peer in peers.values():
            peer.hang_up()
        records = bridge.wait_records(3)
        assert {record["reason"] for record in records} == {"normal"}
        bridge.stop()
        assert not bridge.faults()


def test_linphone_is_heard_and_hears() -> None:
    with (
        BridgeProcess([room("1001", "open", tones=False)]) as bridge,
        Linphone("lise", 900) as lise,
        Baresip("anna", 400) as anna,
        SipPhone("tone", tone=1400) as phone,
    ):
        phone.call(bridge.uri("1001"))
        anna.dial(bridge.uri("1001"))
        lise.dial(bridge.uri("1001"))
        mark = phone.now
        time.sleep(6)
        assert_hears("phone", phone.heard(mark + 2.5, mark + 5.5), [400, 900])
        assert_hears("anna", last_seconds(anna.heard()[-1]), [900, 1400])
        lise.hang_up()  # writes its recording
        assert_hears("lise", last_seconds(lise.heard()), [400, 1400])
        bridge.stop()
        assert not bridge.faults()
