"""axe-core finds nothing to mend on any state of the page: light as on a desktop, dark as on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.states import ROOMS, walk
from tests.peers import axe
from tests.peers.background import Background
from tests.peers.bridge import CALM, BridgeProcess
from tests.peers.chromium import Chromium

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    with BridgeProcess(ROOMS, limits=CALM) as running:
        yield running
        running.stop()
        assert not running.faults()


def test_every_state_in_both_themes(
    bridge: BridgeProcess, background: Background, chromium: Chromium
) -> None:
    seen, found = [], []
    for name, tab in walk(bridge, background, chromium):
        seen.append(name)
        tab.appear(dark=False)
        found += [f"{name}, light: {each}" for each in axe.complaints(tab)]
        tab.appear(dark=True, width=360, height=740)
        found += [f"{name}, dark, phone: {each}" for each in axe.complaints(tab)]
        found += [f"{name}: {each}" for each in tab.complaints()]
    print(f"{len(seen)} states: {', '.join(seen)}")
    assert not found, "\n".join(found)
