"""What a path carries: found soon when it gets narrow, and again when it gets wide; the peer's word is obeyed, above a
floor."""

from __future__ import annotations

import pytest

from bridge.rtp.estimate import CEILING, FLOOR, START, Estimate
from bridge.rtp.rtcp_feedback import TransportWide
from bridge.video.settings import VideoSettings
from tests.rtp.narrow_path import Path, run

NARROW, WIDE = 20.0, 50.0


def estimate() -> Estimate:
    return Estimate(1_000.0)


def narrows(now: float, path: Path) -> None:
    """The bottleneck of 300 kbit/s comes and goes."""
    path.capacity = 300_000 if NARROW <= now < WIDE else 3_000_000


@pytest.mark.parametrize("bitrate", [0, 1, 63_999])
def test_nobody_is_starved_by_a_word(bitrate: int) -> None:
    made = estimate()
    made.configure(7, 0, False)
    made.on_remb(bitrate, 1_000.0)
    assert made.bitrate == made.share(7) == FLOOR
    made.on_remb(10_000_000, 1_000.0)
    assert made.share(7) == START
    made.on_request(7, bitrate)
    assert made.share(7) == FLOOR
    made.on_request(7, 10_000_000)
    assert made.share(7) == START


def test_streams_share_the_path_and_each_has_its_own_limits() -> None:
    made = estimate()
    made.configure(7, 0, False)
    made.configure(8, 100_000, False)
    assert (made.share(7), made.share(8)) == (START, 100_000)
    made.depart(8, (100,), 1_000.0)
    assert (made.share(7), made.share(8)) == (START // 2, 100_000)
    made.wake(1_005.0)
    assert made.share(7) >= START
    made.on_request(7, 80_000)
    assert made.share(7) == 80_000
    made.forget(8)
    made.forget(7)
    made.configure(7, 0, False)
    assert made.share(7) >= START


def test_a_free_path_is_used_within_seconds_and_no_more_than_was_agreed() -> None:
    found = run(estimate(), Path(), 30.0)
    assert found.reached(1_500_000, 0.0) < 10.0
    assert found.rates(25.0, 30.0)[-1] == CEILING
    narrow = estimate()
    narrow.configure(2, 600_000, True)
    narrow.forget(2)
    found = run(narrow, Path(), 20.0, ceiling=600_000)
    assert max(found.rates(0.0, 20.0)) == 600_000


@pytest.mark.parametrize(
    "path",
    [Path(), Path(queue_s=0.08), Path(queue_s=2.0), Path(jitter_s=0.008), Path(delay_s=0.1)],
    ids=["queue 400 ms", "queue 80 ms", "queue 2 s", "jitter", "far"],
)
def test_a_bottleneck_that_appears_and_goes(path: Path) -> None:
    found = run(estimate(), path, 90.0, narrows)
    assert found.fell(330_000, NARROW) < 2.0
    assert 200_000 < found.mean(NARROW + 10, WIDE) < 330_000
    assert found.queue(NARROW + 10, WIDE) < 0.12
    assert found.reached(1_500_000, WIDE) < 20.0


@pytest.mark.parametrize("report_s", [1.0, 5.0])
def test_the_same_from_reports_of_loss_alone(report_s: float) -> None:
    found = run(estimate(), Path(queue_s=0.2), 90.0, narrows, numbered=False, report_s=report_s)
    assert found.fell(330_000, NARROW) < 2.0 + report_s
    assert 200_000 < found.mean(NARROW + 12, WIDE) < 500_000
    assert found.reached(1_500_000, WIDE) < 30.0


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize(("loss", "least"), [(0.05, 600_000), (0.1, 400_000)])
def test_loss_that_is_not_ours_does_not_take_everything(numbered: bool, loss: float, least: float) -> None:
    found = run(estimate(), Path(loss=loss), 60.0, numbered=numbered)
    assert min(found.rates(0.0, 60.0)) > least * 0.9
    assert found.mean(30.0, 60.0) > least


def test_room_is_made_for_others() -> None:
    def cross(now: float, path: Path) -> None:
        path.cross = 1_200_000 if 20 <= now < 40 else 0

    found = run(estimate(), Path(capacity=1_800_000), 70.0, cross)
    assert 300_000 < found.mean(30.0, 40.0) < 650_000
    assert found.queue(30.0, 40.0) < 0.12
    assert found.reached(1_300_000, 40.0) < 25.0


def test_others_that_come_and_go_all_the_time_starve_nobody() -> None:
    def cross(now: float, path: Path) -> None:
        path.cross = 1_200_000 if int(now / 5) % 2 else 0

    found = run(estimate(), Path(capacity=1_600_000), 60.0, cross)
    assert found.mean(20.0, 60.0) > 250_000


def test_jitter_alone_is_let_pass() -> None:
    found = run(estimate(), Path(jitter_s=0.015), 60.0)
    assert found.mean(20.0, 60.0) > 1_500_000


def test_a_path_of_almost_nothing() -> None:
    found = run(estimate(), Path(capacity=100_000), 40.0)
    assert min(found.rates(10.0, 40.0)) >= FLOOR
    assert found.mean(10.0, 40.0) < 120_000
    assert found.queue(10.0, 40.0) < 0.2


@pytest.mark.parametrize("numbered", [True, False])
def test_the_rungs_of_a_worker_are_climbed_from_the_floor(numbered: bool) -> None:
    """A worker sends no more than its smallest picture takes, until it is told of enough for the next."""
    rungs = VideoSettings().rungs

    def most(told: int) -> float:
        return next((rung.most for rung in rungs if told >= rung.least), rungs[-1].most)

    def narrows_to_nothing(now: float, path: Path) -> None:
        path.capacity = 60_000 if now < 10 else 10_000_000

    found = run(estimate(), Path(), 60.0, narrows_to_nothing, numbered=numbered, most=most)
    assert found.rates(9.0, 10.0)[-1] < 110_000
    assert found.reached(1_500_000, 10.0) < 30.0


def test_few_pictures_with_little_in_them_let_it_grow_all_the_same() -> None:
    def narrows_to_nothing(now: float, path: Path) -> None:
        path.capacity = 30_000 if now < 10 else 10_000_000

    found = run(estimate(), Path(), 60.0, narrows_to_nothing, most=lambda _: 50_000, fps=5)
    assert found.rates(9.0, 10.0)[-1] < 80_000
    assert found.reached(500_000, 10.0) < 25.0


def test_without_any_word_of_the_peer_nothing_grows_for_long() -> None:
    made = estimate()
    made.configure(1, 0, False)
    for second in range(60):
        made.depart(1, (100_000,), 1_000.0 + second)
        made.wake(1_000.0 + second)
    silent = made.share(1)
    made.wake(1_100.0)
    assert made.share(1) == silent


def test_a_peer_that_agreed_to_tell_of_each_packet_and_does_not_is_judged_by_its_reports() -> None:
    made = estimate()
    made.configure(1, 0, True)
    for second in range(20):
        made.depart(1, (20_000,), 1_000.0 + second)
        made.on_loss(50, 100, 1_000.0 + second)
    assert made.share(1) < 200_000


def test_feedback_of_nonsense_changes_nothing() -> None:
    made = estimate()
    made.configure(1, 0, True)
    for number in range(0, 65_536, 999):
        made.on_transport_wide(TransportWide(1, 1, number, 5, 0, ((0, 1), (4, 0xFFFFFFFF))), 1_000.0)
        made.depart(1, (1_200,) * 3, 1_000.0)
    assert FLOOR <= made.bitrate <= CEILING
