"""Tells a process that is stuck from one that merely could not be heard because we slept ourselves."""

from __future__ import annotations


class Watchdog:
    """Looks at one process now and then; it speaks at least every second when it is well.

    `patience`: so many looks in a row without a word are too many. `late_s`: a look that comes later than this after
    the one before says that control itself slept, and begins the count anew.
    """

    def __init__(self, now: float, late_s: float = 2.0) -> None:
        self._late_s = late_s
        self._then = now
        self._quiet = 0
        self._spoke = False

    def heard(self) -> None:
        """The process has said something."""
        self._spoke = True

    def look(self, now: float, patience: int) -> bool:
        """Whether the process has to be given up at `now` [monotonic seconds]."""
        awake = now - self._then < self._late_s
        self._quiet = self._quiet + 1 if awake and not self._spoke else 0
        self._then = now
        self._spoke = False
        return self._quiet >= patience
