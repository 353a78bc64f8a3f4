"""When a leg has been silent for too long: a warning, and an end (RTP time-out)."""

from __future__ import annotations

from math import inf

from bridge.media import contract


class Silence:
    """Watches one leg. `deadline`: when `check` wants to be called [monotonic seconds].

    `warning_s`, `limit_s`: silence after which a warning, and the end, is told; `inf` = never. Each is told once a
    silence; the end once in all.
    """

    __slots__ = ("_ended", "_heard", "_limit", "_warned", "_warning", "deadline")

    def __init__(self) -> None:
        self._heard = 0.0
        self._warning = self._limit = inf
        self._warned = self._ended = False
        self.deadline = inf

    def configure(self, now: float, warning_s: float, limit_s: float) -> None:
        """New bounds, from now on: what was negotiated begins with a fresh silence."""
        self._heard = now
        self._warning = warning_s
        self._limit = limit_s or inf
        self._arm()

    def heard(self, now: float) -> bool:
        """Something valid came. True: it ended a silence that was warned of."""
        if now > self._heard:
            self._heard = now
        if not self._warned:
            return False
        self._warned = False
        self._arm()
        return True

    def excuse(self, seconds: float) -> None:
        """We slept for so long: that silence was ours."""
        self._heard += seconds
        self._arm()

    def check(self, now: float, leg: str) -> contract.MediaLost | None:
        """What is to be told of `leg` at `now`."""
        silent = now - self._heard
        told = None
        if silent >= self._limit and not self._ended:
            self._ended = self._warned = True
            told = contract.MediaLost(leg, silent, final=True)
        elif silent >= self._warning and not self._warned:
            self._warned = True
            told = contract.MediaLost(leg, silent, final=False)
        self._arm()
        return told

    def _arm(self) -> None:
        warning = inf if self._warned else self._warning
        limit = inf if self._ended else self._limit
        self.deadline = self._heard + min(warning, limit)
