"""Bits are read as they were written, and never beyond the end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ProtocolError
from bridge.rtp.bits import BitReader


def written(fields: list[tuple[str, int]]) -> bytes:
    text = ""
    for kind, value in fields:
        if kind == "golomb":
            code = f"{value + 1:b}"
            text += "0" * (len(code) - 1) + code
        else:
            text += f"{value:0{int(kind)}b}"
    return int(text.ljust((len(text) + 7) // 8 * 8, "0"), 2).to_bytes((len(text) + 7) // 8, "big")


FIELD = st.one_of(
    st.tuples(st.just("golomb"), st.one_of(st.integers(0, 20), st.integers(0, 2**32 - 2))),
    st.integers(1, 64).flatmap(lambda size: st.tuples(st.just(str(size)), st.integers(0, 2**size - 1))),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(fields=st.lists(FIELD, min_size=1, max_size=20))
def test_what_was_written_is_read(fields: list[tuple[str, int]]) -> None:
    reader = BitReader(written(fields), "cut")
    for kind, value in fields:
        assert (reader.golomb(2**32 - 2) if kind == "golomb" else reader.bits(int(kind))) == value
    with pytest.raises(ProtocolError, match="cut"):
        reader.bits(8)
    with pytest.raises(ProtocolError, match="cut"):
        reader.golomb(2**32 - 2)


def test_signed_codes_and_bounds() -> None:
    octets = written([("golomb", value) for value in range(7)])
    reader = BitReader(octets, "x")
    assert [reader.signed_golomb(3) for _ in range(7)] == [0, 1, -1, 2, -2, 3, -3]
    with pytest.raises(ProtocolError, match="x: 1 over 0"):
        BitReader(b"\x40", "x").golomb(0)
    with pytest.raises(ProtocolError, match="x: code too long"):
        BitReader(bytes(20), "x").golomb(9)
    assert BitReader(b"\x80", "x").flag()
    assert BitReader(b"", "x").bits(0) == 0
