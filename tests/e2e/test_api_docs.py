"""The description of the API is readable in a browser, under the same policy as all pages, and for everybody."""

from __future__ import annotations

import pytest

from tests.peers import axe
from tests.peers.background import Background
from tests.peers.bridge import BridgeProcess, room
from tests.peers.chromium import Chromium

pytestmark = pytest.mark.peers


def test_it_shows_every_operation_and_breaks_no_rule(background: Background, chromium: Chromium) -> None:
    with BridgeProcess([room("1001", "open")]) as bridge:
        tab = chromium.tab(f"{bridge.web}/api/docs")
        tab.wait("document.querySelectorAll('details').length > 80")
        paths = tab.evaluate("[...document.querySelectorAll('summary code')].map(each => each.textContent)")
        assert "/api/client/v2/conferences/{alias}/request_token" in paths and "/whip/{number}" in paths
        tab.evaluate("document.querySelectorAll('details')[0].open = true")
        for dark in (False, True):
            tab.appear(dark=dark)
            assert axe.complaints(tab) == []
        tab.write("Show only what holds", "request_token")
        tab.wait("[...document.querySelectorAll('details')].filter(each => !each.hidden).length === 1")
        assert tab.complaints() == []
        tab.close()
        bridge.stop()
        assert not bridge.faults()
