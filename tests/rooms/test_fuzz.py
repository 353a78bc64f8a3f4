"""The fuzz targets hold for their seeds and for what hypothesis thinks of."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rooms.fuzz import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        target(seed)


@given(st.sampled_from(sorted(TARGETS)), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_anything(name: str, data: bytes) -> None:
    TARGETS[name][0](data)
