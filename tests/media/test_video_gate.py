"""Keeps: pictures that nobody sees, and more of them than were agreed on, are dropped before they are decrypted; SRTP
verifies all the same whatever was left out, and the sound does not notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.media.track import SPAN
from bridge.rtp import rtcp
from bridge.rtp.link import SdesLink
from bridge.sdp.audio import SrtpKey
from bridge.sdp.video import VideoLimits
from tests.media.bench_pictures import BROWSER, VIDEO, Camera, VideoLeg

OURS, THEIRS = SrtpKey("AEAD_AES_128_GCM", bytes(28)), SrtpKey("AEAD_AES_128_GCM", bytes(range(28)))
CM = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(30)), SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))


class Counted:
    """Counts what is decrypted."""

    def __init__(self, unwrap: Callable[[bytes], bytes]) -> None:
        self.unwrap = unwrap
        self.calls = 0

    def __call__(self, datagram: bytes) -> bytes:
        self.calls += 1
        return self.unwrap(datagram)


def secure(alone: bool = False, keys: tuple[SrtpKey, SrtpKey] = (OURS, THEIRS)) -> tuple[VideoLeg, Counted]:
    bench = VideoLeg(alone)
    video = replace(VIDEO, srtp_send=keys[0], srtp_receive=keys[1])
    bench.agree(video, srtp_send=keys[0], srtp_receive=keys[1])
    bench.link = bench.video_link = SdesLink(keys[1], keys[0])
    transport = bench.alone or bench.transport
    counted = Counted(transport._unwrap_rtp)
    transport._unwrap_rtp = counted
    bench.go(0)
    return bench, counted


@pytest.mark.parametrize(
    ("alone", "keys", "first"),
    [(False, (OURS, THEIRS), 0), (True, CM, 20_000), (True, (OURS, THEIRS), 40_000)],
)
def test_numbers_wrap_twice_off_stage_and_srtp_verifies(
    alone: bool, keys: tuple[SrtpKey, SrtpKey], first: int
) -> None:
    bench, counted = secure(alone, keys)
    camera = Camera(sequence=first)
    link = bench.video_link if bench.alone else bench.link
    bench.watch(*camera.picture(key=True))
    total = 2 * 65_536 + 30_000
    for n in range(total):
        datagram = link.wrap_rtp(camera.packet(b"\x90\x80\x11\0\0"))
        # What does not matter here, which is nearly all, need not come: it would only be dropped.
        if n % 16 == 0 or camera.sequence % SPAN < 2:
            bench.now += 0.03
            bench.watch(datagram, wrapped=True)
    assert counted.calls < total / 16 * 0.05 + 60
    bench.pictures.show(360, 0, bench.now)
    bench.film(camera, 0.4)
    assert len(bench.units) == 10 and not bench.drops["srtp-auth"] and not bench.drops["srtp-replay"]


def test_numbers_that_are_skipped_at_once_are_let_through() -> None:
    bench, counted = secure()
    camera = Camera(sequence=100)
    bench.watch(*camera.picture(key=True))
    for step in (30_000, 30_000, 30_000):  # within a moment: so many packets were lost
        camera.sequence = camera.sequence + step & 0xFFFF
        for _ in range(3):
            bench.watch(camera.packet(b"\x90\x80\x11\0\0"))
    bench.pictures.show(360, 0, bench.now)
    bench.film(camera, 0.4)
    assert len(bench.units) == 10 and not bench.drops["srtp-auth"]
    assert counted.calls < 30


def test_one_packet_a_second_proves_that_the_peer_lives() -> None:
    bench, counted = secure()
    bench.film(Camera(), 10.0)
    assert 10 <= counted.calls <= 13
    assert bench.drops["off-stage"] == 500 - counted.calls
    assert bench.session._silence._heard > bench.now - 1.1


def test_a_flood_of_pictures_is_not_decrypted_and_costs_no_sound() -> None:
    bench, counted = secure()
    bench.pictures.show(360, 0, bench.now)
    camera = Camera()
    bench.watch(*camera.picture(key=True))
    before = counted.calls
    for _ in range(50):  # a second with 20,000 packets
        for _ in range(400):
            bench.watch(camera.packet(b"\x90\x80\x11\0\0"))
        bench.pass_time(0.02, talking=True)
    agreed = 3 * 3_000_000 / (8 * 800)
    assert (
        counted.calls - before - 50 <= 2.1 * agreed
    )  # a second's worth, and as much at once after the rest before
    assert bench.drops["over-rate"] > 15_000
    assert bench.session.received.packets == 50


def test_the_rate_agreed_on_bounds_what_is_taken() -> None:
    bench, counted = secure()
    bench.agree(
        replace(VIDEO, srtp_send=OURS, srtp_receive=THEIRS, receive_limits=VideoLimits(bitrate=64_000)),
        srtp_send=OURS,
        srtp_receive=THEIRS,
    )
    (bench.alone or bench.transport)._unwrap_rtp = counted
    camera = Camera()
    bench.watch(*camera.picture(key=True))
    bench.pictures.show(360, 0, bench.now)
    before = counted.calls
    for _ in range(3_000):
        bench.watch(camera.packet(b"\x90\x80\x11\0\0"))
    assert 440 <= counted.calls - before <= 451


def test_forged_sources_use_up_nothing_of_the_true_one() -> None:
    bench, _ = secure()
    bench.pictures.show(360, 0, bench.now)
    camera = Camera()
    bench.film(camera, 0.4)
    for n in range(25):
        for forged in range(400):
            bench.watch(Camera(10_000 + n * 400 + forged).packet(bytes(50)), wrapped=True)
        bench.watch(*camera.picture())
        bench.pass_time(0.04, talking=True)
    assert len(bench.units) == 35
    assert bench.session.received.packets == 50
    assert bench.drops["srtp-auth"] < 110 and bench.drops["over-rate"] > 9_800


def test_a_flood_of_sound_costs_no_pictures() -> None:
    bench, _ = secure()
    bench.pictures.show(360, 0, bench.now)
    camera = Camera()
    for n in range(25):
        for _ in range(200):
            bench.hear()
        bench.watch(*camera.picture(key=n == 0))
        bench.pass_time(0.04)
    assert len(bench.units) == 25


def test_what_is_dropped_unread_is_told_to_have_come() -> None:
    bench = VideoLeg()
    bench.agree(BROWSER, feedback_id=3, rtcp_reduced_size=True)
    bench.go(0)
    camera = Camera(mid=b"1", number=b"\0\0")
    for number in range(100):
        camera.told["number"] = number.to_bytes(2, "big")
        bench.watch(camera.packet(b"\x90\x80\x11\0\0"))
        bench.pass_time(0.02)
    assert bench.drops["off-stage"] > 95
    told = sum(len(each.received) for each in bench.asked if hasattr(each, "received"))
    assert told > 80


@pytest.mark.parametrize("reports", [False, True])
def test_a_peer_that_makes_up_ever_new_sources_is_not_followed_for_long(reports: bool) -> None:
    """SRTP looks through all sources that it knows for each packet."""
    bench, counted = secure()
    transport = bench.alone or bench.transport
    bench.pictures.show(360, 0, bench.now)
    camera = Camera()
    bench.pass_time(0.04, talking=True)
    bench.film(camera, 0.4)
    of_reports = Counted(transport._unwrap_rtcp)
    transport._unwrap_rtcp = of_reports
    before = counted.calls
    for n in range(500):
        if reports:
            report = rtcp.serialise(rtcp.ReceiverReport(10_000 + n))
            transport._take_report(bench.link.wrap_rtcp(report), bench.now)
        else:
            bench.watch(*Camera(10_000 + n).picture(key=True, octets=100))
        bench.pass_time(0.02)
    assert 90 <= counted.calls - before + of_reports.calls <= 110
    assert bench.drops["too-many-sources"] > 380
    bench.units.clear()
    for n in range(50):
        bench.watch(*camera.picture(key=n % 25 == 0))
        bench.pass_time(0.04, talking=True)
    assert len(bench.units) >= 25
    assert bench.session.received.packets == 102


def test_of_a_source_that_is_too_quick_no_more_is_decoded_than_of_others() -> None:
    """A worker decodes before it draws: such a source would take the pictures of all from them."""
    bench, _ = secure()
    bench.pictures.show(360, 0, bench.now)
    camera = Camera()
    for n in range(1_200):
        bench.watch(*camera.picture(key=n % 10 == 0, octets=100))
        if n % 8 == 7:
            bench.pass_time(0.02)
    assert len(bench.units) <= 3 * 75 + 40
    assert bench.drops["video-over-rate"] > 0
    assert bench.units[-1].arrival > bench.now - 0.5
    bench.pass_time(1.0)
    bench.units.clear()
    for n in range(60):  # one that is only quick is not
        bench.watch(*camera.picture(key=n == 0, octets=100))
        if n % 6 == 5:
            bench.pass_time(0.1)
    assert len(bench.units) == 60
