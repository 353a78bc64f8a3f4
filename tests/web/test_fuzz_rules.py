"""The fuzz targets of the rim hold for their seeds and for what hypothesis thinks of."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ProtocolError
from tests.web.fuzz_rules import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        with contextlib.suppress(ProtocolError):
            target(seed)


@given(st.sampled_from(sorted(TARGETS)), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_anything(name: str, data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        TARGETS[name][0](data)
