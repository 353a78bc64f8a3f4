"""A worker gives way within seconds when it is short of time, and comes back slowly, without swinging."""

from __future__ import annotations

from itertools import pairwise

from bridge.video.shortness import WORST, Shortness


def _levels(busy: list[float]) -> list[int]:
    shortness = Shortness()
    return [shortness.judge(share, float(second)) for second, share in enumerate(busy)]


def test_a_busy_second_alone_changes_nothing() -> None:
    assert set(_levels([0.3, 0.95, 0.3, 0.95, 0.3])) == {0}


def test_lasting_pressure_goes_through_all_levels_and_no_further() -> None:
    levels = _levels([0.95] * 15)
    assert levels == sorted(levels)
    assert levels[-1] == WORST
    assert levels.index(1) <= 3


def test_it_comes_back_step_by_step_when_there_is_time() -> None:
    levels = _levels([0.95] * 10 + [0.2] * 60)
    assert levels[-1] == 0
    down = levels[10:]
    assert all(0 <= sooner - later <= 1 for sooner, later in pairwise(down))


def test_between_the_marks_it_stays() -> None:
    assert set(_levels([0.95] * 4 + [0.7] * 100)[4:]) == {1}


def test_it_does_not_swing_where_a_level_less_is_too_much() -> None:
    shortness = Shortness()
    level, changes = 0, 0
    for second in range(900):
        before = level
        level = shortness.judge(0.95 if level == 0 else 0.3, float(second))
        changes += level != before
    assert changes <= 20
