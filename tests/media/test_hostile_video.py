"""Keeps: hostile pictures at a live leg reach no decoder, are counted, and leave its sound and the other legs alone."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from bridge.rtp import rtcp_feedback
from bridge.sdp.video import VideoFormat, VideoLimits
from tests.media.bench_pictures import VIDEO, Camera, VideoLeg
from tests.media.vectors import beside, vectors

REPEATS = 100
LIMITS = VideoLimits(max_fs=3_600, bitrate=1_500_000)
BOTH = replace(
    VIDEO,
    receive={97: VideoFormat("H264", 97, 99), 96: VideoFormat("VP8", 96, 98)},
    repairs={99: 97, 98: 96},
    receive_limits=LIMITS,
)

pytestmark = [pytest.mark.shared, beside]


def victim(alone: bool) -> VideoLeg:
    leg = VideoLeg(alone)
    leg.agree(BOTH)
    leg.go(720)
    return leg


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("kind", ["h264", "vp8", "rtp", "rtcp"])
def test_the_sound_goes_on_and_nothing_hostile_reaches_the_worker(kind: str, alone: bool) -> None:
    for name, datagram, expected in vectors(kind):
        leg = victim(alone)
        for _ in range(10):
            leg.watch(datagram, wrapped=True)
            leg.pass_time(0.02, talking=True)
        assert leg.session.received.packets >= 10, name
        assert not leg.faults, name
        if kind in ("h264", "vp8") and expected != "accept":
            assert not leg.units, name
        for unit in leg.units:
            assert LIMITS.fits(unit.width, unit.height) and len(unit.octets) < 2_000, name
        wishes = [packet for packet in leg.asked if isinstance(packet, rtcp_feedback.PictureLoss)]
        assert len(wishes) <= 2, name


@pytest.mark.parametrize("kind", ["h264", "vp8"])
def test_a_camera_goes_on_behind_all_of_them(kind: str) -> None:
    leg = victim(alone=True)
    for number, (_, datagram, _) in enumerate(vectors(kind)):
        for again in range(REPEATS):
            place = number * REPEATS + again
            leg.watch(datagram[:2] + struct.pack("!HI", place, 3_000 * place) + datagram[8:], wrapped=True)
        leg.pass_time(0.1, talking=True)
    leg.pass_time(1.0)
    leg.units.clear()
    leg.film(Camera(), 1.0)
    assert len(leg.units) == 25
    assert leg.drops["over-level"] >= 1
    assert leg.session.received.packets == 5 * len(vectors(kind))
