"""Packets come out in the order of their numbers, over the wrap, and gaps are left behind whole."""

from __future__ import annotations

from bridge.rtp.order import PacketOrder
from bridge.rtp.video_packet import VideoPacket


def packet(sequence: int) -> VideoPacket:
    return VideoPacket(96, False, sequence & 0xFFFF, 0, 7, b"picture")


def begun(first: int) -> PacketOrder:
    """An order that has given out its first packet."""
    order = PacketOrder()
    order.begin(packet(first), 10.0, True)
    assert order.leap_to_key()
    assert drained(order) == [first & 0xFFFF]
    return order


def drained(order: PacketOrder) -> list[int]:
    found = []
    while (entry := order.pop()) is not None:
        found.append(entry[0].sequence)
    return found


def wait(order: PacketOrder, *sequences: int, key_start: bool = False) -> None:
    for sequence in sequences:
        order.wait(order.number(sequence & 0xFFFF), packet(sequence), 10.0 + sequence / 1_000, key_start)


def test_over_the_wrap() -> None:
    order = begun(65_533)
    wait(order, 65_537, 65_535, 65_536)
    assert drained(order) == []
    assert len(order.missing) == 1
    wait(order, 65_534)
    assert drained(order) == [65_534, 65_535, 0, 1]
    assert not order.missing
    assert not order.waiting


def test_a_gap_is_given_up_to_its_end() -> None:
    order = begun(100)
    wait(order, 103, 106)
    assert order.gap_since == 10.103
    assert order.give_up().sequence == 103
    assert drained(order) == [103]
    assert order.gap_since == 10.106
    assert order.number(102) < order.gave_up <= order.number(103)


def test_to_the_next_key_frame() -> None:
    order = begun(100)
    assert not order.leap_to_key()
    wait(order, 104, 107)
    wait(order, 106, key_start=True)
    assert order.leap_to_key()
    assert drained(order) == [106, 107]
    assert not order.waiting
    assert not order.missing
    wait(order, 110)
    assert not order.leap_to_key()


def test_what_was_overtaken_by_the_first_packet() -> None:
    order = PacketOrder()
    order.begin(packet(5), 10.0, False)
    wait(order, 4, 7, -3)
    assert order.gap_since == 10.0
    assert order.give_up().sequence == 65_533
    assert drained(order) == [65_533]
    assert order.begun


def test_numbers_far_off() -> None:
    order = begun(100)
    assert not order.is_far(order.number(1_100))
    assert order.is_far(order.number(1_200))
    assert order.is_far(order.number(64_000))


def test_when_it_is_full() -> None:
    order = begun(0)
    wait(order, *range(2, 1_026))
    assert not order.is_full
    wait(order, 1_026)
    assert order.is_full
    order = begun(0)
    wait(order, 301)
    assert not order.is_full
    wait(order, 303)
    assert order.is_full


def test_a_gap_that_is_given_up_at_once_costs_little() -> None:
    """Else a peer that leaves out a thousand numbers with each packet would hold up the sound of all."""
    order = begun(0)
    highest = 0
    for _ in range(100):
        highest += 990
        order.wait(order.number(highest & 0xFFFF), packet(highest & 0xFFFF), 10.0, False)
        assert order.is_full and len(order.missing) == 301
        assert order.give_up().sequence == highest & 0xFFFF
        assert not order.missing and order.gave_up == order.expected
        assert drained(order) == [highest & 0xFFFF]
