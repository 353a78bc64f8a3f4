"""A frame is put in or taken out exactly, and without a click."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.pcm import FRAME
from mixer.stretch import shrink, stretch
from tests.mixer.sounds import clicks_db, sine

OVERLAP = 384


@pytest.mark.parametrize("frequency", [120.0, 187.3, 425.0, 440.0, 999.0])
def test_shrink_has_no_click(frequency: float) -> None:
    tone = sine(frequency, 0.2, 0.5)
    out = np.concatenate(
        (tone[:2000], shrink(tone[2000 : 2000 + 2 * FRAME], FRAME, OVERLAP), tone[2000 + 2 * FRAME :])
    )
    assert len(out) == len(tone) - FRAME
    assert clicks_db(out) < -60


@pytest.mark.parametrize("frequency", [120.0, 187.3, 425.0, 440.0, 999.0])
def test_stretch_has_no_click(frequency: float) -> None:
    tone = sine(frequency, 0.2, 0.5)
    middle = stretch(tone[:2000], tone[2000 : 2000 + FRAME], FRAME, OVERLAP)
    out = np.concatenate((tone[:2000], middle, tone[2000 + FRAME :]))
    assert len(out) == len(tone) + FRAME
    assert clicks_db(out) < -60


def test_the_pause_is_what_goes() -> None:
    sound = sine(300, 0.04, 0.5)
    sound[400:1800] = 0
    out = shrink(sound, FRAME, OVERLAP)
    assert np.array_equal(out[:400], sound[:400])
    assert np.array_equal(out[-120:], sound[-120:])


def test_a_periodic_sound_stays_whole() -> None:
    tone = sine(400, 0.1, 0.5)  # 20 ms are 8 periods
    assert shrink(tone, FRAME, OVERLAP) == pytest.approx(tone[:-FRAME], abs=1e-5)
    assert stretch(tone[:2400], tone[2400:], FRAME, OVERLAP) == pytest.approx(
        sine(400, 0.12, 0.5)[2400 : 2400 + 2400 + FRAME], abs=1e-5
    )


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        shrink(np.zeros(FRAME + 10, np.float32), FRAME, OVERLAP)
    with pytest.raises(ValueError, match="too few"):
        stretch(np.zeros(100, np.float32), np.zeros(FRAME, np.float32), FRAME, OVERLAP)
