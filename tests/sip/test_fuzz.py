"""One sentence for each parser, held by generated input: it parses, or raises ProtocolError, nothing else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import ProtocolError
from tests.sip.fuzz import TARGETS

_PIECES = [
    b"\r\n",
    b"\n",
    b" ",
    b"\t",
    b'"',
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b"%",
    b"\0",
    b"\xff",
    b"[",
    b"]",
]


@st.composite
def spoilt(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with some spans replaced by odd bytes."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.integers(0, 6))
        data[start:end] = draw(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=4)))
    return bytes(data)


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(case=st.data())
def test_spoilt_input(name: str, case: st.DataObject) -> None:
    target, seeds = TARGETS[name]
    with contextlib.suppress(ProtocolError):
        target(case.draw(st.one_of(spoilt(seeds), st.binary(max_size=80))))


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_seeds(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        with contextlib.suppress(ProtocolError):
            target(seed)
