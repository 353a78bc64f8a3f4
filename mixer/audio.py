"""Mixing: sum once; a mix-minus is that sum less the part that one has in it oneself."""

from __future__ import annotations

import numpy as np

from mixer.pcm import Rows, Samples, Vector, ramp


def mix(frames: Rows, before: Vector, after: Vector) -> tuple[Samples, Rows]:
    """The shared mix of (n, 960) frames, and the part that each has in it.

    `before`, `after` (n,): linear gains at the end of the last tick and of this one; where they differ the gain
    moves within 10 ms. A source with gain 0 before and after adds nothing at all.
    Returns the sum (960,) and the parts (n, 960), all unlimited; `sum - parts[i]` is what source i hears of the others.
    """
    parts = frames * after[:, np.newaxis]
    for row in (before != after).nonzero()[0]:
        np.multiply(frames[row], ramp(before[row], after[row]), out=parts[row])
    return parts.sum(axis=0), parts
