"""Slides from a browser: in the room's picture for telephones, as a second stream for browsers that ask for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.e2e.watching import bridge_with, wait_sees
from tests.peers.bridge import BridgeProcess, room
from tests.peers.chromium import Chromium
from tests.peers.picture_phone import PicturePhone
from tests.peers.tab import Circumstances
from tests.peers.web_caller import WebCaller

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

ANNA, CARA, DORA, SLIDES = "red", "lime", "yellow", "magenta"


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    with bridge_with([room("1001", "open", tones=False, layout="4:0")]) as running:
        yield running
        running.stop()
        assert not running.faults()


def test_a_screen_is_shown_to_all_and_taken_away_again(bridge: BridgeProcess, chromium: Chromium) -> None:
    with PicturePhone("anna", (ANNA,)) as anna, contextlib.ExitStack() as stack:
        anna.call(bridge.uri("1001"))
        cara, dora = (
            WebCaller(chromium.tab(bridge.web, Circumstances(tone=tone, camera=colour, screen=SLIDES)))
            for tone, colour in ((900, CARA), (1200, DORA))
        )
        for number, person in enumerate((cara, dora)):
            stack.callback(person.tab.close)
            # One of them sends its camera in two sizes.
            person.call("1001", "Cara" if person is cara else "Dora", layers=number == 0)
        wait_sees(anna.snapshot, "4:0", [CARA, DORA], who="anna")

        cara.share()
        # In the large seat, people below, for who has one stream; as a stream of its own for who asked for one.
        wait_sees(anna.snapshot, "1:7", [SLIDES, CARA, DORA], who="anna, with slides")
        wait_sees(lambda: dora.tab.snapshot(1), "1:0", [SLIDES], who="dora's second picture")
        wait_sees(dora.tab.snapshot, "4:0", [ANNA, CARA], who="dora's first picture")
        wait_sees(cara.tab.snapshot, "4:0", [ANNA, DORA], who="cara")

        cara.unshare()
        wait_sees(anna.snapshot, "4:0", [CARA, DORA], who="anna, without slides")
