"""A short gap is filled with the last pitch and fades within 60 ms; both its ends are smooth."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.conceal import conceal, pitch, rejoin
from tests.mixer.sounds import clicks_db, sine


def test_the_period_is_found() -> None:
    saw = sum((sine(125 * k, 0.04, 0.3 / k, 8000) for k in range(1, 8)), np.zeros(320, np.float32))
    assert pitch(saw, 8000) == 64


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_lost_frame_of_a_tone_goes_on(rate: int) -> None:
    tone = sine(200, 0.3, 0.5, rate)
    start, count = rate // 10, rate // 50
    guess = conceal(tone[start - rate // 25 : start], count, 0, rate)
    hold = rate // 100
    assert guess[:hold] == pytest.approx(tone[start : start + hold], abs=0.02)
    continued = conceal(tone[start - rate // 25 : start], rate // 250, count, rate)
    rest = rejoin(continued, tone[start + count :])
    whole = np.concatenate((tone[:start], guess, rest))
    assert len(whole) == len(tone)
    if rate == 16000:
        assert clicks_db(whole, rate) < -50


def test_a_long_gap_is_silent_after_60_ms() -> None:
    tone = sine(200, 0.04, 0.5, 8000)
    parts = [conceal(tone, 160, already, 8000) for already in range(0, 800, 160)]
    assert np.abs(parts[2]).max() < np.abs(parts[0]).max() * 0.5
    assert not parts[3].any()
    assert not parts[4].any()


def test_silence_stays_silence() -> None:
    assert not conceal(np.zeros(320, np.float32), 160, 0, 8000).any()
