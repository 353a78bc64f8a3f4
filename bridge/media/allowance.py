"""How much one source may send before it is dropped unread."""

from __future__ import annotations


class Allowance:
    """A token bucket: `rate` packets a second, and up to `burst` at once after a rest."""

    __slots__ = ("_burst", "_left", "_rate", "_then")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._then = now

    def take(self, now: float) -> bool:
        """Whether one more packet is within bounds at `now` [monotonic seconds]. Going back in time gains nothing."""
        elapsed = now - self._then
        if elapsed > 0.0:
            self._then = now
            left = self._left + elapsed * self._rate
            self._left = left if left < self._burst else self._burst
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def has(self, now: float) -> bool:
        """Whether one more packet would be within bounds at `now`; it is not counted."""
        if not self.take(now):
            return False
        self._left += 1.0
        return True
