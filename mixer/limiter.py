"""A soft limiter for each outgoing row: transparent below -3 dBFS, never at full scale, no audible pumping.

Two parts. A slow gain, computed from the peaks of 5 ms blocks, brings loud mixes down to `CEILING`: it falls within
the block before the peak (the frame is there whole, so the only peak that cannot be foreseen is one in the first
block) and recovers with 300 ms. What is still above the knee is bent by a tanh that never reaches 1.0. Rows that are
quiet, and were quiet, are not touched at all.
"""

from __future__ import annotations

import numpy as np

from mixer.pcm import FRAME, Index, Rows, Vector

KNEE = 0.7079  # -3 dBFS: below this nothing is changed
CEILING = 0.80  # to where the slow gain brings peaks
_BLOCKS = 4
_BLOCK = FRAME // _BLOCKS
_RECOVERY = float(1.0 - np.exp(-_BLOCK / 48_000 / 0.3))  # towards 1 in each block, 300 ms
_DONE = 0.999
_SLOPE = np.linspace(0.0, 1.0, _BLOCK, endpoint=False, dtype=np.float32)


def _slow_gains(peaks: Rows, gain: Vector) -> Rows:
    """Gain at the borders of the blocks, (rows, blocks + 1), from block peaks (rows, blocks) and the gain before."""
    wanted = np.minimum(1.0, CEILING / np.maximum(peaks, 1e-9))
    borders = np.empty((len(gain), _BLOCKS + 1), np.float32)
    borders[:, 0] = gain
    for block in range(_BLOCKS):
        recovered = borders[:, block] + (1.0 - borders[:, block]) * _RECOVERY
        ahead = wanted[:, min(block + 1, _BLOCKS - 1)]
        borders[:, block + 1] = np.minimum(np.minimum(recovered, wanted[:, block]), ahead)
    return borders


def limit(rows: Rows, gains: Vector, which: Index) -> None:
    """Limit `rows[which]` (each 960 samples) in place; `gains` (all rows) is the state, 1.0 at the start."""
    if not len(which):
        return
    blocks = np.abs(rows[which]).reshape(len(which), _BLOCKS, _BLOCK).max(axis=2)
    busy = np.flatnonzero((blocks.max(axis=1) > KNEE) | (gains[which] < 1.0))
    if not len(busy):
        return
    chosen = which[busy]
    borders = _slow_gains(blocks[busy], gains[chosen])
    gain = borders[:, :-1, np.newaxis] + (borders[:, 1:] - borders[:, :-1])[:, :, np.newaxis] * _SLOPE
    rows[chosen] = bend(rows[chosen] * gain.reshape(len(chosen), FRAME))
    last = borders[:, -1]
    gains[chosen] = np.where(last > _DONE, np.float32(1.0), last)


def bend(rows: Rows) -> Rows:
    """The knee alone: unchanged up to -3 dBFS, above it bent so that nothing reaches 1.0."""
    size = np.abs(rows)
    over = size > KNEE
    if not over.any():
        return rows
    room = 1.0 - KNEE
    bent = KNEE + 0.99 * room * np.tanh((size - KNEE) / room)
    return np.asarray(np.where(over, np.copysign(bent, rows), rows), np.float32)
