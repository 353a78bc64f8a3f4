"""No payload of a peer raises past the codecs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codec import fuzz, fuzz_video

TARGETS = fuzz.TARGETS | fuzz_video.TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_any_octets(name: str) -> None:
    target: Callable[[bytes], object] = TARGETS[name][0]

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=1500))
    def check(payload: bytes) -> None:
        target(payload)

    for seed in TARGETS[name][1]:
        target(seed)
    check()
