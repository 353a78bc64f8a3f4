"""What bit rate is asked of a source of pictures: what its tile needs and the path can carry, no more."""

from __future__ import annotations

from typing import Final

OFF_STAGE: Final = 50_000  # [bit/s]: nobody sees it, but it is to be there at once
LEAST: Final = 64_000  # on stage, however bad the path is
_NEEDS: Final = ((180, 200_000), (360, 600_000), (720, 1_500_000))  # up to this height [pixels] so much
_MOST: Final = 3_000_000

_LOOK_S: Final = 1.0
_FEWEST: Final = 20  # packets; from fewer nothing is concluded
_BAD, _GOOD = 0.05, 0.02  # share of packets lost: above the one we ask for less, below the other for more
_RISE: Final = 1.15  # a second: from half to all in five, from the least to all of 720p in less than thirty


def needed(height: int) -> int:
    """What a picture takes that is shown so high [pixels]; 0 = it is not shown."""
    if height <= 0:
        return OFF_STAGE
    return next((rate for limit, rate in _NEEDS if height <= limit), _MOST)


class Demand:
    """The rate asked of one stream. `rate` [bit/s] changes with what is shown of it and with what is lost of it."""

    __slots__ = ("_before", "_height", "_limit", "_look_due", "_share", "rate")

    def __init__(self) -> None:
        self._height = 0
        self._limit = 0
        self._share = 1.0  # of what is needed, as far as the path lets it through
        self._look_due = 0.0
        self._before = (-1, 0, 0)
        self.rate = OFF_STAGE

    def configure(self, limit: int) -> None:
        """What we have said that we take at most [bit/s], 0 = nothing was said."""
        self._limit = limit
        self._settle()

    def show(self, height: int) -> None:
        """How high it is shown now [pixels], 0 = not at all."""
        self._height = height
        self._settle()

    def look(self, source: int, came: int, lost: int, now: float) -> None:
        """Packets of the source that is shown which came and were lost since its start."""
        if now < self._look_due:
            return
        self._look_due = now + _LOOK_S
        before, self._before = self._before, (source, came, lost)
        new = came - before[1], lost - before[2]
        if source != before[0] or sum(new) < _FEWEST:
            return
        share = max(0, new[1]) / sum(new)  # what was lost may have come after all
        if share > _BAD:
            self._share *= 1 - share
        elif share < _GOOD:
            self._share = min(1.0, self._share * _RISE)
        self._settle()

    def _settle(self) -> None:
        rate = needed(self._height)
        if self._height > 0:
            self._share = max(self._share, LEAST / rate)  # so that the way back up is not long
            rate = int(rate * self._share)
        self.rate = min(rate, self._limit) if self._limit else rate
