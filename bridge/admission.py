"""Whether a new call may come in: standing calls come first (pure policy)."""

from __future__ import annotations

from dataclasses import dataclass

RETRY_AFTER_S = 10
# Ticks in a second (of 50): a moment's hiccup of the machine is no overload, a third of all is.
MOST_SKIPPED = 15


@dataclass(frozen=True, slots=True)
class Load:
    """What the machine does now. Lateness in milliseconds, over the last second or so."""

    calls: int = 0
    tick_late_ms: float = 0.0
    ticks_skipped: int = 0
    loop_lag_ms: float = 0.0
    media_up: bool = True


@dataclass(frozen=True, slots=True)
class Admission:
    """The marks above which new calls get 503 with Retry-After."""

    max_calls: int
    tick_late_ms: float
    loop_lag_ms: float

    def refusal(self, load: Load, draining: bool) -> str | None:
        """The name of what stands against a new call, or None."""
        if draining:
            return "draining"
        if not load.media_up:
            return "media-down"
        if load.calls >= self.max_calls:
            return "calls"
        if load.tick_late_ms > self.tick_late_ms or load.ticks_skipped > MOST_SKIPPED:
            return "tick-late"
        if load.loop_lag_ms > self.loop_lag_ms:
            return "loop-lag"
        return None
