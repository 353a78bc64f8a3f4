"""When in its period the tick comes best [pure]: soon after most pictures, so that they wait for it as short as can be.

Cameras keep their own time. Of a few sources, most are in step for minutes; a tick that comes at any moment makes
them wait half a period, one that comes just after them next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MARGIN: Final = 0.001
"""So much after a picture the tick is aimed at [s]."""

WORTH: Final = 0.003
"""A mean gain below this is not worth moving for [s]."""

STEP: Final = 0.001
"""The most that one period is made longer or shorter by [s]: nobody sees it."""


def best_shift(ready: Sequence[float], tick: float, period: float) -> float:
    """How far the ticks should move, -period/2 to period/2 [s], later being positive; 0 = leave them.

    `ready`: when pictures came to be shown in the last second; `tick`: when any of the ticks was [both monotonic
    seconds].
    """
    if not ready:
        return 0.0
    phases = [(moment - tick) % period for moment in ready]
    present = sum(-phase % period for phase in phases)
    waits, shift = min(
        (sum((aim + MARGIN - phase) % period for phase in phases), aim + MARGIN) for aim in phases
    )
    if present - waits < WORTH * len(phases):
        return 0.0
    return shift if shift <= period / 2 else shift - period
