"""How busy the bridge is, watched all the time, and whether a new call may come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from bridge.admission import Admission, Load
from bridge.media.contract import Figures
from bridge.metrics import Metrics

CHECK_S: Final = 0.25  # how often the loop's lag is looked at


class LoadWatch:
    """Watches the control loop and the media processes. `draining`: no new calls, whatever the load.

    `figures`: the newest of each media process; `calls`: how many stand.
    """

    def __init__(
        self,
        admission: Admission,
        figures: Callable[[], Mapping[int, Figures]],
        calls: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self.draining = False
        self._admission = admission
        self._figures = figures
        self._calls = calls
        self._metrics = metrics
        self._loop_lag_ms = 0.0
        self._skipped = 0
        self._skipped_before: dict[int, int] = {}

    def refusal(self) -> str | None:
        """The name of what stands against any new call now, or None."""
        figures = self._figures().values()
        load = Load(
            calls=self._calls(),
            tick_late_ms=max((each.tick_late_ms_p50 for each in figures), default=0.0),
            ticks_skipped=self._skipped,
            loop_lag_ms=self._loop_lag_ms,
            media_up=bool(figures),
        )
        return self._admission.refusal(load, self.draining)

    async def watch(self, then: Callable[[float], None]) -> None:
        """Look again and again until cancelled; `then` is called after each look with the loop's time."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + CHECK_S
            await asyncio.sleep(CHECK_S)
            self.look(max(0.0, loop.time() - due))
            then(due)

    def look(self, lag_s: float) -> None:
        """Take note of how late the loop woke [seconds] and of what media has told since."""
        self._metrics.loop_lag_seconds.observe(lag_s)
        # The mark is about lasting trouble: one slow moment counts for a quarter.
        self._loop_lag_ms = 0.75 * self._loop_lag_ms + 0.25 * lag_s * 1000
        now = {process: each.ticks_skipped for process, each in self._figures().items()}
        if now != self._skipped_before:
            before = self._skipped_before
            self._skipped = max(
                (count - before.get(process, count) for process, count in now.items()), default=0
            )
            self._skipped_before = now
        elif self._skipped:
            # Figures come once a second; what they said fades within two, also where nothing was counted since.
            self._skipped //= 2
