"""No input makes a parser's work grow faster than its size: calls are counted, not time, so it holds anywhere."""

from __future__ import annotations

import sys
from contextlib import suppress

import pytest

from bridge.errors import ProtocolError
from tests.sip.bench import GROWING


def calls(name: str, factor: int) -> int:
    """How many Python and C functions are called for the input of this size."""
    run, data = GROWING[name](factor)
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    with suppress(ProtocolError):
        run(data)  # once before, so that nothing is counted that happens once only
    previous = sys.getprofile()
    sys.setprofile(note)
    try:
        with suppress(ProtocolError):
            run(data)
    finally:
        sys.setprofile(previous)
    return count


@pytest.mark.parametrize("name", sorted(GROWING))
def test_twice_the_input_is_at_most_twice_the_work(name: str) -> None:
    assert calls(name, 2) <= 2.3 * calls(name, 1) + 20
