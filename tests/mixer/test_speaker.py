"""The K loudest are mixed, the choice does not flutter, and a talker is in at once when there is room."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mixer.pcm import Vector
from mixer.speaker import NEWCOMER_TICKS, choose, follow_floor, smooth, talking


def powers(*levels: float) -> Vector:
    return np.array([10 ** (level / 10) for level in levels], np.float32)


def chosen(smoothed: Vector, active: set[int], k: int, since: int = 1000) -> set[int]:
    flags = np.array([index in active for index in range(len(smoothed))])
    return set(choose(smoothed, flags, np.full(len(smoothed), since), k).tolist())


def test_up_to_k_plus_1_are_all_mixed() -> None:
    assert chosen(powers(-20, -30, -40), set(), 2) == {0, 1, 2}
    assert chosen(powers(-20, -30, -40, -25), set(), 2) == {0, 3}


def test_silence_is_not_mixed() -> None:
    assert chosen(powers(-20, -127, -70), set(), 8) == {0}
    assert chosen(powers(-20, -67.5, -67.5), {1}, 8) == {0, 1}  # the gate closes lower than it opens


def test_hysteresis() -> None:
    assert chosen(powers(-30, -31, -29, -60), {0, 1}, 2) == {0, 1}
    assert chosen(powers(-30, -31, -27, -60), {0, 1}, 2) == {0, 2}
    assert chosen(powers(-30, -31, -27, -60), {0, 1}, 2, since=NEWCOMER_TICKS - 1) == {0, 1}


def test_a_free_place_is_taken_at_once() -> None:
    assert chosen(powers(-30, -65.9, -80, -80), {0}, 2) == {0, 1}


def test_equal_levels_do_not_flutter() -> None:
    random = np.random.default_rng(5)
    smoothed = np.zeros(30, np.float32)
    active: npt.NDArray[np.bool_] = np.zeros(30, np.bool_)
    since = np.zeros(30, np.intp)
    changes = 0
    for tick in range(1000):
        smoothed = smooth(smoothed, powers(*(-30 + random.normal(0, 1, 30))))
        now = np.zeros(30, np.bool_)
        now[choose(smoothed, active, since, 8)] = True
        if tick > 50:
            changes += int((now != active).sum())
        since = np.where(now == active, since + 1, 0)
        active = now
    assert changes <= 20  # ten exchanges in 19 s


def test_a_talker_comes_up_within_two_ticks_and_goes_slowly() -> None:
    smoothed = smooth(powers(-127), powers(-20))
    assert 10 * np.log10(smoothed[0]) > -22
    for _ in range(25):  # half a second of pause
        smoothed = smooth(smoothed, powers(-127))
    assert 10 * np.log10(smoothed[0]) == pytest.approx(-33, abs=2)


def test_talking_has_a_threshold_over_the_noise_of_the_line() -> None:
    floor = np.full(1, 1e-9, np.float32)
    for _ in range(3000):
        floor = follow_floor(floor, powers(-45))
    nobody, somebody = np.array([False]), np.array([True])
    assert not talking(powers(-45), floor, nobody)[0]
    assert talking(powers(-30), floor, nobody)[0]
    quiet = follow_floor(follow_floor(floor, powers(-80)), powers(-80))
    for _ in range(40):
        quiet = follow_floor(quiet, powers(-80))
    assert talking(powers(-45), quiet, nobody)[0]
    assert talking(powers(-53), quiet, somebody)[0]
    assert not talking(powers(-53), quiet, nobody)[0]


def test_a_constant_loud_tone_goes_on_talking() -> None:
    floor = np.full(1, 1e-9, np.float32)
    for _ in range(5000):
        floor = follow_floor(floor, powers(-20))
    assert talking(powers(-20), floor, np.array([True]))[0]
