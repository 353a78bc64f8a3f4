"""Comfort noise is faint, steady and the same in every run."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.noise import NOISE_DBOV, ComfortNoise
from mixer.pcm import FRAME, level


def test_level_and_repeatability() -> None:
    noise, again = ComfortNoise(), ComfortNoise()
    frames = np.stack([noise.frame(tick) for tick in range(200)])
    assert float(level(frames.reshape(1, -1))[0]) == pytest.approx(NOISE_DBOV, abs=0.1)
    assert level(frames).max() < -55
    assert -66 < NOISE_DBOV < -59
    assert np.array_equal(noise.frame(3), again.frame(3))
    assert np.array_equal(noise.frame(3), noise.frame(203))
    assert noise.frame(0).shape == (FRAME,)
