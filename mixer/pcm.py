"""The shape of sound inside the bridge: 48 kHz, mono, float32 with full scale 1.0, in frames of 20 ms.

A *frame* is an array of `FRAME` samples, *rows* an array (n, samples) of n streams side by side. Levels are in
dBov as RFC 6464 means it: 0 is the power of a full-scale square wave, so a full-scale sine has -3.01.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]  # (n,)
Rows = npt.NDArray[np.float32]  # (rows, n)
Vector = npt.NDArray[np.float32]  # one value for each row
Index = npt.NDArray[np.intp]

RATE = 48_000
FRAME = 960
FADE = 480  # 10 ms, the length of every fade
SILENCE_DBOV = -127.0
_SILENCE_POWER = np.float32(10.0 ** (SILENCE_DBOV / 10))


def raised_cosine(length: int) -> Samples:
    """A rise from just above 0 to just under 1 over `length` samples, flat at both ends."""
    position = (np.arange(length) + 0.5) / length
    return (0.5 - 0.5 * np.cos(np.pi * position)).astype(np.float32)


FADE_IN = raised_cosine(FADE)
FADE_OUT = np.ascontiguousarray(FADE_IN[::-1])
# One frame of "from 0 to 1 in the first 10 ms, then 1".
RISE = np.concatenate((FADE_IN, np.ones(FRAME - FADE, np.float32)))


def ramp(before: float, after: float) -> Samples:
    """Gains of one frame that goes from `before` to `after` in its first 10 ms."""
    return np.float32(before) + np.float32(after - before) * RISE


def power(rows: Rows) -> Vector:
    """Mean square of each row (rows, n) -> (rows,)."""
    return np.asarray(np.einsum("ij,ij->i", rows, rows) / np.float32(rows.shape[1]), np.float32)


def dbov(mean_square: Vector) -> Vector:
    """Level of a mean square (full scale 1.0) in dBov, -127 for silence."""
    return np.asarray(10.0 * np.log10(np.maximum(mean_square, _SILENCE_POWER)), np.float32)


def level(rows: Rows) -> Vector:
    """Level of each row [dBov]."""
    return dbov(power(rows))


def amplitude(decibel: float) -> float:
    """The linear factor of a gain in dB."""
    return float(10.0 ** (decibel / 20.0))


def tail_of(sound: Samples, length: int = FADE) -> Samples:
    """What a sound that is cut off may still say: `length` samples that carry on its value and slope and fade to 0.

    Point reflection about the last sample; it holds nothing that was not in `sound` (longer than `length`) already, so
    a source that has lost its place can be ended without a click and without one more sample of its own.
    """
    fade = FADE_OUT if length == FADE else raised_cosine(length)[::-1]
    return np.asarray((2 * sound[-1] - sound[-2 : -length - 2 : -1]) * fade, np.float32)
