"""What people see and steer at the page: each other, layouts, their screens, and themselves in a corner."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.e2e.watching import bridge_with, wait_sees
from tests.peers.bridge import BridgeProcess, room
from tests.peers.child import wait_until
from tests.peers.chromium import Chromium
from tests.peers.colours import shown
from tests.peers.picture_phone import PicturePhone
from tests.peers.room_page import RoomPage
from tests.peers.tab import Circumstances

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

PIN = "246810"
HANNA, GINA, PHONE, SCREEN = "red", "blue", "lime", "yellow"


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    rooms = [room("1002", "host-pin", host_pin=PIN, tones=False, layout="4:0")]
    with bridge_with(rooms) as running:
        yield running
        running.stop()
        assert not running.faults()


@contextlib.contextmanager
def at_the_page(chromium: Chromium, web: str, camera: str, screen: str = "") -> Iterator[RoomPage]:
    page = RoomPage(chromium.tab("about:blank", Circumstances(tone=500, camera=camera, screen=screen)), web)
    try:
        yield page
        assert page.tab.complaints() == []
    finally:
        with contextlib.suppress(Exception):
            page.tab.press("Leave")  # else the seat is kept for him
        page.tab.close()


def wait_picture(page: RoomPage) -> None:
    page.tab.wait(
        "document.querySelector('.stage') && document.querySelector('.stage').checkVisibility()", timeout=20
    )


def test_a_conversation_with_pictures(bridge: BridgeProcess, chromium: Chromium) -> None:
    with (
        at_the_page(chromium, bridge.web, HANNA, screen=SCREEN) as hanna,
        at_the_page(chromium, bridge.web, GINA) as gina,
        PicturePhone("phone", (PHONE,), tone=None) as phone,
    ):
        hanna.enter("1002", "Hanna", PIN)
        gina.enter("1002", "Gina")
        wait_picture(gina)
        phone.call(bridge.uri("1002"))
        phone.press("#")
        bridge.wait_conference("1002", timeout=15, inside=3)
        wait_sees(hanna.tab.snapshot, "4:0", [GINA, PHONE], who="hanna")
        wait_sees(gina.tab.snapshot, "4:0", [HANNA, PHONE], who="gina")
        assert gina.tab.evaluate("document.querySelector('.own-picture').checkVisibility()")
        gina.tab.press("Hide own picture")
        assert not gina.tab.evaluate("document.querySelector('.own-picture').checkVisibility()")

        # A camera that is off is no picture that stands still; on again, it is seen again.
        gina.tab.press("Camera off")
        wait_until(lambda: GINA not in shown(hanna.tab.snapshot()), 10, lambda: "Gina's camera is off")
        gina.tab.press("Camera on")
        wait_sees(hanna.tab.snapshot, "4:0", [GINA, PHONE], who="hanna")

        # The host hides a picture, and lets it be seen again.
        hanna.tab.press("More about Gina")
        hanna.tab.press("Turn the picture off")
        gina.wait_text("A host has turned your picture off")
        wait_until(lambda: GINA not in shown(hanna.tab.snapshot()), 10, lambda: "Gina's picture is off")
        hanna.tab.press("More about Gina")
        hanna.tab.press("Let the picture be seen")
        wait_sees(hanna.tab.snapshot, "4:0", [GINA, PHONE], who="hanna")

        # Slides: in the picture of everybody, then beside it for who wants that, then gone.
        hanna.tab.press("Share screen")
        gina.wait_text("is sharing the screen")
        wait_until(lambda: SCREEN in shown(phone.snapshot()), 15, lambda: "the phone sees the screen")
        wait_until(lambda: SCREEN in shown(gina.tab.snapshot()), 15, lambda: "Gina sees the screen")
        gina.tab.press("Slides beside the picture")
        wait_until(lambda: shown(gina.tab.snapshot(1)) == {SCREEN}, 15, lambda: "slides of their own")
        wait_sees(gina.tab.snapshot, "4:0", [HANNA, PHONE], who="gina")
        gina.tab.press("Slides in the picture")
        hanna.tab.press("Stop sharing")
        wait_until(lambda: SCREEN not in shown(phone.snapshot()), 15, lambda: "no screen any more")
        wait_sees(gina.tab.snapshot, "4:0", [HANNA, PHONE], who="gina")

        # An interpreter is marked, and the host chooses another layout by its drawing.
        hanna.tab.press("More about phone")
        hanna.tab.press("Mark as interpreter")
        gina.wait_text("Interpreter")
        hanna.tab.press("Layout")
        hanna.tab.press("One picture")
        wait_until(lambda: len(shown(phone.snapshot())) == 1, 15, lambda: "one large picture")


def test_who_waits_sees_himself_and_nobody_else(bridge: BridgeProcess, chromium: Chromium) -> None:
    with at_the_page(chromium, bridge.web, GINA) as gina:
        gina.join("1002", "Gina")
        gina.wait_view("waiting")
        gina.tab.wait("document.querySelector('.waiting-picture').checkVisibility()")
        gina.tab.wait_connected()
        wait_until(lambda: shown(gina.tab.snapshot()) == set(), 15, lambda: "a card and no colour")
