"""The mix is the sum; the mix-minus is the sum of the others; gains move without a jump."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.audio import mix
from mixer.pcm import FADE, FRAME


def frames(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(3).uniform(-0.2, 0.2, (count, FRAME)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 9, 40])
def test_everybody_hears_the_others(count: int) -> None:
    sound = frames(count)
    one = np.ones(count, np.float32)
    shared, parts = mix(sound, one, one)
    assert shared == pytest.approx(sound.sum(axis=0), abs=1e-5)
    for row, heard in enumerate(shared - parts):
        assert heard == pytest.approx(np.delete(sound, row, axis=0).sum(axis=0), abs=1e-5)


def test_alone_one_hears_exactly_nothing() -> None:
    shared, parts = mix(frames(1), np.ones(1, np.float32), np.ones(1, np.float32))
    assert not (shared - parts).any()


def test_gain_and_silence() -> None:
    sound = frames(2)
    gains = np.array([0.5, 0.0], np.float32)
    shared, parts = mix(sound, gains, gains)
    assert shared == pytest.approx(sound[0] * 0.5, abs=1e-6)
    assert not parts[1].any()


def test_a_new_gain_is_reached_within_10_ms() -> None:
    sound = np.ones((1, FRAME), np.float32)
    shared, _ = mix(sound, np.zeros(1, np.float32), np.ones(1, np.float32))
    assert shared[0] < 0.001
    assert shared[FADE:] == pytest.approx(np.ones(FRAME - FADE))
    assert np.abs(np.diff(shared)).max() < 0.005
