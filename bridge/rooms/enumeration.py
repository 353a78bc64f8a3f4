"""The guard against walking through the numbers (reliability.md A-04): who dials many unknown ones is answered late.

Late for everything, known numbers too, so that the delay does not tell them apart.
"""

from __future__ import annotations

from typing import Final

from bridge.rooms.budget import Table, Window
from bridge.rooms.guard import Alarm

DELAYS_S: Final = (1.0, 2.0, 4.0, 8.0)


class Enumeration:
    """Counts unknown numbers by source: `most` of them within `window_s` are answered at once."""

    def __init__(self, most: int = 20, window_s: float = 600.0) -> None:
        self._most = most
        self._sources = Table(lambda: Window(most + len(DELAYS_S), window_s))
        self._alarmed = Table(lambda: Window(1, window_s))

    def unknown(self, source: str, trusted: bool, now: float) -> tuple[Alarm, ...]:
        """A number that does not exist was dialled. Told once a window: the alarm that the source is slowed down."""
        if trusted:
            return ()
        window = self._sources[source]
        window.add(now)
        if len(window.times(now)) < self._most or self._alarmed[source].times(now):
            return ()
        self._alarmed[source].add(now)
        return (Alarm("", source),)

    def delay(self, source: str, trusted: bool, now: float) -> float:
        """How long any call from here waits for its first answer [s]."""
        window = None if trusted else self._sources.get(source)
        excess = -1 if window is None else len(window.times(now)) - self._most
        return 0.0 if excess < 0 else DELAYS_S[min(excess, len(DELAYS_S) - 1)]

    def save(self, now: float) -> dict[str, list[float]]:
        """What must outlive a restart: ages by source [s]."""
        return self._sources.ages(now)

    def restore(self, saved: dict[str, list[float]], now: float, elapsed_s: float = 0.0) -> None:
        """Take over what was saved `elapsed_s` ago."""
        for source, ages in saved.items():
            for age in ages:
                self._sources[source].add(now - elapsed_s - age)
