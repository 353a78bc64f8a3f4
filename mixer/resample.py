"""Between the codecs' rates and 48 kHz: short linear-phase filters, many streams at once.

Both directions are one matrix product: a row is cut into blocks of 16 low-rate samples, each block with the history
its filter needs lies in a row of a matrix, and a banded matrix holds the filter. The state of a stream is its last
`history` input samples and nothing else; the caller keeps them in front of the new ones.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import as_strided

from mixer.pcm import Rows, Samples

_BLOCK = 16  # low-rate samples a block; every frame of 10 ms at 8 kHz or more is whole blocks


def low_pass(taps: int, cutoff: float, beta: float) -> Samples:
    """A Kaiser-windowed sinc with `taps` taps and gain 1 at 0 Hz; `cutoff` (-6 dB) in cycles per sample."""
    position = np.arange(taps) - (taps - 1) / 2
    taps_ = 2 * cutoff * np.sinc(2 * cutoff * position) * np.kaiser(taps, beta)
    return np.asarray(taps_ / taps_.sum(), np.float32)


def _blocks(extended: Rows, count: int, step: int, width: int) -> Rows:
    """The overlapping blocks of each row as rows of a matrix of their own (a copy, as BLAS wants it)."""
    rows = extended.shape[0]
    row_stride, stride = extended.strides
    view = as_strided(extended, (rows, count, width), (row_stride, step * stride, stride), writeable=False)
    return np.ascontiguousarray(view).reshape(rows * count, width)


class Interpolator:
    """From a low rate up by a whole factor.

    `history`: how many input samples go in front of the new ones. `delay`: group delay [output samples].
    """

    def __init__(self, factor: int, taps_per_phase: int, cutoff: float, beta: float) -> None:
        """`cutoff`: -6 dB point as a fraction of the low rate."""
        self.factor = factor
        self.history = taps_per_phase - 1
        taps = taps_per_phase * factor
        self.delay = (taps - 1) / 2
        prototype = low_pass(taps, cutoff / factor, beta) * factor
        self._width = _BLOCK + self.history
        self._matrix = np.zeros((self._width, _BLOCK * factor), np.float32)
        for newest in range(_BLOCK):
            outputs = slice(newest * factor, (newest + 1) * factor)
            phases = prototype.reshape(taps_per_phase, factor)
            self._matrix[newest : newest + taps_per_phase, outputs] = phases[::-1]
        # Each phase alone has gain 1 at 0 Hz, so that a constant has no ripple at the low rate.
        self._matrix /= self._matrix.sum(axis=0, keepdims=True)

    def run(self, extended: Rows) -> Rows:
        """(rows, history + n) -> (rows, n * factor); n is a multiple of 16."""
        rows, length = extended.shape
        fresh = length - self.history
        if fresh % _BLOCK:
            raise ValueError(f"{fresh} samples are not whole blocks of {_BLOCK}")
        blocks = _blocks(extended, fresh // _BLOCK, _BLOCK, self._width)
        return np.asarray((blocks @ self._matrix).reshape(rows, fresh * self.factor), np.float32)


class Decimator:
    """From 48 kHz down by a whole factor. `history`, `delay`: as in `Interpolator`, in input samples."""

    def __init__(self, factor: int, taps: int, cutoff: float, beta: float) -> None:
        """`cutoff`: -6 dB point as a fraction of the low rate."""
        self.factor = factor
        self.history = taps - factor
        self.delay = (taps - 1) / 2
        prototype = low_pass(taps, cutoff / factor, beta)
        self._width = _BLOCK * factor + self.history
        self._matrix = np.zeros((self._width, _BLOCK), np.float32)
        for output in range(_BLOCK):
            self._matrix[output * factor : output * factor + taps, output] = prototype[::-1]

    def run(self, extended: Rows) -> Rows:
        """(rows, history + n) -> (rows, n / factor); n is a multiple of 16 * factor."""
        rows, length = extended.shape
        fresh = length - self.history
        if fresh % (_BLOCK * self.factor):
            raise ValueError(f"{fresh} samples are not whole blocks of {_BLOCK * self.factor}")
        count = fresh // (_BLOCK * self.factor)
        blocks = _blocks(extended, count, _BLOCK * self.factor, self._width)
        return np.asarray((blocks @ self._matrix).reshape(rows, count * _BLOCK), np.float32)


# 8 kHz: flat to 3.4 kHz, over 40 dB down from 4.6 kHz, 1 ms. 16 kHz: flat to 7 kHz, 49 dB from 9 kHz, 0.74 ms.
FROM_8K = Interpolator(6, 16, 0.5, 3.6)
FROM_16K = Interpolator(3, 24, 0.5, 4.5)
TO_8K = Decimator(6, 96, 0.5, 3.6)
TO_16K = Decimator(3, 72, 0.5, 4.5)


RATES = (8_000, 12_000, 16_000, 24_000)  # that `from_rate` knows


@cache
def from_rate(rate: int) -> Interpolator:
    """A sharper filter for recordings, from one of `RATES` [Hz]; 1.3 ms at 12 kHz. ValueError for other rates."""
    if rate not in RATES:
        raise ValueError(f"no way from {rate} Hz to 48000 Hz")
    return Interpolator(48_000 // rate, 32, 0.48, 6.0)
