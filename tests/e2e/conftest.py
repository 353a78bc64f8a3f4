"""What tests with browsers share: one event loop for all drivers, and one Chromium, as starting it takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.background import Background
from tests.peers.chromium import Chromium


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    with Background() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(background: Background) -> Iterator[Chromium]:
    with Chromium(background, microphone=450) as running:
        yield running
