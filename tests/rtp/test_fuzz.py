"""P-02 in small: whatever comes, a parser parses or raises ProtocolError, nothing else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ProtocolError
from tests.rtp import fuzz, fuzz_video

TARGETS = {**fuzz.TARGETS, **fuzz_video.TARGETS}


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    edits=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6)), max_size=6), seed=st.integers(0, 20)
)
def test_edited_seeds(name: str, edits: list[tuple[int, bytes]], seed: int) -> None:
    target, seeds = TARGETS[name]
    data = bytearray(seeds[seed % len(seeds)])
    for at, piece in edits:
        place = at % (len(data) + 1)
        data[place : place + len(piece) // 2] = piece
    with contextlib.suppress(ProtocolError):
        target(bytes(data))


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.binary(max_size=600))
def test_any_bytes(name: str, data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        TARGETS[name][0](data)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_seeds_are_good(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        target(seed)
