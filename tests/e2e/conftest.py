"""What tests with browsers share: one event loop for all drivers, and one Chromium, as starting it takes seconds; and a
second try for whatever drives real clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.peers.background import Background
from tests.peers.chromium import Chromium

_HERE: Final = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what drives real clients a second time before it counts as failed.

    Browsers, telephones and the bridge work in real time on whatever machine there is: when another program takes the
    processor for a second, a call breaks or a picture stays away, and nobody here is to blame. What is broken fails
    twice. No other test gets a second try: they have no clock but their own.
    """
    for item in items:
        if item.path.is_relative_to(_HERE) and item.get_closest_marker("peers"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    with Background() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(background: Background) -> Iterator[Chromium]:
    with Chromium(background, microphone=450) as running:
        yield running
