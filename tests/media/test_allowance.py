"""Keeps: a leg that sends more than three times the agreed rate is dropped unread beyond that; a burst may pass."""

from __future__ import annotations

from bridge.media.allowance import Allowance


def test_allowance_caps_the_rate_and_lets_a_burst_pass() -> None:
    allowance = Allowance(rate=150.0, burst=150.0, now=0.0)
    assert sum(allowance.take(0.0) for _ in range(1000)) == 150
    passed = sum(allowance.take(n / 20000) for n in range(20000))
    assert 149 <= passed <= 151
    assert sum(allowance.take(100.0) for _ in range(1000)) == 150
    assert not allowance.take(99.0)
