"""Ticks move to just after most pictures, and stay where nothing is to be gained."""

from __future__ import annotations

import pytest

from bridge.video.phase import MARGIN, best_shift

PERIOD = 0.04


def _sources(*phases: float) -> list[float]:
    return [100.0 + phase + number * PERIOD for number in range(25) for phase in phases]


def test_one_source_is_met_just_after_its_picture() -> None:
    assert best_shift(_sources(0.010), 100.0, PERIOD) == pytest.approx(0.010 + MARGIN)
    assert best_shift(_sources(0.030), 100.0, PERIOD) == pytest.approx(-0.010 + MARGIN)


def test_of_several_the_longest_gap_lies_before_the_tick() -> None:
    shift = best_shift(_sources(0.002, 0.006, 0.012), 100.0, PERIOD)
    assert shift == pytest.approx(0.012 + MARGIN)


def test_a_small_gain_is_none() -> None:
    assert best_shift(_sources(0.0385), 100.0, PERIOD) == 0.0
    assert best_shift(_sources(*(at / 1000 for at in range(0, 40, 2))), 100.0, PERIOD) == 0.0
    assert best_shift([], 100.0, PERIOD) == 0.0


def test_after_the_move_there_is_nothing_left_to_move() -> None:
    ready = _sources(0.007, 0.009, 0.021, 0.022)
    shift = best_shift(ready, 100.0, PERIOD)
    assert shift
    assert best_shift(ready, 100.0 + shift, PERIOD) == 0.0
