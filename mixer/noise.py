"""Faint comfort noise, so that a silent line is heard to be alive."""

from __future__ import annotations

from functools import cache

import numpy as np

from mixer.pcm import FRAME, RATE, Rows, Samples, amplitude

NOISE_DBOV = -63.0
_SECONDS = 4


@cache
def _loop(level_dbov: float, seed: int) -> Rows:
    """Soft noise in frames, falling 6 dB an octave from 500 Hz; its end goes on in its beginning."""
    length = _SECONDS * RATE
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(length))
    frequency = np.fft.rfftfreq(length, 1 / RATE)
    spectrum *= 1.0 / np.sqrt(1.0 + (frequency / 500.0) ** 2) * (frequency > 80.0)
    sound = np.fft.irfft(spectrum, length)
    sound *= amplitude(level_dbov) / np.sqrt(np.mean(sound**2))
    return np.asarray(sound.reshape(-1, FRAME), np.float32)


class ComfortNoise:
    """A loop of noise, the same for everybody, frame by frame."""

    def __init__(self, level_dbov: float = NOISE_DBOV, seed: int = 2) -> None:
        self._frames = _loop(level_dbov, seed)

    def frame(self, tick: int) -> Samples:
        """The frame of tick number `tick`, (960,), read-only by custom."""
        return np.asarray(self._frames[tick % len(self._frames)], np.float32)
