"""A source's newest picture that is due is shown; what is held, lost or too much never piles up."""

from __future__ import annotations

from collections import Counter

from bridge.video.sources import HOLD_S, Source
from tests.video.clips import stream, unit
from tests.video.control_room import Inline

CLIP = stream("VP8", 320, 180, 10)
TICK = 0.04


class Stage:
    """A source, and what it asked for."""

    def __init__(self) -> None:
        self.threads = Inline()
        self.drops: Counter[str] = Counter()
        self.asked = 0
        self.source = Source("a", self.threads, self._ask, self.drops, TICK, lambda: 0.0)

    def _ask(self, name: str) -> None:
        self.asked += 1

    def push(self, number: int, now: float, due: float | None = None, rotation: int = 0) -> None:
        """One picture of the clip."""
        self.source.push(unit("a", "VP8", CLIP[number], now, due, rotation), now)


def test_the_newest_counts_and_none_queues_up() -> None:
    stage = Stage()
    for number in range(4):
        stage.push(number, 1.0 + number / 1000)
    shown = stage.source.newest(1.02)
    assert shown is not None and shown.arrival == 1.003


def test_pictures_wait_for_their_sound_in_order() -> None:
    stage = Stage()
    for number in range(5):
        stage.push(number, 1.0 + number * TICK, 1.1 + number * TICK)
    assert stage.source.decoded < 5
    seen = []
    for step in range(12):
        shown = stage.source.newest(1.0 + step * TICK)
        seen.append(None if shown is None else round(shown.due, 3))
    assert seen[:3] == [None, None, None]
    assert seen[3:8] == [1.1, 1.14, 1.18, 1.22, 1.26]


def test_nothing_is_held_longer_than_the_bound() -> None:
    stage = Stage()
    stage.push(0, 1.0, 99.0)
    assert stage.source.newest(1.0 + HOLD_S - 0.01) is None
    assert stage.source.newest(1.0 + HOLD_S) is not None


def test_a_source_that_sends_more_than_can_be_decoded_begins_anew_with_a_key_frame() -> None:
    stage = Stage()
    stage.push(0, 1.0)
    stage.threads.held = []
    for number in range(200):
        stage.push(1 + number % 9, 1.0)
    assert len(stage.threads.held) <= 1
    stage.threads.release()
    assert stage.source.decoded == 1
    assert stage.drops["video-behind"] == 200
    assert stage.asked
    before = stage.source.decoded
    stage.push(5, 2.0)
    assert stage.source.decoded == before
    stage.push(0, 2.0)
    assert stage.source.decoded == before + 1


def test_a_fault_asks_for_a_key_frame_and_keeps_the_last_picture() -> None:
    stage = Stage()
    stage.push(0, 1.0)
    shown = stage.source.newest(1.0)
    stage.source.push(unit("a", "H264", CLIP[1], 1.1), 1.1)
    assert stage.asked == 1
    assert stage.source.newest(1.2) is shown


def test_another_codec_begins_with_its_key_frame() -> None:
    stage = Stage()
    stage.push(0, 1.0)
    h264 = stream("H264", 320, 180, 10)
    stage.source.push(unit("a", "H264", h264[0], 1.1), 1.1)
    assert stage.source.decoded == 2
    assert not stage.drops


def test_rotation_goes_with_the_picture() -> None:
    stage = Stage()
    stage.push(0, 1.0, rotation=90)
    shown = stage.source.newest(1.0)
    assert shown is not None and shown.picture.upright == (180, 320)


def test_a_picture_is_stale_after_two_seconds() -> None:
    stage = Stage()
    assert not stage.source.is_stale(99.0)
    stage.push(0, 1.0)
    stage.source.newest(1.0)
    assert not stage.source.is_stale(2.9)
    assert stage.source.is_stale(3.1)
