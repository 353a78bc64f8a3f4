"""Sinks stand on the rung that their path and their limits allow: down at once, up only when it has been safe."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sdp.video import VideoLimits
from bridge.video.ladder import PACES, REST_S, SURE_S, Place, is_due, pace, rungs_for, shared_rate, width_of
from bridge.video.settings import VideoSettings

RUNGS = VideoSettings().rungs
HD = rungs_for(RUNGS, VideoLimits(), 720)


def test_the_first_place_is_the_highest_that_the_path_carries() -> None:
    for bitrate, height in ((2_000_000, 720), (500_000, 720), (499_000, 360), (100_000, 180), (10_000, 90)):
        rung = Place().stand(HD, bitrate, 0.0)
        assert rung is not None and rung.height == height


def test_a_path_that_narrows_steps_down_at_once_and_up_again_only_after_a_rest() -> None:
    place = Place()
    place.stand(HD, 1_000_000, 0.0)
    down = place.stand(HD, 300_000, 1.0)
    assert down is not None and down.height == 360
    climbed = None
    for step in range(200):
        now = 1.0 + step / 10
        rung = place.stand(HD, 1_000_000, now)
        assert rung is not None
        if rung.height == 720:
            climbed = now
            break
    assert climbed == pytest.approx(1.0 + max(REST_S, SURE_S), abs=0.11)


def test_a_short_dip_just_below_the_least_is_passed_over() -> None:
    place = Place()
    place.stand(HD, 600_000, 0.0)
    for now, bitrate in ((1.0, 450_000), (2.0, 450_000), (2.4, 520_000), (3.0, 450_000), (4.4, 450_000)):
        rung = place.stand(HD, bitrate, now)
        assert rung is not None and rung.height == 720
    rung = place.stand(HD, 450_000, 4.6)
    assert rung is not None and rung.height == 360


def test_a_path_at_the_edge_does_not_swing() -> None:
    place = Place()
    changes, before = 0, None
    for step in range(600):
        bitrate = 480_000 if step % 20 < 10 else 560_000
        rung = place.stand(HD, bitrate, step / 10)
        changes += rung is not before
        before = rung
    assert changes <= 2


def test_a_lower_ceiling_counts_at_once_and_so_does_its_end() -> None:
    place = Place()
    place.stand(HD, 2_000_000, 0.0)
    low = place.stand(rungs_for(RUNGS, VideoLimits(), 360), 2_000_000, 0.1)
    assert low is not None and low.height == 360


def test_limits_of_a_receiver_bound_the_size() -> None:
    for limits, height in (
        (VideoLimits(), 720),
        (VideoLimits(max_fs=3600), 720),
        (VideoLimits(max_fs=1620), 360),
        (VideoLimits(max_fs=396), 180),
        (VideoLimits(max_fs=99), 90),
        (VideoLimits(max_width=352, max_height=288), 180),
    ):
        assert rungs_for(RUNGS, limits, 720)[0].height == height
    assert rungs_for(RUNGS, VideoLimits(max_fs=20), 720) == ()


def test_limits_of_a_receiver_bound_the_pace() -> None:
    assert pace(VideoLimits(), 720, 25) == 25
    assert pace(VideoLimits(max_fps=30), 720, 25) == 25
    assert pace(VideoLimits(max_fps=17), 720, 25) == 15
    assert pace(VideoLimits(max_mbps=108_000), 720, 30) == 30
    assert pace(VideoLimits(max_mbps=40_500), 720, 25) == 10
    assert pace(VideoLimits(max_mbps=1), 720, 25) == PACES[-1]


@given(st.sampled_from([20, 25, 30]), st.sampled_from(PACES))
def test_a_slower_pace_is_spread_evenly(fps: int, wanted: int) -> None:
    wanted = min(wanted, fps)
    due = [number for number in range(fps * 4) if is_due(number, wanted, fps)]
    assert len(due) == 4 * wanted
    gaps = {later - sooner for sooner, later in pairwise(due)}
    assert max(gaps) - min(gaps) <= 1


def test_a_shared_encoder_runs_at_what_all_paths_carry_within_its_rung() -> None:
    rung = HD[0]
    assert shared_rate((900_000, 700_000, 3_000_000), rung) == 700_000
    assert shared_rate((9_000_000,), rung) == rung.most
    assert shared_rate((1_000,), rung) == rung.least
    assert shared_rate((), rung) == rung.most


def test_widths_are_even() -> None:
    assert [width_of(rung.height) for rung in RUNGS] == [1920, 1280, 640, 320, 160]
