"""How far a worker gives way when the machine is short of time [pure]: soon when it is, and slowly back.

0: all as it should be. 1: people on stage see themselves, so that fewer pictures are made. 2: twenty pictures a
second. 3: smaller pictures. Each with those before it. Views with a guaranteed seat stay out of 2 and 3.
"""

from __future__ import annotations

from typing import Final

WORST: Final = 3
PACE: Final = 20
"""Pictures a second from level 2 on."""

HIGH, LOW = 0.85, 0.5  # share of the ticks' time; one step back must not bring us above the upper mark again
SHORT_S = 1.5  # above the upper mark for so long: one level more
FIRST_CALM_S, LONGEST_CALM_S = 8.0, 128.0  # below the lower one for so long: one level less


class Shortness:
    """`level`: 0 to `WORST`. A step back that has to be taken again soon makes the next one wait twice as long."""

    def __init__(self) -> None:
        self.level = 0
        self._short: float | None = None
        self._calm: float | None = None
        self._patience = FIRST_CALM_S
        self._back = float("-inf")  # when the last step back was taken

    def judge(self, busy: float, now: float) -> int:
        """Take the mean share of a tick that was busy in the last second or so, and give the level from now on."""
        if busy < HIGH:
            self._short = None
        elif self._short is None:
            self._short = now
        if busy > LOW or not self.level:
            self._calm = None
        elif self._calm is None:
            self._calm = now
        if self._short is not None and now - self._short >= SHORT_S and self.level < WORST:
            self._more(now)
        elif self._calm is not None and now - self._calm >= self._patience:
            self._less(now)
        return self.level

    def _more(self, now: float) -> None:
        soon = now - self._back < 2 * self._patience
        self._patience = min(LONGEST_CALM_S, 2 * self._patience) if soon else FIRST_CALM_S
        self.level += 1
        self._short = None

    def _less(self, now: float) -> None:
        self.level -= 1
        self._back = now
        self._calm = None
