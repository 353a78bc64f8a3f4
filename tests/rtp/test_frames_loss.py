"""No smear, whatever is lost: each picture that is given on is exactly what its sender meant; and after each loss
pictures go on soon, by repair or by a key frame."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import lru_cache, partial
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bridge.rtp.frames import Frame, FrameAssembler
from bridge.rtp.video_packet import VideoPacket
from tests.rtp.pictures import LIMITS, STEP, TYPES, Encoder, Viewer, differing, encoded, packets, seen
from tests.rtp.playback import VECTORS, shared

EACH = pytest.mark.parametrize("codec", sorted(TYPES.values()))


@lru_cache
def meant(codec: str) -> tuple[list[VideoPacket], dict[int, NDArray[np.uint8]], list[Frame]]:
    """The packets of a stream, and its pictures and frames when nothing is lost."""
    sent = packets(codec, encoded(codec))
    into = FrameAssembler(TYPES, LIMITS)
    frames = [frame for packet in sent for frame in into.push(packet, 10.0)]
    return sent, seen(codec, frames), frames


@EACH
@settings(max_examples=25, deadline=None, derandomize=True)
@given(shifts=st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_overtaking_changes_nothing(codec: str, shifts: list[int]) -> None:
    sent, _, frames = meant(codec)
    order = sorted(range(len(sent)), key=lambda place: place + shifts[place % len(shifts)])
    into = FrameAssembler(TYPES, LIMITS)
    found = [frame for place in order for frame in into.push(sent[place], 10.0)]
    assert found == frames
    assert not into.drops


@EACH
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    lost=st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 30)), max_size=12),
    twice=st.lists(st.integers(0, 5_000), max_size=5),
    overtaken=st.lists(st.integers(0, 5_000), max_size=5),
)
def test_whatever_is_lost_nothing_smears(
    codec: str, lost: list[tuple[int, int]], twice: list[int], overtaken: list[int]
) -> None:
    sent, pictures, _ = meant(codec)
    gone = {(at + more) % len(sent) for at, count in lost for more in range(count)}
    order = [place for place in range(len(sent)) if place not in gone]
    for at in twice:
        order.insert((at * 7) % (len(order) + 1), at % len(sent))
    for at in overtaken:
        place = at % max(1, len(order) - 9)
        order[place : place + 9] = reversed(order[place : place + 9])
    into = FrameAssembler(TYPES, LIMITS)
    found: list[Frame] = []
    for place in order:
        now = 10 + (sent[place].timestamp - sent[0].timestamp & 0xFFFFFFFF) / 90_000
        found += into.wake(now) + into.push(sent[place], now)
    found += into.wake(99.0)
    assert differing(codec, found, pictures) == []
    stamps = [frame.timestamp - sent[0].timestamp & 0xFFFFFFFF for frame in found]
    assert stamps == sorted(set(stamps))
    missing = {sent[place].timestamp for place in gone.difference(order)}
    assert not missing.intersection(frame.timestamp for frame in found)


class Path:
    """A sender whose packets meet the fate that a trace has for them, and a receiver that asks for what is missing."""

    def __init__(
        self, codec: str, rows: list[tuple[bool, float]], round_trip_s: float, repairs: bool
    ) -> None:
        self.codec, self.rows, self.round_trip_s = codec, rows, round_trip_s
        self.into = FrameAssembler(TYPES, LIMITS)
        self.into.round_trip_s, self.into.repairs = round_trip_s, repairs
        self.found: list[tuple[float, Frame]] = []
        self.asked: list[float] = []
        self.resent = 0
        self.packets = 0
        self.sent: dict[int, VideoPacket] = {}
        self.pictures: dict[int, NDArray[np.uint8]] = {}
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._encoder = Encoder(codec, 160, 96, keys=100_000, bitrate=800_000)
        self._viewer = Viewer(codec)
        self._key = False
        self._fate = self._scheduled = 0

    def run(self, frames: int) -> None:
        """Send so many frames, 25 a second."""
        for index in range(frames):
            self._at(100 + index * 0.04, partial(self._send, index))
        for step in range(frames * 4 + 200):
            self._at(100 + step * 0.01, self._wake)
        while self._events:
            now, _, event = heappop(self._events)
            event(now)

    def _at(self, when: float, event: Callable[[float], None]) -> None:
        self._scheduled += 1
        heappush(self._events, (when, self._scheduled, event))

    def _send(self, index: int, now: float) -> None:
        (frame,) = self._encoder.next(self._key)
        self._key = False
        self.pictures[STEP * index] = self._viewer.see(frame)
        for packet in packets(self.codec, [frame], self.packets, timestamp=STEP * index):
            self.sent[packet.sequence] = packet
            self._carry(packet, now)
            self.packets += 1

    def _carry(self, packet: VideoPacket, now: float) -> None:
        dropped, delay_s = self.rows[self._fate % len(self.rows)]
        self._fate += 1
        if not dropped:
            self._at(now + self.round_trip_s / 2 + delay_s, partial(self._arrive, packet))

    def _arrive(self, packet: VideoPacket, now: float) -> None:
        self.found += [(now, frame) for frame in self.into.push(packet, now)]

    def _wake(self, now: float) -> None:
        self.found += [(now, frame) for frame in self.into.wake(now)]
        for sequence in self.into.missing(now):
            self.resent += 1
            self._at(now + self.round_trip_s / 2, partial(self._carry, self.sent[sequence]))
        if self.into.needs_key(now):
            self.asked.append(now)
            self._at(now + self.round_trip_s / 2, self._make_key)

    def _make_key(self, now: float) -> None:
        self._key = True

    @property
    def longest_freeze_s(self) -> float:
        """Between two pictures given on."""
        times = [now for now, _ in self.found]
        return max(after - before for before, after in pairwise(times))


def trace(name: str) -> list[tuple[bool, float]]:
    with (VECTORS / "loss" / f"loss-{name}.csv").open() as lines:
        return [(row["drop"] == "1", float(row["delay_ms"]) / 1000) for row in csv.DictReader(lines)]


@shared
@pytest.mark.shared
@pytest.mark.parametrize("codec", ["H264", "VP8"])
@pytest.mark.parametrize(
    ("name", "freeze_s", "least"),
    [
        ("random-01", 0.25, 400),
        ("random-05", 0.6, 370),
        ("burst-05", 0.4, 395),
        ("burst-10", 0.5, 390),
        ("jitter-30", 0.25, 400),
    ],
)
def test_repaired_traces(codec: str, name: str, freeze_s: float, least: int) -> None:
    path = Path(codec, trace(name), 0.06, True)
    path.run(400)
    frames = [frame for _, frame in path.found]
    assert differing(codec, frames, path.pictures) == []
    assert len(frames) >= least
    assert path.longest_freeze_s <= freeze_s
    assert path.resent <= 0.1 * path.packets or name == "jitter-30"


@shared
@pytest.mark.shared
@pytest.mark.parametrize("codec", ["H264", "VP8"])
@pytest.mark.parametrize("name", ["random-01", "burst-05", "burst-10", "jitter-30"])
def test_traces_with_key_frames_alone(codec: str, name: str) -> None:
    path = Path(codec, trace(name), 0.06, False)
    path.run(400)
    frames = [frame for _, frame in path.found]
    assert differing(codec, frames, path.pictures) == []
    assert path.longest_freeze_s <= 2.0
    assert path.asked
    assert all(after - before >= 0.5 for before, after in pairwise(path.asked))
    assert not path.resent
