"""The limiter changes nothing below -3 dBFS, never reaches full scale, and does not pump."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.limiter import KNEE, bend, limit
from mixer.pcm import FRAME, Samples
from tests.mixer.sounds import clicks_db, sine, tone_db


def run(sound: Samples) -> Samples:
    gains = np.ones(1, np.float32)
    rows = sound.reshape(-1, 1, FRAME).copy()
    for row in rows:
        limit(row, gains, np.array([0]))
    return rows.reshape(-1)


def test_transparent_below_the_knee() -> None:
    sound = sine(440, 0.4, KNEE - 0.001)
    assert np.array_equal(run(sound), sound)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 60.0))
def test_never_reaches_full_scale(seed: int, loudness: float) -> None:
    random = np.random.default_rng(seed)
    sound = random.standard_normal(5 * FRAME) * loudness * (random.random(5).repeat(FRAME) > 0.4)
    assert np.abs(run(sound.astype(np.float32))).max() < 1.0


def test_many_talkers_keep_their_shape() -> None:
    voices = sum((sine(200 + 130 * n, 1.0, 0.25) for n in range(9)), np.zeros(48000, np.float32))
    out = run(voices)
    assert np.abs(out).max() < 1.0
    settled = out[24000:]
    for n in range(9):  # all are still there, and as loud as each other
        assert tone_db(settled, 200 + 130 * n) == pytest.approx(tone_db(settled, 200), abs=0.5)
    hard = np.clip(voices, -1, 1)[24000:]
    assert clicks_db(settled) < clicks_db(hard) - 3


def test_a_loud_moment_does_not_pump() -> None:
    sound = sine(440, 1.0, 0.3)
    sound[9600:14400] *= 6  # 100 ms of 1.8
    out = run(sound)
    after = np.array([np.abs(out[at : at + 480]).max() for at in range(14400, 48000, 480)])
    assert after[0] > 0.3 * 0.4
    assert np.all(np.diff(after) > -0.005)  # it comes back steadily
    assert np.diff(after).max() < 0.03  # and slowly
    assert after[-1] == pytest.approx(0.3, rel=0.12)


def test_the_gain_is_back_exactly() -> None:
    gains = np.array([0.9995], np.float32)
    limit(np.zeros((1, FRAME), np.float32), gains, np.array([0]))
    assert gains[0] == 1.0


def test_only_the_named_rows() -> None:
    rows = np.full((3, FRAME), 2.0, np.float32)
    gains = np.ones(3, np.float32)
    limit(rows, gains, np.array([1]))
    assert rows[0, 0] == rows[2, 0] == 2.0
    assert rows[1].max() < 1.0
    limit(rows, gains, np.zeros(0, np.intp))


def test_knee_is_smooth_and_odd() -> None:
    x = np.linspace(-3, 3, 6001, dtype=np.float32)[np.newaxis]
    y = bend(x)[0]
    assert np.all(np.diff(y) >= 0)
    assert y == pytest.approx(-y[::-1], abs=1e-6)
