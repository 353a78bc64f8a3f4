"""Who waits, knocks or is sent away is on no picture of the room, and sees nobody: a card (reliability.md G-06).

Every single picture that came is looked at, not only the last one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.watching import bridge_with, colours_seen, wait_sees, wait_sees_nobody
from tests.peers.background import Background
from tests.peers.bridge import BridgeProcess, room
from tests.peers.picture_phone import PicturePhone
from tests.peers.webrtc_client import Browser

pytestmark = pytest.mark.peers

PIN = "246810"
HANNA, GRO, KNUT = "lime", "blue", "red"


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    with bridge_with([room("1002", "host-pin", host_pin=PIN, tones=False, layout="4:0")]) as running:
        yield running
        running.stop()
        assert not running.faults()


def test_waiting_knocking_and_being_sent_away(bridge: BridgeProcess, background: Background) -> None:
    run = background.run
    hanna = Browser(bridge.web, "Hanna", colour=HANNA)
    with PicturePhone("gro", (GRO,)) as gro, PicturePhone("knut", (KNUT,)) as knut:
        try:
            # The PIN is asked for, then the host is waited for.
            gro.call(bridge.uri("1002"))
            wait_sees_nobody(gro.snapshot, who="gro at the door")
            gro.press("#")
            bridge.wait_conference("1002", timeout=10, lobby=1)
            time.sleep(1)
            wait_sees_nobody(gro.snapshot, who="gro, who waits for the host")
            run(hanna.join("1002", PIN))
            run(hanna.connected())
            assert colours_seen(gro.camera.since(0)) <= {HANNA}, "her own picture is not shown to her"
            wait_sees(gro.snapshot, "4:0", [HANNA], who="gro in the room")
            wait_sees(lambda: run(hanna.snapshot()), "4:0", [GRO], who="hanna")

            # Locked: the next one knocks, is declined, knocks again, and is let in.
            run(hanna.ask("lock"))
            for declined in (True, False):
                start = time.monotonic()
                knut.camera.seen.clear()
                knut.camera.latest = None
                knut.call(bridge.uri("1002"))
                wait_sees_nobody(knut.snapshot, who="knut at the door")
                knut.press("#")
                run(hanna.wait(lambda: waiting(hanna), 10))
                time.sleep(1)
                wait_sees_nobody(knut.snapshot, who="knut, who knocks")
                assert colours_seen(knut.camera.since(start)) == set()
                assert colours_seen(gro.camera.since(start)) == {HANNA}, "who knocks is on no picture"
                if declined:
                    run(hanna.about(waiting(hanna), "disconnect"))
                    knut.wait_ended(15)
                    assert colours_seen(knut.camera.since(start)) == set()
                    assert colours_seen(gro.camera.since(start)) == {HANNA}
            run(hanna.about(waiting(hanna), "unlock"))
            wait_sees(knut.snapshot, "4:0", [GRO, HANNA], who="knut in the room")
            wait_sees(gro.snapshot, "4:0", [HANNA, KNUT], who="gro")

            # On hold he is on no picture either, and sees nobody.
            knut.reinvite("sendonly")
            wait_sees(gro.snapshot, "4:0", [HANNA], who="gro, while knut holds")
            knut.reinvite("sendrecv")
            wait_sees(gro.snapshot, "4:0", [HANNA, KNUT], who="gro, when knut is back")
        finally:
            run(hanna.vanish())


def waiting(host: Browser) -> str:
    """Who knocks, as the host is told: his uuid, or ""."""
    found = (uuid for uuid, each in host.people.items() if each["service_type"] == "waiting_room")
    return next(found, "")
