"""A consultation with real browsers: the host holds it at the page, others come by browser and by telephone.

Chromium, Firefox, baresip and SIPp's G.711 are in one room; what the host presses is seen and heard at the far ends.
Who waits hears nothing of the room.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from bridge.media.endpoint import own_address
from tests.peers.background import Background
from tests.peers.baresip import Baresip
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.chromium import Chromium
from tests.peers.firefox import Firefox
from tests.peers.overheard import Overheard
from tests.peers.room_page import RoomPage
from tests.peers.sipp import Sipp
from tests.peers.sound import Heard, Recording, hears, stands_out_db

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]

PIN = "246810"
HANNA_HZ, FRIDA_HZ, BERT_HZ, SIPP_HZ, KNUT_HZ = 450, 620, 830, 1110, 1490
# Opus writes a steady tone with sidebands, and Firefox speaks more softly than others.
BELOW_PEAK_DB = 25.0


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    if not own_address():
        pytest.skip("Firefox has no sound on a machine without a network")
    rooms = [room("1002", "host-pin", host_pin=PIN, tones=False, name="Consultation")]
    with BridgeProcess(rooms, limits=CALM) as running:
        yield running
        running.stop()
        assert not running.faults()


@pytest.fixture(scope="module")
def firefox(background: Background) -> Iterator[Firefox]:
    with Firefox(background, microphone=FRIDA_HZ) as running:
        yield running


@dataclass
class Room:
    """Who is there: each one's tone, and how to listen with his ears for so many seconds from now on."""

    tones: dict[str, float] = field(default_factory=dict)
    ears: dict[str, Callable[[float], Recording]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)

    def add(self, name: str, tone: float, ear: Callable[[float], Recording]) -> None:
        """Somebody else."""
        self.tones[name], self.ears[name] = tone, ear

    def leave(self, name: str) -> None:
        """He is gone."""
        del self.tones[name], self.ears[name]

    def listen(self, seconds: float) -> dict[str, Recording]:
        """What each of them hears from now on, all at the same time."""
        with ThreadPoolExecutor(len(self.ears)) as pool:
            heard = pool.map(lambda ear: ear(seconds), self.ears.values())
            return dict(zip(self.ears, heard, strict=True))

    def check(self, timeout: float = 12.0) -> None:
        """Each hears exactly the others, those who are silent excepted; prompts may have to end first."""
        end = time.monotonic() + timeout
        while wrong := self._wrong():
            assert time.monotonic() < end, wrong

    def _wrong(self) -> dict[str, Heard]:
        found: dict[str, Heard] = {}
        for name, recording in self.listen(1.0).items():
            wanted = [hz for other, hz in self.tones.items() if other not in (name, *self.silent)]
            heard = hears(recording, wanted, below_peak_db=BELOW_PEAK_DB)
            if heard != ([], []):
                found[name] = heard
        return found


def baresip_ear(peer: Baresip) -> Callable[[float], Recording]:
    """It writes down what it hears; the newest part is wanted."""

    def listen(seconds: float) -> Recording:
        time.sleep(seconds + 0.3)
        recordings = peer.heard()
        return recordings[-1].cut(max(0.0, recordings[-1].seconds - seconds))

    return listen


def overheard_ear(overheard: Overheard) -> Callable[[float], Recording]:
    def listen(seconds: float) -> Recording:
        start = overheard.packets
        time.sleep(seconds)
        return overheard.heard(start)

    return listen


def assert_deaf(recording: Recording, *tones: float) -> None:
    """None of these is in it, however softly; prompts and music may be."""
    assert recording.seconds > 1.5
    leaked = {hz: out for hz in tones if (out := stands_out_db(recording, hz)) > 10}
    assert not leaked, leaked


def test_a_consultation_at_the_page(
    bridge: BridgeProcess, background: Background, chromium: Chromium, firefox: Firefox
) -> None:
    with contextlib.ExitStack() as stack:
        people = Room()
        # The host comes with Chromium, a guest with Firefox.
        hanna = RoomPage(chromium.tab("about:blank"), bridge.web)
        stack.callback(hanna.tab.close)
        frida = RoomPage(firefox.tab("about:blank"), bridge.web)
        frida.join("1002", "Frida")
        frida.wait_view("waiting")
        hanna.enter("1002", "Hanna", PIN)
        frida.wait_view("room")
        frida.tab.wait_connected()
        people.add("Hanna", HANNA_HZ, hanna.tab.hear)
        people.add("Frida", FRIDA_HZ, frida.tab.hear)

        # Two come by telephone.
        bert = stack.enter_context(Baresip("bert", BERT_HZ))
        bert.dial(bridge.uri("1002"))
        bert.press("#")
        sipp = stack.enter_context(
            Sipp("guest", bridge.address, service="1002", tone=SIPP_HZ, keys="#", limit_seconds=200)
        )
        bridge.wait_conference("1002", timeout=10, inside=4)
        overheard = stack.enter_context(Overheard(sipp.media_port()))
        people.add("bert", BERT_HZ, baresip_ear(bert))
        people.add("sipp", SIPP_HZ, overheard_ear(overheard))
        people.check()
        in_room = hanna.people()
        assert len(in_room) == 4, in_room
        assert frida.people() == in_room

        # Locked: the next caller knocks, hears nothing of the room and is not heard.
        hanna.tab.press("Lock the room")
        bridge.wait_conference("1002", locked=True)
        frida.wait_text("Locked")
        knut = stack.enter_context(Baresip("knut", KNUT_HZ))
        knut.dial(bridge.uri("1002"))
        knut.press("#")
        hanna.wait_knockers("knut")
        assert frida.knockers() == []
        assert_deaf(baresip_ear(knut)(4.0), *people.tones.values())
        for recording in people.listen(3.0).values():
            assert_deaf(recording, KNUT_HZ)

        # He is let in.
        hanna.tab.press("Admit knut")
        hanna.wait_people(*in_room, "knut")
        people.add("knut", KNUT_HZ, baresip_ear(knut))
        people.check()

        # One is muted, and may speak again; then all guests.
        hanna.tab.press("Mute bert")
        people.silent = {"bert"}
        people.check()
        assert "Muted by a host" in frida.person("bert")
        hanna.tab.press("Let bert speak")
        hanna.tab.press("Mute all guests")
        people.silent = set(people.tones) - {"Hanna"}
        people.check()
        frida.wait_text("A host has muted you")
        hanna.tab.press("Let guests speak")
        people.silent = set()
        people.check()

        # One is sent away.
        hanna.tab.press("More about bert")
        hanna.tab.press("Remove from the room")
        bert.wait_event("CALL_CLOSED", 8)
        people.leave("bert")
        hanna.wait_people(*(name for name in in_room if name != "bert"), "knut")
        people.check()

        # It ends for all.
        hanna.tab.press("End for all")
        hanna.tab.press("End for all")
        knut.wait_event("CALL_CLOSED", 8)
        frida.wait_view("ended")
        hanna.wait_view("ended")
        sipp.wait(8)
        assert sipp.ok, sipp.errors()
        assert hanna.tab.complaints() == []
        assert frida.tab.complaints() == []
        frida.tab.close()
    reasons = sorted(record["reason"] for record in bridge.wait_records(5))
    assert reasons == ["ended", "ended", "ended", "ended", "kicked"]
