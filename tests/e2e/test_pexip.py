"""A client that was written for another bridge works with this one: the npm package @pexip/infinity, unmodified.

Its page is another web site, which the configuration names.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.background import Background
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.chromium import Chromium
from tests.peers.pexip import PexipPage, PexipPerson
from tests.peers.sound import hears
from tests.peers.tab import Circumstances
from tests.peers.webrtc_client import Browser

pytestmark = pytest.mark.peers

PIN = "246810"
KARI_HZ, GINA_HZ, NILS_HZ = 500.0, 800.0, 1300.0


@pytest.fixture(scope="module")
def page() -> Iterator[PexipPage]:
    with PexipPage() as serving:
        yield serving


@pytest.fixture(scope="module")
def bridge(page: PexipPage) -> Iterator[BridgeProcess]:
    rooms = [room("1002", "host-pin", host_pin=PIN, tones=False, chat=True)]
    with BridgeProcess(rooms, web={"origins": [page.origin]}, limits=CALM) as running:
        yield running
        running.stop()
        assert not running.faults()


def entry(person: PexipPerson, name: str) -> dict[str, Any]:
    """Somebody in the library's roster."""
    (found,) = [each for each in person.people() if each["displayName"] == name]
    return found


def hears_just(background: Background, listener: Browser, *tones: float, timeout: float = 10.0) -> None:
    """Wait until a second's sound is exactly these tones; prompts may have to end first."""
    end = time.monotonic() + timeout
    while True:
        start = time.monotonic()
        time.sleep(1.0)
        if (found := hears(listener.heard(start), tones, below_peak_db=25.0)) == ([], []):
            return
        assert time.monotonic() < end, f"{listener.name}: {found}"


def test_a_host_with_another_client(
    bridge: BridgeProcess, background: Background, chromium: Chromium, page: PexipPage
) -> None:
    run = background.run
    gina = Browser(bridge.web, "Gina", tone=GINA_HZ)
    nils = Browser(bridge.web, "Nils", tone=NILS_HZ)
    kari = page.person(chromium, bridge.web, Circumstances(tone=int(KARI_HZ)))
    try:
        # It asks for the PIN, and gets in with it.
        assert kari.join("1002", "Kari") == 403
        assert kari.wait_told("onPinRequired") == {"hasHostPin": True, "hasGuestPin": False}
        assert kari.join("1002", "Kari", PIN) == 200
        kari.tab.wait_connected()
        kari.wait_people("Kari")

        # It follows who comes, and both hear each other.
        run(gina.join("1002", "none"))
        run(gina.connected())
        kari.wait_people("Gina", "Kari")
        hears_just(background, gina, KARI_HZ)
        assert hears(kari.tab.hear(1.5), [GINA_HZ], below_peak_db=25.0) == ([], [])

        # It locks; who knocks then is told to it, hears nothing, and is admitted.
        assert kari.ask("lock", lock=True) == 200
        run(gina.wait(lambda: gina.conference["locked"] is True))
        run(nils.join("1002", "none"))
        assert nils.joined["current_service_type"] == "waiting_room"
        kari.wait_people("Gina", "Kari", "Nils")
        knocking = entry(kari, "Nils")
        assert knocking["serviceType"] == "waiting_room"
        start = time.monotonic()
        time.sleep(1.5)
        assert not set(hears(nils.heard(start), []).extra) & {KARI_HZ, GINA_HZ}
        assert nils.people.keys() == {nils.uuid}
        assert kari.ask("admit", participantUuid=knocking["uuid"]) == 200
        run(nils.wait_names("Gina", "Kari", "Nils"))
        hears_just(background, nils, KARI_HZ, GINA_HZ)

        # It mutes one, all, and nobody any more.
        assert kari.ask("mute", mute=True, participantUuid=gina.uuid) == 200
        run(nils.wait(lambda: nils.people[gina.uuid]["is_muted"] == "YES"))
        hears_just(background, nils, KARI_HZ)
        assert kari.ask("mute", mute=False, participantUuid=gina.uuid) == 200
        assert kari.ask("muteAllGuests", mute=True) == 200
        hears_just(background, gina, KARI_HZ)
        assert kari.ask("muteAllGuests", mute=False) == 200
        hears_just(background, gina, KARI_HZ, NILS_HZ)

        # What is written arrives, a raised hand shows, and one is sent away.
        run(gina.ask("message", {"type": "text/plain", "payload": "Hello"}))
        assert kari.wait_told("onMessage")["message"] == "Hello"
        run(gina.about(gina, "buzz"))
        kari.tab.wait("name => person.client.getParticipants('main').some(p => p.handRaisedTime > 0)")
        assert kari.ask("kick", participantUuid=nils.uuid) == 200
        run(nils.wait(lambda: any(event.kind == "disconnect" for event in nils.events), 3))
        kari.wait_people("Gina", "Kari")

        # It leaves.
        kari.ask("disconnect")
        run(gina.wait_names("Gina"))
        assert kari.tab.complaints() == []
    finally:
        kari.tab.close()
        for person in (gina, nils):
            run(person.vanish())
