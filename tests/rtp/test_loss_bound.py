"""Little loss is let pass, more holds, much cuts; and loss that does not answer to what we send is not ours."""

from __future__ import annotations

import random

import pytest

from bridge.rtp.loss_bound import LossBound, Verdict


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(0.0, Verdict.FREE), (0.02, Verdict.FREE), (0.05, Verdict.HOLD), (0.3, Verdict.CUT)],
)
def test_what_a_share_says(share: float, verdict: Verdict) -> None:
    bound = LossBound()
    bound.take(0, 0, 1e6, 0.0)
    assert bound.take(int(200 * share), 200, 1e6, 1.0) is verdict
    assert bound.share == share


def test_few_packets_say_little_for_a_while() -> None:
    bound = LossBound()
    for number in range(5):
        assert bound.take(1, 5, 1e6, number / 2) is Verdict.FREE
    assert bound.take(1, 5, 1e6, 3.0) is Verdict.CUT


def test_nonsense_is_bounded() -> None:
    bound = LossBound()
    bound.take(0, 0, 1e6, 0.0)
    bound.take(-50, 200, 1e6, 1.0)
    assert bound.share == 0.0
    bound.take(10_000, 200, 1e6, 2.0)
    assert bound.share == 1.0
    assert 0.0 <= bound.kept < 0.1


def follow(lost: float, seconds: int, capacity: float = 1e9) -> tuple[float, LossBound]:
    """Send 1.2 Mbit/s and less along a path that loses a share, and what is above its capacity."""
    dice, bound, rate = random.Random(5), LossBound(), 1.2e6
    for second in range(seconds):
        packets = max(1, int(rate / 9_600))
        share = 1 - (1 - lost) * min(1.0, capacity / rate)
        gone = sum(dice.random() < share for _ in range(packets))
        if bound.take(gone, packets, rate, float(second)) is Verdict.CUT:
            rate = max(64_000, rate * bound.kept)
            bound.forget()
    return rate, bound


def test_a_full_path_is_followed_down() -> None:
    rate, bound = follow(0.0, 60, capacity=300_000)
    assert 200_000 < rate < 350_000
    assert bound.share < 0.15


@pytest.mark.parametrize(("share", "least"), [(0.05, 800_000), (0.1, 250_000)])
def test_a_share_of_the_paths_own_does_not_take_everything(share: float, least: float) -> None:
    rate, _ = follow(share, 120)
    assert rate > least


def test_more_than_a_paths_own_share_may_be() -> None:
    rate, _ = follow(0.5, 60)
    assert rate == 64_000
