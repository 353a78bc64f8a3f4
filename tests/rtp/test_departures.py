"""What came through and what was lost, by transport-wide numbers that wrap."""

from __future__ import annotations

import pytest

from bridge.rtp.departures import MEMORY, Departures
from bridge.rtp.rtcp_feedback import TransportWide


def told(base: int, count: int, *received: tuple[int, int]) -> TransportWide:
    return TransportWide(1, 2, base & 0xFFFF, count, 0, received)


def departures(first: int = 0) -> Departures:
    made = Departures()
    made.leave([0] * first, 0.0)
    made.remembers = True
    return made


def test_who_came_through_and_who_did_not() -> None:
    made = departures()
    made.leave([100, 200], 1.0)
    made.leave([300, 400, 500], 2.0)
    passages, lost = made.take(told(0, 3, (0, 4_000), (2, 4_400)))
    assert [(each.sent, each.octets, each.packets) for each in passages] == [(1.0, 100, 1), (2.0, 300, 1)]
    assert passages[1].arrival - passages[0].arrival == pytest.approx(0.1)
    assert lost == 0  # the one between may come late, and be told of next time
    passages, lost = made.take(told(1, 3, (0, 4_500), (2, 4_800)))
    assert [each.octets for each in passages] == [200, 400]
    made.take(told(4, 1, (0, 5_000)))
    made.leave([600] * 3, 3.0)
    _, lost = made.take(told(7, 1, (0, 6_000)))
    assert lost == 2


def test_those_that_left_together_are_one() -> None:
    made = departures()
    made.leave([100] * 3, 1.0)
    made.leave([50] * 2, 1.04)
    (first, second), _ = made.take(told(0, 5, (0, 400), (1, 410), (2, 420), (4, 600)))
    assert (first.sent, first.octets, first.packets) == (1.0, 300, 3)
    assert first.last - first.arrival == pytest.approx(0.005)
    assert (second.sent, second.octets, second.packets) == (1.04, 50, 1)


def test_what_is_told_twice_counts_once() -> None:
    made = departures()
    made.leave([100] * 4, 1.0)
    feedback = told(0, 4, (0, 1), (3, 2))
    assert made.take(feedback)[0][0].packets == 2
    assert made.take(feedback) == ([], 0)


def test_numbers_and_clock_wrap() -> None:
    made = departures(0xFFFE)
    assert made.next_number == 0xFFFE
    for number in range(4):
        made.leave([100], 1.0 + number)
    assert made.next_number == 2
    first, _ = made.take(told(0xFFFE, 2, (0, 0xFFFFFFF0), (1, 0xFFFFFFFF)))
    second, _ = made.take(told(0, 2, (0, 0x10), (1, 0x08)))
    times = [each.arrival for each in (*first, *second)]
    assert times[2] - times[0] == pytest.approx(0x20 * 0.00025)
    assert times[3] < times[2]


def test_foreign_numbers_are_nobody() -> None:
    made = departures(10)
    made.leave([100], 1.0)
    for base in (0, 9, 11, 500, 0x8000, 0xFFFF):
        passages, lost = made.take(told(base, 1, (0, 0)))
        assert not passages
        assert lost <= 1


def test_memory_is_bounded_and_none_where_nobody_tells() -> None:
    made = departures()
    for _ in range(100):
        made.leave([100] * 100, 1.0)
    (all_of_them,), _ = made.take(told(0, 10_000, *((place, place) for place in range(10_000))))
    assert all_of_them.packets == MEMORY
    silent = Departures()
    silent.leave([100] * 100, 1.0)
    assert silent.take(told(0, 1, (0, 0))) == ([], 0)
    assert silent.next_number == 100
