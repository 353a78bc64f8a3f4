"""What was sent is remembered for a second, and no more than so much of it."""

from __future__ import annotations

from bridge.rtp.copies import MOST, Copies


def test_found_within_a_second_over_the_wrap() -> None:
    copies = Copies()
    copies.keep(65_535, [b"a", b"b"], 1.0)
    assert copies.find(65_535, 1.9) == b"a"
    assert copies.find(0, 1.9) == b"b"
    assert copies.find(1, 1.9) is None
    assert copies.find(0, 2.1) is None
    copies.keep(1, [b"c"], 2.1)
    assert len(copies) == 1


def test_bounded() -> None:
    copies = Copies()
    for number in range(0, 70_000, 10):
        copies.keep(number & 0xFFFF, [b""] * 10, 1.0)
    assert len(copies) <= MOST
    assert copies.find(69_999 & 0xFFFF, 1.0) == b""
