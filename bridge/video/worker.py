"""The work of a video worker, without sockets and clocks: messages and ticks in, messages out.

Units are decoded as they come, in the workshop's threads. At each tick each view that somebody gets is drawn once and
encoded once for each format; the loop itself only sorts. A view whose last picture is still being encoded leaves the
tick out: nothing ever queues up.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, assert_never

from bridge.codec.video_encoder import EncoderError, make_encoder
from bridge.ticker import Tick
from bridge.video import contract
from bridge.video.figures import Tally
from bridge.video.ladder import Format, is_due
from bridge.video.phase import STEP, best_shift
from bridge.video.settings import Rung, VideoSettings
from bridge.video.shortness import Shortness
from bridge.video.showing import DrawerOpener, Moment, Showing
from bridge.video.sources import Source
from bridge.video.stream import REST_S, Cut, Opener, Stream
from bridge.video.streams import Streams
from bridge.video.workshop import Workshop
from mixer.picture import Picture
from mixer.scene import Camera, Card, Scene, View

ARRANGE_S = 0.5  # sinks climb the ladder with time

Drawers = Callable[[Scene], DrawerOpener]
"""Makes what opens drawers for a scene: its language, room, names and frames."""


class Work(NamedTuple):
    """One picture of one stream on its way."""

    stream: Stream
    showing: Showing
    view: View
    composed: float
    key: bool
    bitrate: int
    sinks: frozenset[str]
    arrivals: tuple[float, ...]


class VideoWorker:
    """One conference's pictures. All methods are called on the loop; `post` brings calls of the threads there.

    `tell_media`, `tell_control`: where messages go. `clock`: monotonic seconds. `drops` counts by name what was lost.
    """

    def __init__(
        self,
        settings: VideoSettings,
        workshop: Workshop,
        drawers: Drawers,
        tell_media: Callable[[contract.WorkerMessage], None],
        tell_control: Callable[[contract.WorkerEvent], None],
        post: Callable[[Callable[[], None]], object],
        drops: Counter[str],
        clock: Callable[[], float] = time.monotonic,
        opener: Opener = make_encoder,
    ) -> None:
        self.drops = drops
        self.scene = Scene("")
        self._settings = settings
        self._workshop = workshop
        self._drawers = drawers
        self._tell_media = tell_media
        self._tell_control = tell_control
        self._post = post
        self._clock = clock
        self._opener = opener
        self._sources: dict[str, Source] = {}
        self._streams = Streams(settings, self._make_stream, self.drops)
        self._showings: dict[int, Showing] = {}
        self._shortness = Shortness()
        self._arranged = float("-inf")  # when; -inf = it has to be done at the next tick
        self._number = 0  # of the newest tick
        self._made = float("-inf")  # when pictures were begun last
        self._shift = 0.0  # of the ticks, that is still to be made [s]
        self._tally = Tally()
        self._told: float | None = None  # when figures were told last
        self._decoded = 0  # by sources that are gone

    # -- what comes in ----------------------------------------------------------------------------------------------

    def show(self, scene: Scene) -> None:
        """The newest scene: from now on nobody gets what it does not give him."""
        before, self.scene = self.scene, scene
        if _look(before) != _look(scene):
            self._showings = {}
        self._choose_sources(scene)
        self._arrange()

    def take(self, message: contract.MediaMessage) -> None:
        """A message of the media process."""
        match message:
            case contract.AccessUnit(source=name):
                source = self._sources.get(name)
                if source is None:
                    self.drops["video-off-stage"] += 1
                else:
                    source.push(message, self._clock())
            case contract.OpenSink():
                self._streams.open(message)
                self._arranged = float("-inf")
            case contract.CloseSink(sink=name):
                self._streams.close(name)
                self._arranged = float("-inf")
            case contract.WantKeyFrame(sink=name):
                self._streams.want_key(name)
            case contract.SourceGone(source=name):
                if name in self._sources:
                    self._decoded += self._sources[name].decoded
                    self._sources[name] = self._source(name)
            case _:
                assert_never(message)

    def tick(self, tick: Tick, now: float) -> None:
        """Make the pictures of one tick; once a second tell the figures."""
        self._number = tick.number
        self._tally.skipped += tick.skipped
        for source in self._sources.values():
            source.newest(now)
        if now - self._arranged >= ARRANGE_S:
            self._arrange()
        if self._may_make(now):
            self._make_all(now)
        if self._second_is_over(now):
            self._second(now)
            self._find_phase(now - tick.late)

    # -- one view at one tick ---------------------------------------------------------------------------------------

    def _may_make(self, now: float) -> bool:
        """Whether there is time for pictures: sources that are behind come first, but for a few pictures a second."""
        if self._behind() and now - self._made < REST_S:
            self._tally.leave_out()
            return False
        self._made = now
        return True

    def _behind(self) -> bool:
        return any(source.behind for source in self._sources.values())

    def _make_all(self, now: float) -> None:
        views: dict[int, list[Stream]] = {}
        for stream in self._streams:
            views.setdefault(stream.view, []).append(stream)
        for index in [index for index in self._showings if index not in views]:
            del self._showings[index]
        for index, streams in views.items():
            self._make(index, streams, now)

    def _make(self, index: int, streams: list[Stream], now: float) -> None:
        showing = self._showings.get(index)
        if showing is None:
            showing = self._showings[index] = Showing(self._drawers(self.scene))
        if showing.pending:
            self._tally.leave_out()
            return
        self._tally.serve()
        showing.served += 1
        moment = showing.look(self.scene.views[index], self._sources, now)
        due = [stream for stream in streams if self._is_due(stream, moment, now)]
        if not due:
            return
        works = [self._work(stream, showing, moment, now) for stream in due]
        showing.begin(moment, len(works))
        self._tally.begin(len(works), now)
        heights = {stream.form.height for stream in streams}
        self._workshop.submit(partial(self._draw, showing, moment, heights, works))

    def _is_due(self, stream: Stream, moment: Moment, now: float) -> bool:
        if stream.pending or stream.mends(now):
            return False
        if not is_due(self._number, stream.form.fps, self.scene.fps):
            return False
        if not stream.members and not stream.key_due(now):
            return False
        return moment.changed or not stream.rests(now)

    def _work(self, stream: Stream, showing: Showing, moment: Moment, now: float) -> Work:
        key = stream.key_due(now)
        sinks = stream.begin(now, key)
        return Work(stream, showing, moment.view, now, key, stream.bitrate, sinks, moment.arrivals)

    def _draw(self, showing: Showing, moment: Moment, heights: Iterable[int], works: list[Work]) -> None:
        """In a thread: draw, then let all encoders have it; the largest one's work is done here."""
        try:
            canvases = showing.draw(moment, heights)
        except Exception:
            self._post(partial(self._failed, works))
            raise
        works.sort(key=lambda work: work.stream.form.height)
        for work in works[:-1]:
            self._workshop.submit(partial(self._encode, work, canvases[work.stream.form.height]))
        self._encode(works[-1], canvases[works[-1].stream.form.height])

    def _encode(self, work: Work, canvas: Picture) -> None:
        """In a thread."""
        try:
            cut: Cut | None = work.stream.encode(canvas, work.composed, work.key, work.bitrate)
        except EncoderError:
            self._post(partial(self._failed, [work]))
        except Exception:
            self._post(partial(self._failed, [work]))
            raise
        else:
            self._post(partial(self._done, work, cut))

    # -- what comes back --------------------------------------------------------------------------------------------

    def _done(self, work: Work, cut: Cut | None) -> None:
        now = self._clock()
        self._ended(work, now)
        stream = work.stream
        if cut is None:
            stream.end(False, work.sinks)
            return
        self._tally.encoded += 1
        if self._shows_too_much(work):
            self.drops["video-outdated"] += 1
            stream.begin_anew()
            return
        sinks = stream.end(cut.key, work.sinks)
        if cut.key:
            self._streams.moved(stream)
        if sinks:
            self._tell_media(contract.EncodedPicture(sinks, cut.key, work.composed, cut.payloads))
        if work.arrivals:
            self._tally.late(work.arrivals, now)

    def _failed(self, works: Iterable[Work]) -> None:
        now = self._clock()
        for work in works:
            self._ended(work, now)
            self.drops["video-not-encoded"] += 1
            work.stream.fail(now)

    def _ended(self, work: Work, now: float) -> None:
        work.showing.pending -= 1
        if not work.showing.pending:
            self._tally.composed += 1
        self._tally.end(now)

    def _shows_too_much(self, work: Work) -> bool:
        """Whether it was begun when its sinks could still see people, and now they are to see a card."""
        index = work.stream.view
        if not work.view.faces or not 0 <= index < len(self.scene.views):
            return bool(work.view.faces)
        return self.scene.views[index].card is not Card.NONE

    # -- when ------------------------------------------------------------------------------------------------------

    def step(self) -> float:
        """How much later the next tick should come than planned [s], negative = earlier; ask once a tick."""
        step = max(-STEP, min(STEP, self._shift))
        self._shift -= step
        return step

    def _find_phase(self, tick: float) -> None:
        ready: list[float] = []
        for source in self._sources.values():
            ready += source.readied
            source.readied.clear()
        self._shift = best_shift(ready, tick, 1 / self.scene.fps)

    # -- what goes where --------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        now = self._clock()
        self._arranged = now
        self._streams.arrange(self.scene, self._shortness.level, now)

    def _make_stream(self, form: Format, rung: Rung) -> Stream:
        return Stream(form, rung, self._settings, self._number, self._opener)

    def _choose_sources(self, scene: Scene) -> None:
        """Keep the sources that somebody is to see, and ask the new ones for a key frame."""
        used = set(scene.watchers.values())
        used |= {scene.views[index].common for index in used}
        wanted = {
            face.source
            for index, view in enumerate(scene.views)
            if index in used
            for face in view.faces
            if face.camera is Camera.ON
        }
        for name in sorted(self._sources.keys() - wanted):
            self._decoded += self._sources.pop(name).decoded
        for name in sorted(wanted - self._sources.keys()):
            self._sources[name] = self._source(name)
            self._ask(name)

    def _source(self, name: str) -> Source:
        return Source(name, self._workshop, self._need, self.drops, 1 / self.scene.fps, self._clock)

    def _need(self, name: str) -> None:
        """In any thread."""
        self._post(partial(self._ask, name))

    def _ask(self, name: str) -> None:
        source = self._sources.get(name)
        if source is not None and source.may_ask(self._clock()):
            self._tell_media(contract.NeedKeyFrame(name))

    # -- figures ----------------------------------------------------------------------------------------------------

    def _second_is_over(self, now: float) -> bool:
        """Whether figures are due; control takes a worker that tells none for stuck."""
        period = 1 / self.scene.fps
        if self._told is None:
            self._told = now - period
        if now - self._told < 1 - period / 2:
            return False
        self._told = now
        return True

    def _second(self, now: float) -> None:
        tally = self._tally
        busy = 1.0 if self._behind() else tally.share(now)
        self._tell_control(
            contract.VideoFigures(
                views=len(self._showings),
                encoders=len(self._streams),
                fps=tally.rate(min((one.served for one in self._showings.values()), default=0), now),
                composed=tally.composed,
                decoded=self._decoded + sum(source.decoded for source in self._sources.values()),
                encoded=tally.encoded,
                ticks_skipped=tally.skipped,
                delay_ms_p50=tally.delay_ms(0.5),
                delay_ms_p99=tally.delay_ms(0.99),
                busy=busy,
                shortness=self._shortness.judge(busy, now),
                drops=dict(self.drops),
            )
        )
        tally.next_second(now)
        for showing in self._showings.values():
            showing.served = 0


def _look(scene: Scene) -> tuple[object, ...]:
    """What all canvases of a scene have in common: other drawers are needed when it changes."""
    return scene.language, scene.room, scene.names, scene.frames, scene.fixed_grid
