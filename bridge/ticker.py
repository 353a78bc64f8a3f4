"""Ticks exact on the monotonic clock over hours: late ones are skipped and counted, never made up in a burst."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import time
from collections.abc import Callable
from math import inf
from typing import NamedTuple

PERIOD = 0.020  # seconds
EARLY = 0.000_2  # an alarm may ring so much too early [s] and still counts as on time

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class Tick(NamedTuple):
    """One tick that is due now: its number, how late it is [s], how many before it were skipped."""

    number: int
    late: float
    skipped: int


class Schedule:
    """Which tick is due at a moment. Tick n belongs to `start` + n x `period`: nothing is added up, nothing drifts."""

    def __init__(self, start: float, period: float = PERIOD) -> None:
        self.period = period
        self._start = start
        self._next = 0

    @property
    def due(self) -> float:
        """When the next tick is due [monotonic seconds]."""
        return self._start + self._next * self.period

    def move(self, seconds: float) -> None:
        """Let all ticks from the next on come so much later (earlier where negative) [s]."""
        self._start += seconds

    def judge(self, now: float) -> Tick | None:
        """The tick that is due at `now`, if one is. Of several that are due only the newest is given."""
        number = int((now + EARLY - self._start) // self.period)
        if number < self._next:
            return None
        skipped = number - self._next
        self._next = number + 1
        return Tick(number, max(0.0, now - self._start - number * self.period), skipped)


class Ticker:
    """Calls `on_tick(tick, now)` on the running loop at each tick until stopped.

    The alarm is a kernel timer (timerfd) on the absolute monotonic clock: it rings within about 0.2 ms, where loop
    timers are rounded to milliseconds.
    """

    def __init__(self, on_tick: Callable[[Tick, float], None], period: float = PERIOD) -> None:
        self._on_tick = on_tick
        self._period = period
        self._loop = asyncio.get_running_loop()
        self._alarm = -1
        self._schedule: Schedule | None = None

    @property
    def running(self) -> bool:
        """Whether ticks come."""
        return self._schedule is not None

    @property
    def due(self) -> float:
        """When the next tick is due [monotonic seconds], `inf` while none come."""
        return self._schedule.due if self._schedule is not None else inf

    def start(self) -> None:
        """Begin to tick, the first time one period from now. Does nothing while running."""
        if self._schedule is None:
            start = time.monotonic() + self._period
            self._schedule = Schedule(start, self._period)
            self._alarm = _alarm(start, self._period)
            self._loop.add_reader(self._alarm, self._ring)

    def move(self, seconds: float) -> None:
        """Let all ticks from the next on come so much later (earlier where negative), a small part of the period."""
        if self._schedule is not None:
            self._schedule.move(seconds)
            _set(self._alarm, self._schedule.due, self._period)

    def stop(self) -> None:
        """No more ticks. May be started again; the pause is not counted as skipped."""
        if self._schedule is not None:
            self._schedule = None
            self._loop.remove_reader(self._alarm)
            os.close(self._alarm)

    def _ring(self) -> None:
        try:
            os.read(self._alarm, 8)
        except BlockingIOError:
            return
        now = time.monotonic()
        if self._schedule is not None and (tick := self._schedule.judge(now)) is not None:
            self._on_tick(tick, now)


def _alarm(first: float, period: float) -> int:
    """A file that becomes readable at `first` [monotonic seconds] and every `period` [s] after it.

    Raises OSError where the kernel has no such timer. (The standard library has it from Python 3.13 on.)
    """
    libc = ctypes.CDLL(None, use_errno=True)
    alarm = int(libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS))
    if alarm < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    try:
        _set(alarm, first, period)
    except OSError:
        os.close(alarm)
        raise
    return alarm


def _set(alarm: int, first: float, period: float) -> None:
    seconds, rest = divmod(first, 1.0)
    setting = struct.pack("@llll", 0, round(period * 1e9), int(seconds), int(rest * 1e9))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.timerfd_settime(alarm, _TFD_TIMER_ABSTIME, setting, None) != 0:
        raise OSError(ctypes.get_errno(), "timerfd_settime")


class Spread:
    """The last `size` values of something measured each tick, to tell percentiles from."""

    def __init__(self, size: int = 50) -> None:
        self._values = [0.0] * size
        self._count = 0

    def add(self, value: float) -> None:
        """One more value; the oldest is forgotten."""
        self._values[self._count % len(self._values)] = value
        self._count += 1

    def percentile(self, share: float) -> float:
        """The value that `share` (0 to 1) of the kept ones do not exceed; 0 when there is none."""
        kept = sorted(self._values[: self._count])
        return kept[min(len(kept) - 1, int(share * len(kept)))] if kept else 0.0
