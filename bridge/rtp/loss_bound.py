"""What the share of lost packets says: send more, no more, or less (draft-ietf-rmcat-gcc-02 section 6).

On a radio link packets get lost whatever we send. A path that is full loses what is above its capacity, so going down
helps; if it has not helped by half of what it should have, the share is taken for the path's own, and only what is
lost above it counts.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

KEPT: Final = 0.02  # a smaller share does no harm
TOO_MUCH: Final = 0.10
_MANY: Final = 100  # packets; of fewer the share says little
_LOST: Final = 15  # unless so many of them are lost
_LEAST_S, _MOST_S = 0.25, 3.0  # it is judged no sooner, and no later whatever it says
_ENOUGH: Final = 0.7  # of the rate before the first cut: now it is seen whether that has helped
_ABOVE: Final = 0.05  # above the path's own share it is ours
_LARGEST: Final = 0.2  # no larger share is a path's own
_HEALING: Final = 0.1  # how fast the path's own share is forgotten when less is lost


class Verdict(Enum):
    """What to do about it."""

    FREE = "free"
    HOLD = "hold"
    CUT = "cut"  # once; then hold


class LossBound:
    """`share`: what was lost lately, 0 to 1. `verdict`: FREE or HOLD, since it was judged last."""

    __slots__ = ("_began", "_expected", "_lost", "_own", "_since", "share", "verdict")

    def __init__(self) -> None:
        self.share = 0.0
        self.verdict = Verdict.FREE
        self._lost = self._expected = 0
        self._since: float | None = None
        self._own = 0.0  # the path's own share
        self._began: tuple[float, float] | None = None  # (rate, share) before the first of several cuts

    @property
    def kept(self) -> float:
        """By which factor what is sent is to be cut: a little while little is lost, else to what comes through."""
        return 1 - self.share / 2 if self.share < 2 * TOO_MUCH else 0.95 * (1 - self.share)

    def take(self, lost: int, expected: int, rate: float, now: float) -> Verdict:
        """Of `expected` more packets so many were lost, while `rate` [bit/s] was sent."""
        self._lost += min(max(lost, 0), expected)
        self._expected += expected
        if self._since is None:
            self._since = now
        waited = now - self._since
        enough = self._expected >= _MANY or self._lost >= _LOST
        if not self._expected or waited < _LEAST_S or not (enough or waited >= _MOST_S):
            return self.verdict
        self.share = self._lost / self._expected
        self._lost = self._expected = 0
        self._since = now
        if self.share < self._own:
            self._own += _HEALING * (self.share - self._own)
        return self._judge(rate)

    def forget(self) -> None:
        """Less is sent from now on: count anew."""
        self._lost = self._expected = 0
        self._since = None

    def _judge(self, rate: float) -> Verdict:
        share = self.share
        if share <= max(TOO_MUCH, self._own + _ABOVE):
            self.verdict = Verdict.FREE if share <= max(KEPT, self._own) else Verdict.HOLD
            if self.verdict is Verdict.FREE:
                self._began = None
            return self.verdict
        self.verdict = Verdict.HOLD
        if self._began is None:
            self._began = (rate, share)
        elif rate < _ENOUGH * self._began[0]:
            before, lost_before = self._began
            if_full = max(0.0, 1 - (1 - lost_before) * before / max(rate, 1.0))
            if (if_full + lost_before) / 2 < share <= _LARGEST:
                self._own, self._began = share, None
                return self.verdict
            self._began = (rate, share)
        return Verdict.CUT
