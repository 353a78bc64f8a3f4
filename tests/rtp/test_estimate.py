"""What a path carries: the peer's word is obeyed, above a floor; loss brings it down and quiet up again."""

from __future__ import annotations

import pytest

from bridge.rtp.estimate import FLOOR, START, Estimate


def carry(estimate: Estimate, now: float, seconds: float, most: float = 1e9) -> float:
    """Send as much as is permitted, `most` bit/s at the most, for so long; returns when."""
    for _ in range(round(seconds * 10)):
        now += 0.1
        estimate.depart((int(min(estimate.bitrate, most) / 80),), now)
        estimate.wake(now)
    return now


@pytest.mark.parametrize("bitrate", [0, 1, 63_999])
def test_nobody_is_starved_by_a_word(bitrate: int) -> None:
    estimate = Estimate(0.0)
    estimate.on_remb(bitrate)
    assert estimate.bitrate == FLOOR
    estimate.on_remb(10_000_000)
    assert estimate.bitrate == START
    estimate.on_request(7, bitrate)
    assert estimate.bitrate == FLOOR


def test_the_word_of_the_description_is_the_ceiling() -> None:
    estimate = Estimate(0.0)
    estimate.configure(1_000_000)
    carry(estimate, 0.0, 30.0)
    assert estimate.bitrate == 1_000_000
    estimate.configure(0)
    carry(estimate, 30.0, 30.0)
    assert estimate.bitrate == 3_000_000


def test_loss_brings_it_down_and_quiet_up_again() -> None:
    estimate = Estimate(0.0)
    now = carry(estimate, 0.0, 30.0)
    for _ in range(20):
        estimate.on_loss(0.3, now)
        now = carry(estimate, now, 1.0)
    assert estimate.bitrate < 150_000
    estimate.on_loss(0.0, now)
    now = carry(estimate, now, 30.0)
    assert estimate.bitrate > 1_500_000


def test_it_grows_to_half_as_much_again_as_was_tried() -> None:
    estimate = Estimate(0.0)
    carry(estimate, 0.0, 30.0, most=700_000)
    assert estimate.bitrate == pytest.approx(1_050_000, rel=0.01)
