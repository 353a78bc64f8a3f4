"""Rates change without images, aliases or ripple, in short time, and block by block as in one piece."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.pcm import RATE, Samples
from mixer.resample import FROM_8K, FROM_16K, RATES, TO_8K, TO_16K, Decimator, Interpolator, from_rate
from tests.mixer.sounds import sine, tone_db


def up(interpolator: Interpolator, sound: Samples) -> Samples:
    extended = np.concatenate((np.zeros(interpolator.history, np.float32), sound))
    return np.asarray(interpolator.run(extended[np.newaxis])[0], np.float32)


def down(decimator: Decimator, sound: Samples) -> Samples:
    extended = np.concatenate((np.zeros(decimator.history, np.float32), sound))
    return np.asarray(decimator.run(extended[np.newaxis])[0], np.float32)


@pytest.mark.parametrize(
    ("interpolator", "rate", "passed", "stopped_db"),
    [(FROM_8K, 8000, (200, 1000, 3000, 3400), -38), (FROM_16K, 16000, (200, 3000, 6400, 7000), -45)],
)
def test_up(interpolator: Interpolator, rate: int, passed: tuple[int, ...], stopped_db: float) -> None:
    for frequency in passed:
        out = up(interpolator, sine(frequency, 0.4, 0.5, rate))
        assert tone_db(out, frequency) == pytest.approx(-6.02, abs=0.6)
        assert tone_db(out, rate - frequency) + 6.02 < stopped_db
        assert tone_db(out, rate + frequency) + 6.02 < stopped_db


@pytest.mark.parametrize(
    ("decimator", "rate", "passed", "folded", "stopped_db"),
    [
        (TO_8K, 8000, (200, 1000, 3000, 3400), (4600, 5000, 7000, 12000), -38),
        (TO_16K, 16000, (200, 3000, 6400, 7000), (9000, 10000, 15000, 20000), -45),
    ],
)
def test_down(
    decimator: Decimator, rate: int, passed: tuple[int, ...], folded: tuple[int, ...], stopped_db: float
) -> None:
    for frequency in passed:
        assert tone_db(down(decimator, sine(frequency, 0.4, 0.5)), frequency, rate) == pytest.approx(
            -6.02, abs=0.6
        )
    for frequency in folded:
        out = down(decimator, sine(frequency, 0.4, 0.5))[100:]
        assert 20 * np.log10(np.abs(out).max() * 2) < stopped_db


def test_delay_is_short() -> None:
    for interpolator in (FROM_8K, FROM_16K):
        impulse = np.zeros(320, np.float32)
        impulse[100] = 1
        peak = int(np.argmax(up(interpolator, impulse)))
        assert peak - 100 * interpolator.factor == pytest.approx(interpolator.delay, abs=1)
        assert interpolator.delay / RATE <= 0.001
    for decimator in (TO_8K, TO_16K):
        assert decimator.delay / RATE <= 0.001


def test_many_rows_in_steps_are_one_row_in_one_piece() -> None:
    sound = np.random.default_rng(1).standard_normal((5, 960 * 4)).astype(np.float32)
    padded = np.concatenate((np.zeros((5, TO_8K.history), np.float32), sound), axis=1)
    at_once = TO_8K.run(padded)
    steps = [TO_8K.run(padded[:, start : start + TO_8K.history + 960]) for start in range(0, 3840, 960)]
    assert np.concatenate(steps, axis=1) == pytest.approx(at_once, abs=1e-6)


def test_constant_has_no_ripple() -> None:
    out = up(FROM_8K, np.ones(320, np.float32))
    assert out[200:] == pytest.approx(np.ones(len(out) - 200), abs=1e-5)


def test_odd_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks"):
        FROM_8K.run(np.zeros((1, FROM_8K.history + 17), np.float32))
    with pytest.raises(ValueError, match="blocks"):
        TO_8K.run(np.zeros((1, TO_8K.history + 95), np.float32))


@pytest.mark.parametrize("rate", RATES)
def test_recordings(rate: int) -> None:
    for frequency in (200, 0.4 * rate):
        out = up(from_rate(rate), sine(frequency, 0.4, 0.5, rate))
        assert tone_db(out, frequency) == pytest.approx(-6.02, abs=0.5)
        assert tone_db(out, rate - frequency) < -60
    assert from_rate(rate) is from_rate(rate)


def test_other_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        from_rate(44100)
