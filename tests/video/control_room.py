"""A worker under a clock of our own, with threads that do each job at once, and encoders that only count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.codec.video_encoder import Encoded, Quality, VideoEncoder
from bridge.sdp.video import VideoLimits
from bridge.ticker import Tick
from bridge.video import contract
from bridge.video.contract import EncodedPicture, NeedKeyFrame, OpenSink, VideoFigures
from bridge.video.settings import VideoSettings
from bridge.video.worker import VideoWorker
from bridge.video.workshop import Job
from mixer.picture import Picture
from mixer.scene import Face, Scene, View
from tests.video.clips import stream, unit
from tests.video.drawing import PlainDrawer

FPS = 25


class Inline:
    """Does each job when it is submitted, or keeps it while `held`; of decoding, while `later`."""

    def __init__(self) -> None:
        self.held: list[Job] | None = None
        self.later: list[Job] | None = None

    def submit(self, job: Job) -> None:
        """Do it."""
        if self.held is None:
            job()
        else:
            self.held.append(job)

    def submit_later(self, job: Job) -> None:
        """Do it."""
        if self.later is None:
            self.submit(job)
        else:
            self.later.append(job)

    def catch_up(self) -> None:
        """Decode what waits."""
        jobs, self.later = self.later or [], None
        for job in jobs:
            job()

    def release(self) -> None:
        """Do what was kept, and what that leads to."""
        jobs, self.held = self.held or [], None
        for job in jobs:
            job()


@dataclass
class FakeEncoder:
    """Says what it was asked for in its octets: codec, height, key or not, mean luma."""

    codec: str
    quality: Quality
    rates: list[int]

    def set_bitrate(self, bitrate: int) -> None:
        """Note it."""
        self.rates.append(bitrate)

    def wants_key(self, since: float) -> bool:
        """Never."""
        return False

    def encode(self, picture: Picture, composed: float, key: bool) -> Encoded:
        """No picture, but a word on it."""
        assert (picture.width, picture.height) == (self.quality.width, self.quality.height)
        word = f"{self.codec} {picture.height} {'key' if key else 'more'} {int(picture.y.mean())}"
        return Encoded(b"\0\0\0\1\x65" + word.encode() if self.codec == "H264" else word.encode(), key)


@dataclass
class ControlRoom:
    """Plays media and control to a worker. `now` moves by ticks alone."""

    settings: VideoSettings = field(default_factory=VideoSettings)
    opener: Callable[[str, Quality, int], VideoEncoder] | None = None
    now: float = 1000.0
    number: int = 0
    out: list[tuple[float, EncodedPicture]] = field(default_factory=list)
    asked: list[tuple[float, str]] = field(default_factory=list)
    figures: list[VideoFigures] = field(default_factory=list)
    opened: list[FakeEncoder] = field(default_factory=list)
    fed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.threads = Inline()
        self.worker = VideoWorker(
            self.settings,
            self.threads,
            lambda scene: PlainDrawer,
            self._hear_media,
            self._hear_control,
            lambda call: call(),
            Counter(),
            lambda: self.now,
            self.opener or self._open,
        )

    def _open(self, codec: str, quality: Quality, bitrate: int) -> VideoEncoder:
        self.opened.append(FakeEncoder(codec, quality, [bitrate]))
        return self.opened[-1]

    def _hear_media(self, message: contract.WorkerMessage) -> None:
        if isinstance(message, EncodedPicture):
            self.out.append((self.now, message))
        elif isinstance(message, NeedKeyFrame):
            self.asked.append((self.now, message.source))

    def _hear_control(self, message: contract.WorkerEvent) -> None:
        if isinstance(message, VideoFigures):
            self.figures.append(message)

    def sink(
        self, name: str, codec: str = "VP8", bitrate: int = 2_000_000, mode: int = 1, **limits: int
    ) -> None:
        """A sink, or what it says now."""
        self.worker.take(OpenSink(name, codec, mode, VideoLimits(**limits), bitrate))

    def feed(
        self, source: str, number: int | None = None, due: float | None = None, codec: str = "VP8"
    ) -> None:
        """The next picture of a source, or that of a number, just arrived. Number 0 and each tenth is a key frame."""
        clip = stream(codec, 320, 180, 10)
        if number is None:
            number = self.fed[source]
            self.fed[source] += 1
        self.worker.take(unit(source, codec, clip[number % len(clip)], self.now, due))

    def ticks(self, count: int = 1, feed: tuple[str, ...] = ()) -> list[EncodedPicture]:
        """So many ticks; each of `feed` sends a picture before each. Gives what came out meanwhile."""
        before = len(self.out)
        for _ in range(count):
            self.now += 1 / FPS
            self.number += 1
            for source in feed:
                self.feed(source)
            self.worker.tick(Tick(self.number, 0.0, 0), self.now)
        return [picture for _, picture in self.out[before:]]

    def begin(self, *feed: str) -> None:
        """A tick whose pictures are still being made: `threads.release` ends that."""
        self.now += 1 / FPS
        self.number += 1
        for source in feed:
            self.feed(source)
        self.threads.held = []
        self.worker.tick(Tick(self.number, 0.0, 0), self.now)

    def got(self, sink: str) -> list[tuple[float, EncodedPicture]]:
        """All that a sink got, and when."""
        return [(when, picture) for when, picture in self.out if sink in picture.sinks]


def faces(*names: str) -> tuple[Face, ...]:
    """Faces of these sources."""
    return tuple(Face(name, name) for name in names)


def scene(*views: View, fps: int = FPS, height: int = 720, **watchers: int) -> Scene:
    """A scene."""
    return Scene("42", tuple(views), dict(watchers), fps=fps, height=height)
