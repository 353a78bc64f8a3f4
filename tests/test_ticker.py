"""Keeps: ticks are exact on the monotonic clock over hours; late ticks are skipped and counted, never made up."""

from __future__ import annotations

import asyncio
import random
from math import inf

import pytest

from bridge.ticker import PERIOD, Schedule, Spread, Tick, Ticker


def test_ticks_come_on_the_grid() -> None:
    schedule = Schedule(100.0)
    assert schedule.judge(99.99) is None
    assert schedule.judge(100.0) == Tick(0, 0.0, 0)
    assert schedule.judge(100.019) is None
    assert schedule.due == pytest.approx(100.02)


def test_an_alarm_a_little_early_counts_as_on_time() -> None:
    schedule = Schedule(100.0)
    assert schedule.judge(99.9999) == Tick(0, 0.0, 0)
    assert schedule.judge(100.0) is None


def test_no_drift_in_eight_hours_of_late_alarms() -> None:
    rng = random.Random(4)
    schedule = Schedule(5000.0)
    ticks = 8 * 3600 * 50
    for number in range(0, ticks, 977):
        now = schedule.due + rng.uniform(0.0, 0.019)
        tick = schedule.judge(now)
        assert tick is not None and tick.skipped == 0
        # Jump ahead: the grid does not remember how late each alarm was.
        schedule.judge(5000.0 + (number + 976) * PERIOD + 0.001)
    assert (schedule.due - 5000.0) / PERIOD == pytest.approx(
        round((schedule.due - 5000.0) / PERIOD), abs=1e-4
    )


def test_late_ticks_are_skipped_not_made_up() -> None:
    schedule = Schedule(0.0)
    schedule.judge(0.0)
    tick = schedule.judge(5.005)
    assert tick is not None
    assert (tick.number, tick.skipped) == (250, 249)
    assert tick.late == pytest.approx(0.005)
    assert schedule.judge(5.006) is None
    tick = schedule.judge(5.02)
    assert tick is not None and (tick.number, tick.skipped) == (251, 0)


def test_spread_tells_percentiles_of_the_newest_values() -> None:
    spread = Spread(100)
    assert spread.percentile(0.5) == 0.0
    for value in range(1000):
        spread.add(float(value))
    assert spread.percentile(0.5) == 950.0
    assert spread.percentile(0.99) == 999.0
    assert spread.percentile(1.0) == 999.0


async def test_ticker_on_the_real_clock() -> None:
    ticks: list[Tick] = []
    enough = asyncio.Event()

    def on_tick(tick: Tick, now: float) -> None:
        ticks.append(tick)
        if len(ticks) >= 5:
            enough.set()

    ticker = Ticker(on_tick)
    ticker.start()
    ticker.start()
    assert ticker.running
    assert ticker.due < inf
    await asyncio.wait_for(enough.wait(), 5)
    ticker.stop()
    ticker.stop()
    assert not ticker.running
    assert ticker.due == inf
    seen = len(ticks)
    await asyncio.sleep(0.05)
    assert len(ticks) == seen
    assert [tick.number for tick in ticks] == sorted({tick.number for tick in ticks})


def test_ticks_can_be_moved() -> None:
    schedule = Schedule(0.0)
    schedule.judge(0.0)
    schedule.move(0.003)
    assert schedule.due == pytest.approx(0.023)
    assert schedule.judge(0.0225) is None
    assert schedule.judge(0.023) == Tick(1, 0.0, 0)
    schedule.move(-0.002)
    assert schedule.due == pytest.approx(0.041)


async def test_a_ticker_that_is_moved_goes_on() -> None:
    numbers: list[int] = []
    enough = asyncio.Event()

    def on_tick(tick: Tick, now: float) -> None:
        numbers.append(tick.number)
        ticker.move(0.001 if tick.number < 3 else -0.001)
        if len(numbers) >= 6:
            enough.set()

    ticker = Ticker(on_tick)
    ticker.move(0.001)
    ticker.start()
    await asyncio.wait_for(enough.wait(), 5)
    ticker.stop()
    assert numbers == sorted(set(numbers))
