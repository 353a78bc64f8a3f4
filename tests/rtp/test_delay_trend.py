"""A queue that builds up is seen within some pictures; how large they are, jitter and another clock do not matter."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from bridge.rtp.delay_trend import DelayTrend, Usage

FRAME = 0.04


def pictures(
    trend: DelayTrend, seconds: float, growth: float = 0.0, jitter: float = 0.0, begin: float = 0.0
) -> Iterator[float]:
    """Pictures whose first packet waits longer and longer, `growth` seconds a second; yields after each when it was
    OVER."""
    dice, sent = random.Random(3), begin
    while sent < begin + seconds:
        queue = 0.2 + growth * (sent - begin)
        for packet in range(dice.randint(1, 8)):
            noise = dice.expovariate(1 / jitter) if jitter else 0.0
            trend.push(sent + packet * 1e-4, 5_000 + sent + queue + packet * 0.004 + noise)
        if trend.usage is Usage.OVER:
            yield sent - begin
        sent += FRAME


@pytest.mark.parametrize("growth", [0.1, 0.3, 1.0, 3.0])
def test_a_queue_is_seen_soon(growth: float) -> None:
    trend = DelayTrend()
    assert not list(pictures(trend, 5.0))
    first = next(pictures(trend, 3.0, growth, begin=5.0))
    assert first <= max(0.32, 0.12 / growth)


@pytest.mark.parametrize("jitter", [0.001, 0.005, 0.01])
@pytest.mark.parametrize("drift", [-1e-4, 0.0, 1e-4])
def test_jitter_and_drift_are_no_queue(jitter: float, drift: float) -> None:
    assert len(list(pictures(DelayTrend(), 60.0, drift, jitter))) < 5


def test_a_queue_that_gets_shorter_is_waited_for() -> None:
    trend = DelayTrend()
    list(pictures(trend, 5.0))
    list(pictures(trend, 1.0, 0.5, begin=5.0))
    sent = 6.0
    while sent < 6.5:
        trend.push(sent, 5_000 + sent + 0.7 - (sent - 6.0))
        sent += FRAME
    assert trend.usage is Usage.UNDER
    assert trend.queue_s < 0.2


def test_a_long_queue_that_stays_has_to_go_and_is_the_path_after_a_while() -> None:
    trend = DelayTrend()
    list(pictures(trend, 5.0))
    over = 0
    sent = 5.0
    while sent < 40.0:
        trend.push(sent, 5_000 + sent + 0.2 + min(0.4, sent - 5.0))
        if sent > 10.0:
            over += trend.usage is Usage.OVER
        sent += FRAME
    assert 50 < over < 600
    assert trend.usage is Usage.NORMAL


def test_what_has_no_pauses_is_looked_at_all_the_same() -> None:
    trend = DelayTrend()
    sent, seen = 0.0, False
    while sent < 5.0:
        trend.push(sent, sent + max(0.0, sent - 2.0) * 0.4)
        seen = seen or trend.usage is Usage.OVER
        sent += 0.005
    assert seen
