"""Levels are dBov as RFC 6464 says; fades begin and end flat; a cut sound ends without a click."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.pcm import FADE, FRAME, RATE, RISE, amplitude, dbov, level, power, ramp, tail_of
from tests.mixer.sounds import clicks_db, sine


def test_level_of_square_sine_and_silence() -> None:
    rows = np.stack((np.ones(FRAME, np.float32), sine(1000, 0.02, 1.0), np.zeros(FRAME, np.float32)))
    assert level(rows) == pytest.approx([0.0, -3.01, -127.0], abs=0.01)


def test_power_and_amplitude() -> None:
    assert power(np.full((1, FRAME), 0.5, np.float32))[0] == pytest.approx(0.25)
    assert dbov(np.array([0.25], np.float32))[0] == pytest.approx(-6.02, abs=0.01)
    assert amplitude(-20) == pytest.approx(0.1)


def test_ramp_moves_in_10_ms() -> None:
    gains = ramp(0.2, 1.0)
    assert gains[0] == pytest.approx(0.2, abs=1e-4)
    assert gains[FADE:] == pytest.approx(np.ones(FRAME - FADE))
    assert np.all(np.diff(gains) >= 0)
    assert np.abs(np.diff(RISE)).max() < 0.004


@pytest.mark.parametrize("frequency", [110.0, 440.0, 1333.0])
def test_tail_ends_a_tone_without_a_click(frequency: float) -> None:
    tone = sine(frequency, 0.1, 0.5)
    tone = tone[: len(tone) - 17]  # not at a zero crossing
    cut = np.concatenate((tone, np.zeros(2000, np.float32)))
    ended = np.concatenate((tone, tail_of(tone), np.zeros(2000 - FADE, np.float32)))
    assert clicks_db(ended) < -45
    assert clicks_db(ended) < clicks_db(cut) - 15


def test_tail_of_other_length_and_of_silence() -> None:
    assert len(tail_of(sine(440, 0.1), 80)) == 80
    assert not tail_of(np.zeros(RATE // 10, np.float32)).any()
