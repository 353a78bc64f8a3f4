"""What a worker counts: over its life, and over the last second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

TOO_MANY: Final = 0.15
"""Such a part of the pictures of a second, left out, says that there is no time for all."""

_MOST_DELAYS: Final = 4000  # that are kept of a second; more are left out


class Tally:
    """`composed`, `encoded`, `skipped` are counters since the start. Times are monotonic seconds.

    Busy is when at least one picture is being made; and a whole second is, if too many pictures had to be left out in
    it: a little more than one tick's time for each picture takes two ticks.
    """

    def __init__(self) -> None:
        self.composed = 0
        self.encoded = 0
        self.skipped = 0
        self._delays: list[float] = []
        self._served = 0  # pictures of this second that were made, or need not be
        self._left_out = 0  # that were not
        self._works = 0  # that are under way
        self._since = 0.0  # when the first of them began, or the second
        self._busy = 0.0  # of this second, without what is under way
        self._second: float | None = None  # when it began

    def begin(self, works: int, now: float) -> None:
        """So many encodings begin."""
        if not self._works:
            self._since = now
        self._works += works

    def end(self, now: float) -> None:
        """One of them is done, or failed."""
        self._works -= 1
        if not self._works:
            self._busy += now - self._since

    def serve(self) -> None:
        """A view is made at this tick, or has not changed."""
        self._served += 1

    def leave_out(self) -> None:
        """A view is not made at this tick: there is no time."""
        self._left_out += 1
        self.skipped += 1

    def late(self, arrivals: Sequence[float], now: float) -> None:
        """The first pictures that show what arrived then leave now."""
        if len(self._delays) < _MOST_DELAYS:
            self._delays += [now - arrival for arrival in arrivals]

    def share(self, now: float) -> float:
        """How much of this second was busy, 0 to 1."""
        if self._left_out > TOO_MANY * (self._left_out + self._served):
            return 1.0
        busy = self._busy + (now - self._since if self._works else 0.0)
        return min(1.0, busy / self._length(now))

    def rate(self, count: int, now: float) -> float:
        """So many of something in this second, a second."""
        return count / self._length(now)

    def delay_ms(self, part: float) -> float:
        """The delay that `part` (0 to 1) of this second's pictures do not exceed [ms]; 0 when there were none."""
        kept = sorted(self._delays)
        return 1000 * kept[min(len(kept) - 1, int(part * len(kept)))] if kept else 0.0

    def next_second(self, now: float) -> None:
        """The second is over, and told."""
        self._delays.clear()
        self._served = self._left_out = 0
        self._second = now
        self._since = now
        self._busy = 0.0

    def _length(self, now: float) -> float:
        return 1.0 if self._second is None else max(0.001, now - self._second)
