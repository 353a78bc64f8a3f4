"""A short run of the fuzzer over every parser: each one parses, or raises ProtocolError."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.fuzz import Target, fuzz, targets

FOUND = targets(Path(__file__).parents[1])


def test_every_part_that_parses_is_fuzzed() -> None:
    assert {name.split("/")[0] for name in FOUND} >= {"sip", "sdp", "rtp", "rtc", "rooms", "codec"}


@pytest.mark.parametrize("name", sorted(FOUND))
def test_the_parser_parses_or_raises_protocol_error(name: str) -> None:
    target: Target
    target, seeds = FOUND[name]
    assert fuzz(name, target, seeds, seed=2, cases=1500) is None
