"""Who gets which encoder's pictures: as few encoders as there are different wishes, and key frames only for who moves.

Whenever the scene, a sink or the shortness changes, all wishes are worked out anew, and each wish keeps the encoder
that most of its sinks have already. A sink that has to move is a joiner of its new stream, and keeps the old one until
the key frame comes if that shows the view that it is to see; else it gets nothing meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from bridge.codec.video_encoder import encoders
from bridge.video import shortness
from bridge.video.contract import OpenSink
from bridge.video.ladder import Format, Place, pace, rungs_for, shared_rate, width_of
from bridge.video.settings import Rung, VideoSettings
from bridge.video.stream import Stream
from mixer.scene import Scene, View

OWN_HEIGHT: Final = 360
"""The most that pictures of one's own have where large ones would be too dear [pixels]."""

_WEIGHTS: Final = {"VP8": 1.3}  # what a macroblock costs, where one of H.264 costs 1


class Economy(Enum):
    """How pictures of one's own, which a common one could stand for, are made."""

    NONE = "none"  # as large as any
    SMALL = "small"
    COMMON = "common"  # not at all


class Wish(NamedTuple):
    """What one sink is to get: a view of the scene in some format."""

    view: int
    form: Format
    rung: Rung


@dataclass(slots=True)
class Sink:
    """One receiver: what it said last, where it stands, what it is to get; None = nothing."""

    told: OpenSink
    place: Place = field(default_factory=Place)
    wish: Wish | None = None

    @property
    def bitrate(self) -> int:
        """What may be sent to it [bit/s]."""
        most = self.told.limits.bitrate
        return min(self.told.bitrate, most) if most else self.told.bitrate


class Streams:
    """All encoders of a worker and all sinks. `make`: opens a stream for a format. `drops`: sinks that cannot be served
    are counted each time they are told: "sink-codec", "sink-size"."""

    def __init__(
        self, settings: VideoSettings, make: Callable[[Format, Rung], Stream], drops: Counter[str]
    ) -> None:
        self._settings = settings
        self._make = make
        self._drops = drops
        self._sinks: dict[str, Sink] = {}
        self._streams: list[Stream] = []
        self.scene = Scene("")

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    def open(self, told: OpenSink) -> None:
        """A sink, or what it says now. Another codec or mode is another sink: its first picture is a key frame."""
        sink = self._sinks.get(told.sink)
        if sink is None or (sink.told.codec, sink.told.packetization_mode) != (
            told.codec,
            told.packetization_mode,
        ):
            self.close(told.sink)
            self._sinks[told.sink] = Sink(told)
            if told.codec not in encoders():
                self._drops["sink-codec"] += 1
            elif not rungs_for(self._settings.rungs, told.limits, self._settings.rungs[0].height):
                self._drops["sink-size"] += 1
        else:
            sink.told = told

    def close(self, name: str) -> None:
        """A sink has ended."""
        self._sinks.pop(name, None)
        for stream in self._streams:
            stream.members.discard(name)
            stream.joiners.discard(name)

    def want_key(self, name: str) -> None:
        """A sink needs a key frame of what it gets. One that waits for its first gets that anyway."""
        for stream in self._streams:
            if name in stream.members:
                stream.want_key()

    def moved(self, stream: Stream) -> None:
        """Members of this stream have got its key frame: whatever else they had ends for them."""
        for other in self._streams:
            if other is not stream:
                other.members -= stream.members
        self._streams = [kept for kept in self._streams if kept.members or kept.joiners]

    def arrange(self, scene: Scene, level: int, now: float) -> None:
        """Work out who gets what under a scene and a level of shortness."""
        self.scene = scene
        self._wish_all(scene, level, now)
        groups: dict[tuple[int, Format], set[str]] = {}
        rungs: dict[tuple[int, Format], Rung] = {}
        for name, sink in self._sinks.items():
            if sink.wish is not None:
                key = (sink.wish.view, sink.wish.form)
                groups.setdefault(key, set()).add(name)
                rungs[key] = sink.wish.rung
        served = self._match(groups)
        for key, names in groups.items():
            stream = served.get(key)
            if stream is None:
                stream = served[key] = self._make(key[1], rungs[key])
                self._streams.append(stream)
            stream.view = key[0]
            stream.joiners = names - stream.members
        self._release(served.values())
        for stream in self._streams:
            rates = (self._sinks[name].bitrate for name in stream.members | stream.joiners)
            stream.bitrate = shared_rate(tuple(rates), stream.rung)

    def _match(self, groups: dict[tuple[int, Format], set[str]]) -> dict[tuple[int, Format], Stream]:
        """Each group's present stream: the one of the same format that serves most of its sinks."""
        pairs = [
            (len(names & (stream.members | stream.joiners)), key[0] == stream.view, key, stream)
            for stream in self._streams
            for key, names in groups.items()
            if key[1] == stream.form
        ]
        pairs.sort(key=lambda pair: pair[:2], reverse=True)
        served: dict[tuple[int, Format], Stream] = {}
        taken: list[Stream] = []
        for shared, _, key, stream in pairs:
            if shared and key not in served and stream not in taken:
                served[key] = stream
                taken.append(stream)
        return served

    def _release(self, serving: Iterable[Stream]) -> None:
        """Nobody is a member where another view is shown than he is to see; what nobody has any more ends."""
        kept = list(serving)
        for stream in self._streams:
            if stream not in kept:
                # Its sinks have moved, and keep it until their new stream's key frame: those of one view.
                stream.joiners = set()
                views = Counter(
                    wish.view for name in stream.members if (wish := self._wish(name)) is not None
                )
                stream.view = views.most_common(1)[0][0] if views else -1
            stream.members = {
                name
                for name in stream.members
                if (wish := self._wish(name)) is not None and wish.view == stream.view
            }
        self._streams = [stream for stream in self._streams if stream.members or stream.joiners]

    def _wish(self, name: str) -> Wish | None:
        sink = self._sinks.get(name)
        return None if sink is None else sink.wish

    def _wish_all(self, scene: Scene, level: int, now: float) -> None:
        economy = self._economy(scene, level)
        for name, sink in self._sinks.items():
            sink.wish = self._wish_of(name, sink, scene, level, economy, now)

    def _economy(self, scene: Scene, level: int) -> Economy:
        """The first way of making pictures of one's own that all of them together are not too dear for."""
        for economy in (Economy.NONE, Economy.SMALL):
            costs: dict[tuple[int, str, int], float] = {}
            for name, sink in self._sinks.items():
                index = scene.watchers.get(name)
                if index is None or scene.views[index].common < 0:
                    continue
                height, fps = self._bounds(scene, index, level, economy)
                rungs = rungs_for(self._settings.rungs, sink.told.limits, height)
                if rungs:
                    key = (index, sink.told.codec, rungs[0].height)
                    costs[key] = _cost(sink.told.codec, rungs[0].height, fps)
            if sum(costs.values()) <= self._settings.own_budget:
                return economy
        return Economy.COMMON

    def _bounds(self, scene: Scene, index: int, level: int, economy: Economy) -> tuple[int, int]:
        """The most that a view may have: height [pixels], pictures a second."""
        view = scene.views[index]
        height, fps = scene.height, scene.fps
        if has_guaranteed(view):
            return height, fps
        if economy is Economy.SMALL and view.common >= 0:
            height = min(height, OWN_HEIGHT)
        if level >= 2:
            fps = min(fps, shortness.PACE)
        if level >= 3:
            height = self._below(height)
        return height, fps

    def _wish_of(
        self, name: str, sink: Sink, scene: Scene, level: int, economy: Economy, now: float
    ) -> Wish | None:
        index = scene.watchers.get(name)
        if index is None or sink.told.codec not in encoders():
            return None
        if scene.views[index].common >= 0 and (level >= 1 or economy is Economy.COMMON):
            index = scene.views[index].common
        height, fps = self._bounds(scene, index, level, economy)
        told = sink.told
        rung = sink.place.stand(rungs_for(self._settings.rungs, told.limits, height), sink.bitrate, now)
        if rung is None:
            return None
        mode = told.packetization_mode if told.codec == "H264" else 0
        return Wish(index, Format(told.codec, mode, rung.height, pace(told.limits, rung.height, fps)), rung)

    def _below(self, height: int) -> int:
        """The next smaller height."""
        return next((rung.height for rung in self._settings.rungs if rung.height < height), height)


def has_guaranteed(view: View) -> bool:
    """Whether somebody is in it whose seat is never made smaller or slower."""
    return any(face.guaranteed for face in view.faces)


def _cost(codec: str, height: int, fps: int) -> float:
    """Macroblocks a second, weighed by codec."""
    return (width_of(height) + 15) // 16 * ((height + 15) // 16) * fps * _WEIGHTS.get(codec, 1)
