"""A client that was written for another bridge sees and steers the pictures of this one: @pexip/infinity, as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mixer.layout import NAMES
from tests.e2e.watching import wait_sees, wait_sees_nobody
from tests.peers.background import Background
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.chromium import Chromium
from tests.peers.pexip import PexipPage
from tests.peers.tab import Circumstances
from tests.peers.webrtc_client import Browser

pytestmark = pytest.mark.peers

KARI, GINA, SCREEN = "red", "blue", "yellow"


@pytest.fixture(scope="module")
def page() -> Iterator[PexipPage]:
    with PexipPage() as serving:
        yield serving


@pytest.fixture(scope="module")
def bridge(page: PexipPage) -> Iterator[BridgeProcess]:
    rooms = [room("1001", "open", tones=False, layout="4:0")]
    with BridgeProcess(rooms, web={"origins": [page.origin]}, video={"height": 360}, limits=CALM) as running:
        yield running
        running.stop()
        assert not running.faults()


def test_another_client_sees_is_seen_and_arranges(
    bridge: BridgeProcess, background: Background, chromium: Chromium, page: PexipPage
) -> None:
    run = background.run
    gina = Browser(bridge.web, "Gina", colour=GINA)
    kari = page.person(chromium, bridge.web, Circumstances(camera=KARI, screen=SCREEN))
    try:
        assert kari.join("1001", "Kari", video=True) == 200
        kari.tab.wait_connected()
        wait_sees_nobody(kari.tab.snapshot, who="kari, who is alone")
        run(gina.join("1001"))
        run(gina.connected())
        wait_sees(kari.tab.snapshot, "4:0", [GINA], who="kari")
        wait_sees(lambda: run(gina.snapshot()), "4:0", [KARI], who="gina")

        # It knows the layouts with their drawings, chooses one, and is told of it.
        assert kari.answer("availableLayouts") == list(NAMES)
        drawings = kari.answer("layoutSvgs")
        assert drawings.keys() == set(NAMES) and all("<svg" in each for each in drawings.values())
        transforms = {"layout": "1:7", "enable_overlay_text": False}
        assert kari.ask("setLayout", transforms=transforms) == 200
        chosen = """() => person.told.some(({ name, value }) =>
            name === 'onLayoutUpdate' && value.view === '1:7' && value.overlay_text_enabled === false
            && value.requested_layout.primary_screen.chair_layout === '1:7'
            && value.participants.length === 2)"""
        kari.tab.wait(chosen)

        # A spotlight is seen in its roster; a camera that it mutes is in nobody's picture.
        assert kari.ask("spotlight", enable=True, participantUuid=gina.uuid) == 200
        kari.tab.wait("person.client.getParticipants('main').some(p => p.isSpotlight)")
        assert kari.ask("muteVideo", muteVideo=True, participantUuid=gina.uuid) == 200
        kari.tab.wait("person.client.getParticipants('main').some(p => p.isCameraMuted)")
        wait_sees_nobody(kari.tab.snapshot, who="kari, while gina's camera is muted")
        assert kari.ask("muteVideo", muteVideo=False, participantUuid=gina.uuid) == 200
        wait_sees(kari.tab.snapshot, "1:7", [GINA], who="kari again")

        # What it shows of its screen is large in the picture of who has no second one, and ends when it says so.
        kari.tab.evaluate("person.present()")
        wait_sees(lambda: run(gina.snapshot()), "1:7", [SCREEN, KARI], who="gina, while kari presents")
        kari.tab.evaluate("person.client.stopPresenting()")
        wait_sees(lambda: run(gina.snapshot()), "1:7", [KARI], who="gina, after that")
        assert kari.tab.complaints() == []
    finally:
        run(gina.vanish())
        kari.tab.close()
