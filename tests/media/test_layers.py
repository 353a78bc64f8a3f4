"""Keeps: of layers that are sent at the same time the smallest that fills its tile is taken, and changed at key frames;
the others are dropped before they are decrypted."""

from __future__ import annotations

from dataclasses import replace

from bridge.media.layers import pick
from bridge.media.track import Track
from bridge.rtp import rtcp_feedback
from tests.media.bench_pictures import BROWSER, Camera, VideoLeg


def layer(ssrc: int, height: int, octets: int, heard: float = 100.0) -> Track:
    track = Track(ssrc, f"r{ssrc}", heard)
    track.height, track.octets = height, octets
    return track


def test_the_smallest_that_is_high_enough_else_the_largest() -> None:
    layers = [layer(1, 180, 10), layer(2, 360, 20), layer(3, 720, 30)]
    for height, ssrc in ((90, 1), (180, 1), (200, 2), (360, 2), (500, 3), (1080, 3)):
        best = pick(layers, height, 100.0)
        assert best is not None and best.ssrc == ssrc
    assert pick([], 360, 100.0) is None


def test_a_layer_that_is_not_sent_any_more_is_not_taken() -> None:
    layers = [layer(1, 180, 10), layer(3, 720, 30, heard=98.0)]
    best = pick(layers, 720, 100.0)
    assert best is not None and best.ssrc == 1
    assert pick(layers, 720, 105.0) is None


def test_a_layer_that_nobody_has_looked_at_is_tried_where_it_may_be_better() -> None:
    known, unknown = layer(1, 180, 10), layer(2, 0, 20)
    assert pick([known, unknown], 720, 100.0) is unknown
    assert pick([known, unknown], 180, 100.0) is known
    smaller = layer(3, 0, 5)
    assert pick([layer(2, 720, 20), smaller], 180, 100.0) is smaller
    assert pick([unknown, smaller], 180, 100.0) is unknown


class Browser:
    """A leg whose peer sends two layers, and key frames of those that are asked for, a moment later."""

    def __init__(self, seen: int) -> None:
        self.leg = VideoLeg()
        self.leg.agree(replace(BROWSER, rids=("l", "h")), feedback_id=3, rtcp_reduced_size=True)
        self.leg.go(seen)
        self.low = Camera(501, 360, mid=b"1", rid=b"l")
        self.high = Camera(502, 720, mid=b"1", rid=b"h")
        self.cameras = [self.low, self.high]
        self.keys: list[int] = []
        self.due = {501: True, 502: True}

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 25)):
            for camera in self.cameras:
                key, self.due[camera.ssrc] = self.due[camera.ssrc], False
                self.leg.watch(*camera.picture(key, octets=camera.height * 10))
            self.leg.pass_time(0.04)
            for packet in self.leg.asked:
                if isinstance(packet, rtcp_feedback.PictureLoss):
                    self.keys.append(packet.media_ssrc)
                    self.due[packet.media_ssrc] = True

    @property
    def heights(self) -> list[int]:
        return [unit.height for unit in self.leg.units if unit.key]


def test_a_large_tile_gets_the_high_layer() -> None:
    browser = Browser(720)
    browser.run(2.0)
    assert browser.heights[-1] == 720
    assert len(browser.leg.units) in (50, 51)  # at the change a moment may be shown in either
    assert browser.leg.drops["other-layer"] > 100


def test_a_small_tile_gets_the_low_layer_and_each_change_costs_one_key_frame() -> None:
    browser = Browser(360)
    browser.run(2.0)
    assert browser.heights[-1] == 360
    browser.leg.pictures.show(720, 0, browser.leg.now)
    browser.run(2.0)
    assert browser.heights[-1] == 720
    before = len(browser.keys)
    for height, shown in ((360, 360), (720, 720), (360, 360)):
        browser.leg.pictures.show(height, 0, browser.leg.now)
        browser.run(1.0)
        assert browser.heights[-1] == shown
    assert len(browser.keys) == before + 3
    assert 175 <= len(browser.leg.units) <= 177  # not one was missing at any change


def test_the_low_layer_goes_on_where_the_high_one_stops() -> None:
    browser = Browser(720)
    browser.run(2.0)
    browser.cameras.remove(browser.high)
    browser.run(2.0)
    assert browser.heights[-1] == 360
    assert len(browser.leg.units) >= 50 + 50 - 25


def test_a_layer_without_key_frames_does_not_stop_the_other() -> None:
    browser = Browser(720)
    browser.cameras.remove(browser.high)
    browser.run(1.0)
    browser.cameras.append(browser.high)
    browser.due[502] = False
    for _ in range(8):
        browser.run(1.0)
        browser.due[502] = False
    assert len(browser.leg.units) in (225, 226)


def test_what_was_lost_of_a_layer_is_taken_from_its_repairs() -> None:
    browser = Browser(360)
    browser.cameras.remove(browser.high)
    browser.run(1.0)
    browser.low.picture(octets=400)
    number = browser.low.sequence
    again = Camera(601, mid=b"1", repaired=b"l")
    again.timestamp = browser.low.timestamp
    payload = number.to_bytes(2, "big") + browser.low.payloads[number]
    browser.leg.watch(again.packet(payload, marker=True, payload_type=97))
    browser.run(0.2)
    assert len(browser.leg.units) == 31


def test_a_layer_that_pauses_for_long_is_known_again_without_its_name() -> None:
    browser = Browser(720)
    browser.run(2.0)
    browser.cameras.remove(browser.high)
    browser.run(90.0)
    browser.low.told, browser.high.told = {"mid": b"1"}, {}
    browser.cameras.append(browser.high)
    browser.run(2.0)
    assert browser.heights[-1] == 720


def test_layers_without_names_are_layers_all_the_same() -> None:
    browser = Browser(720)
    browser.low.told, browser.high.told = {}, {}
    browser.run(2.0)
    assert browser.heights[-1] == 720


def test_streams_are_told_apart_by_the_description_where_packets_say_no_name() -> None:
    leg = VideoLeg()
    slides = replace(BROWSER, mid="2", repair_sources={602: 502})
    leg.agree(replace(BROWSER, rids=("l", "h")), slides, feedback_id=3, rtcp_reduced_size=True)
    leg.go(360, 720)
    camera, screen = Camera(501, 360), Camera(502, 720)
    for n in range(10):
        leg.watch(*camera.picture(n == 0), *screen.picture(n == 0))
        leg.pass_time(0.04)
    assert [unit.source for unit in leg.units] == ["a", "a/slides"] * 10


def test_camera_and_slides_are_told_apart_by_the_name_of_the_stream() -> None:
    leg = VideoLeg()
    leg.agree(BROWSER, replace(BROWSER, mid="2"), feedback_id=3, rtcp_reduced_size=True)
    leg.go(360, 720)
    camera, slides, nobody = Camera(501, 360, mid=b"1"), Camera(502, 720, mid=b"2"), Camera(503, 90)
    for n in range(10):
        leg.watch(*camera.picture(n == 0), *slides.picture(n == 0), *nobody.picture(n == 0))
        if n == 4:  # the peer says it no more when it has been heard
            camera.told, slides.told = {}, {}
        leg.pass_time(0.04)
    assert [unit.source for unit in leg.units] == ["a", "a/slides"] * 10
    assert leg.drops["rtp-unknown-stream"] == 20
