"""Keeps: pictures of a leg come whole and in order to the worker, only while somebody sees them, and what is missing is
asked for, no more than that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.media import contract
from bridge.rtp import rtcp, rtcp_feedback
from bridge.sdp.video import Content
from bridge.video.contract import OpenSink, SourceGone
from tests.media.bench_pictures import BROWSER, VIDEO, Camera, VideoLeg


def leg(alone: bool = False, seen: int = 360) -> VideoLeg:
    made = VideoLeg(alone)
    made.agree()
    made.go(seen)
    return made


@pytest.mark.parametrize("alone", [False, True])
def test_pictures_go_to_the_worker_whole_and_in_order(alone: bool) -> None:
    bench = leg(alone)
    camera = Camera()
    bench.film(camera, 1.0)
    assert [unit.key for unit in bench.units] == [True] + 24 * [False]
    first = bench.units[0]
    assert (first.source, first.codec, first.width, first.height) == ("a", "VP8", 640, 360)
    assert first.octets[3:6] == b"\x9d\x01\x2a" and len(first.octets) == 2010
    assert not bench.drops and not bench.faults
    assert bench.told(contract.Seen) == [contract.Seen("a", Content.MAIN, True)]
    assert [message for message in bench.worker if isinstance(message, OpenSink)][-1].sink == "a"


def test_sound_and_pictures_of_a_bundle_part_ways() -> None:
    bench = leg()
    camera = Camera()
    for n in range(50):
        bench.watch(*camera.picture(key=n == 0))
        bench.pass_time(0.02, talking=True)
    assert bench.session.received.packets == 50
    assert len(bench.units) == 50


def test_who_is_on_no_canvas_is_dropped_unread() -> None:
    bench = leg(seen=0)
    bench.film(Camera(), 3.0)
    assert not bench.units
    assert 140 <= bench.drops["off-stage"] < 150
    assert bench.told(contract.Seen) == [contract.Seen("a", Content.MAIN, True)]
    asked = bench.asked
    assert not [packet for packet in asked if isinstance(packet, rtcp_feedback.PictureLoss)]
    blocks = [block for packet in asked if isinstance(packet, rtcp.ReceiverReport) for block in packet.blocks]
    assert {(block.ssrc, block.lost) for block in blocks} == {(500, 0)}


def test_a_source_begins_with_a_key_frame_whenever_it_goes_on_stage() -> None:
    bench = leg(seen=0)
    camera = Camera()
    bench.film(camera, 1.0)
    bench.asked.clear()
    bench.pictures.show(360, 0, bench.now)
    bench.film(camera, 1.0, key_at=0.48)
    assert bench.units[0].key and len(bench.units) == 13
    wishes = [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.PictureLoss)]
    assert wishes == [rtcp_feedback.PictureLoss(wishes[0].ssrc, 500)]
    bench.pictures.show(0, 0, bench.now)
    assert SourceGone("a") in bench.worker
    bench.film(camera, 0.2)
    assert len(bench.units) == 13


def test_a_lost_packet_is_asked_for_and_the_pictures_behind_it_wait() -> None:
    bench = leg()
    camera = Camera()
    bench.film(camera, 0.4)
    lost, rest = camera.picture()[0], camera.picture()
    number = lost[2] << 8 | lost[3]
    bench.watch(camera.sent[number + 1], *rest)
    bench.asked.clear()
    bench.pass_time(0.04)
    nacks = [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.Nack)]
    assert nacks and nacks[0].items == ((number, 0),)
    assert len(bench.units) == 10
    again = Camera(501, sequence=7)
    again.timestamp = camera.timestamp - 3_600
    bench.watch(again.packet(lost[2:4] + lost[12:], payload_type=97))
    assert len(bench.units) == 12 and not any(unit.key for unit in bench.units[1:])


def test_after_a_loss_for_good_there_is_nothing_until_a_key_frame() -> None:
    bench = leg()
    camera = Camera()
    bench.film(camera, 0.4)
    camera.picture()
    bench.asked.clear()
    bench.film(camera, 2.0, key_at=1.6)
    wishes = [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.PictureLoss)]
    assert 2 <= len(wishes) <= 4
    assert [unit.key for unit in bench.units[10:]] == [True] + 9 * [False]


def test_key_frames_are_asked_for_twice_a_second_at_most() -> None:
    bench = leg()
    camera = Camera()
    bench.film(camera, 0.4)
    bench.asked.clear()
    for n in range(500):
        bench.pictures.want_key("a", bench.now)
        bench.watch(*camera.picture(key=n % 100 == 99))
        bench.pass_time(0.02)
    wishes = [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.PictureLoss)]
    assert 18 <= len(wishes) <= 21


def test_a_source_that_never_gives_a_key_frame_is_asked_less_often() -> None:
    bench = leg()
    bench.film(Camera(), 25.0, key_at=99)
    wishes = [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.PictureLoss)]
    assert 17 <= len(wishes) <= 21


def test_without_feedback_key_frames_are_asked_for_in_signalling() -> None:
    bench = VideoLeg(alone=True)
    bench.agree(replace(VIDEO, pli=False, nack=False))
    bench.go()
    bench.film(Camera(), 1.2, key_at=5)
    assert bench.told(contract.KeyNeeded) == [contract.KeyNeeded("a")] * 3
    bench = VideoLeg(alone=True)
    bench.agree(replace(VIDEO, pli=False, fir=True))
    bench.go()
    bench.film(Camera(), 1.2, key_at=5)
    numbers = [packet.items[0] for packet in bench.asked if isinstance(packet, rtcp_feedback.FullIntra)]
    assert numbers == [(500, 1), (500, 2), (500, 3)]


def test_a_worker_that_is_behind_gets_the_next_key_frame() -> None:
    bench = leg()
    camera = Camera()
    bench.film(camera, 0.4)
    bench.takes = False
    bench.film(camera, 0.2, key_at=9)
    bench.takes = True
    bench.film(camera, 0.4, key_at=0.2)
    assert [unit.key for unit in bench.units[10:]] == [True] + 4 * [False]
    assert [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.PictureLoss)]


def test_another_worker_gets_sinks_and_key_frames() -> None:
    bench = leg()
    camera = Camera()
    bench.film(camera, 1.0)
    bench.pictures.serve(False, bench.now)
    count, before = len(bench.units), len(bench.worker)
    bench.film(camera, 1.0, key_at=9)
    assert len(bench.units) == count and bench.drops["off-stage"] > 40
    bench.asked.clear()
    bench.pictures.serve(True, bench.now)
    bench.film(camera, 0.04, key_at=9)
    assert [message for message in bench.worker[before:] if isinstance(message, OpenSink)]
    assert [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.PictureLoss)]
    bench.film(camera, 0.4)
    assert bench.units[count].key and len(bench.units) == count + 10


def test_it_is_told_when_pictures_stop_and_when_they_come_again() -> None:
    bench = leg()
    camera = Camera()
    bench.film(camera, 0.4)
    bench.pass_time(2.2, talking=True)
    bench.film(camera, 0.4)
    seen = [event.on for event in bench.events if isinstance(event, contract.Seen)]
    assert seen == [True, False, True]


def test_a_source_that_says_goodbye_makes_room_for_the_next() -> None:
    bench = leg()
    bench.film(Camera(500), 0.4)
    bench.hear_report(rtcp.serialise(rtcp.ReceiverReport(500)) + rtcp.serialise(rtcp.Bye((500,))))
    bench.film(Camera(900), 0.4)
    assert [unit.key for unit in bench.units] == ([True] + 9 * [False]) * 2


def test_a_source_that_begins_anew_is_followed_when_the_old_one_is_silent() -> None:
    bench = leg()
    old, new = Camera(500), Camera(900)
    bench.film(old, 0.4)
    bench.watch(*new.picture(key=True))  # a stranger beside it changes nothing
    bench.film(old, 0.4, key_at=9)
    assert len(bench.units) == 20
    bench.pass_time(0.8)
    bench.film(Camera(901), 0.4)
    assert len(bench.units) == 30 and bench.units[20].key


def test_a_leg_tells_the_quality_of_its_pictures() -> None:
    bench = leg()
    bench.film(Camera(), 2.0)
    quality = bench.pictures.quality
    assert quality is not None
    assert (quality.packets_received, quality.packets_lost, quality.frames_received) == (100, 0, 50)
    assert quality.codec_received == quality.codec_sent == "VP8"
    assert 400_000 < quality.bitrate_received < 410_000
    bench.pictures.close(bench.now, 1.7e9)
    assert bench.told(contract.Seen)[-1] == contract.Seen("a", Content.MAIN, False)


def test_a_stream_that_is_agreed_on_no_more_ends() -> None:
    bench = leg()
    camera = Camera()
    bench.film(camera, 0.4)
    bench.agree(None)
    bench.watch(*camera.picture(key=True))
    assert len(bench.units) == 10
    assert bench.transport.pictures is None
    bench.agree()
    bench.film(camera, 0.4)
    assert len(bench.units) == 20


def test_the_same_again_changes_nothing() -> None:
    bench = leg()
    camera = Camera()
    bench.film(camera, 0.4)
    bench.asked.clear()
    bench.agree()
    bench.film(camera, 0.4, key_at=9)
    assert len(bench.units) == 20
    assert not [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.PictureLoss)]


def test_numbers_of_all_streams_are_told_together() -> None:
    bench = VideoLeg()
    bench.agree(BROWSER, feedback_id=3, rtcp_reduced_size=True)
    bench.go()
    number = 0
    camera = Camera(mid=b"1", number=b"\0\0")
    told: list[rtcp_feedback.TransportWide] = []
    for n in range(50):
        for payload in (b"\x90\x80" + bytes(100), b"\x80\x80" + bytes(100)):
            number += 1
            camera.told["number"] = number.to_bytes(2, "big")
            bench.watch(camera.packet(payload))
        number += 1
        extension = bytes.fromhex("bede0001 31") + number.to_bytes(2, "big") + b"\0"
        bench.hear(bench.packet(extension=extension))
        bench.pass_time(0.02)
        if n % 5 == 4 and bench.session.deadline <= bench.now:
            bench.session.wake(bench.now, 1.7e9)
    told = [packet for packet in bench.asked if isinstance(packet, rtcp_feedback.TransportWide)]
    assert 9 <= len(told) <= 26
    assert sum(len(each.received) for each in told) > 140


def test_sources_are_few_and_those_that_are_silent_are_asked_for_nothing() -> None:
    bench = leg()
    cameras = [Camera(900 + n) for n in range(20)]
    for camera in cameras:
        bench.film(camera, 1.0)
    stream = bench.pictures.streams[Content.MAIN]
    assert len(stream.tracks.all) == len(bench.pictures._tracks) == 12
    bench.film(cameras[-1], 12.0)
    assert stream.tracks.sources(bench.now) == (919,)
    assert stream.tracks.received == 20 * 50 + 600
