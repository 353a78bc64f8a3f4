"""The pictures of all legs of a media process: what comes goes to the video workers, what they make goes to the legs.

All of it runs on the loop thread, between the ticks of the sound and at them; pictures leave in slices that keep clear
of the ticks (`bridge.media.fanout`).
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import msgspec

from bridge.log import logger
from bridge.media import contract
from bridge.media.fanout import Fanout
from bridge.media.leg_pictures import LegPictures
from bridge.media.session import Session
from bridge.media.settings import MediaSettings
from bridge.media.transport import Transport
from bridge.media.video_workers import VideoWorkers
from bridge.sdp.video import Content
from bridge.video.contract import EncodedPicture
from mixer.plan import Plan, Seat
from mixer.scene import SLIDES

_log = logger("media")


class Pictures:
    """`tell` gets Seen and KeyNeeded; `drops` counts by name. `next_tick` tells when the next tick of sound is due
    [monotonic seconds], `mixing` whether the mixer works now.
    """

    def __init__(
        self,
        settings: MediaSettings,
        random: Random,
        drops: Counter[str],
        *,
        tell: Callable[[contract.Event], None],
        next_tick: Callable[[], float],
        mixing: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._random = random
        self._drops = drops
        self._tell = tell
        self._legs: dict[str, LegPictures] = {}
        self._seats: dict[str, dict[str, Seat]] = {}  # conference -> leg -> seat
        self._fanout = Fanout(drops, next_tick=next_tick, mixing=mixing, fail=self._fail_sink)
        self._workers = VideoWorkers(self, drops)
        self._traffic = (0, 0, 0)  # of legs that are closed

    @property
    def name(self) -> str:
        """Of the socket where video workers find this process."""
        return self._workers.name

    @property
    def came(self) -> int:
        """Access units given to workers."""
        return self._workers.pictures

    @property
    def left(self) -> int:
        """Pictures sent, each to one leg."""
        return self._fanout.pictures

    @property
    def traffic(self) -> tuple[int, int, int]:
        """Packets received, sent and sent again since the start, of all legs."""
        received, sent, resent = self._traffic
        for pictures in self._legs.values():
            more = pictures.traffic
            received, sent, resent = received + more[0], sent + more[1], resent + more[2]
        return received, sent, resent

    def stop(self) -> None:
        """Let the workers go. The legs are closed by now."""
        self._fanout.stop()
        self._workers.stop()

    # -- legs ----------------------------------------------------------------------------------------------------------

    def open(self, session: Session, own: Transport | None, conference: str, now: float) -> None:
        """A leg was opened; `own`: what its pictures travel by where that is not the sound's transport."""
        pictures = self._legs[session.leg] = LegPictures(
            session,
            own,
            self._settings,
            self._random,
            self._drops,
            tell=self._tell,
            give=self._workers.give,
            tell_worker=self._workers.tell,
            on_fault=self._failed,
            conference=conference,
            now=now,
        )
        pictures.serve(self._workers.serves(conference), now)
        self._seat(pictures, now)

    def move(self, leg: str, conference: str, now: float) -> None:
        """A leg has gone to another conference."""
        pictures = self._legs.get(leg)
        if pictures is None or pictures.conference == conference:
            return
        with self._costs(leg):
            pictures.show(0, 0, now)
            pictures.move(conference, self._workers.serves(conference), now)
            self._seat(pictures, now)

    def configure(self, command: contract.ConfigureLeg, now: float) -> None:
        """Take what was negotiated. Raises nothing: what cannot be used costs the leg its pictures."""
        pictures = self._legs.get(command.leg)
        if pictures is None:
            return
        with self._costs(command.leg):
            pictures.configure(command, now)
            for content in Content:
                stream = pictures.streams.get(content)
                if stream is not None:
                    self._fanout.add(stream.sender)
                else:
                    self._fanout.remove(pictures.name(content))

    def want_key(self, leg: str, now: float) -> None:
        """The peer of a leg asked for a key frame in signalling."""
        pictures = self._legs.get(leg)
        stream = pictures.streams.get(Content.MAIN) if pictures is not None else None
        if stream is not None:
            with self._costs(leg):
                stream.sender.want_key(now)

    def plan(self, plan: Plan, now: float) -> None:
        """Whose pictures are wanted in a conference, and how large."""
        before = self._seats.pop(plan.conference, {})
        seats = {seat.leg: seat for seat in plan.seats}
        if seats:
            self._seats[plan.conference] = seats
        for leg in before.keys() | seats.keys():
            pictures = self._legs.get(leg)
            if pictures is not None and before.get(leg) != seats.get(leg):
                with self._costs(leg):
                    self._seat(pictures, now)

    def _seat(self, pictures: LegPictures, now: float) -> None:
        """A leg that is in no plan of its conference is seen by nobody."""
        seat = self._seats.get(pictures.conference, {}).get(pictures.leg)
        pictures.show(seat.seen if seat else 0, seat.slides if seat else 0, now)

    def wake(self, now: float, wallclock: float) -> None:
        """Do what is due, each tick."""
        for pictures in list(self._legs.values()):
            if pictures.deadline <= now:
                pictures.wake(now, wallclock)

    def excuse(self, seconds: float) -> None:
        """The whole process slept for so long: that nothing came in that time says nothing."""
        for pictures in self._legs.values():
            pictures.excuse(seconds)

    def close(self, leg: str, now: float, wallclock: float) -> contract.VideoQuality | None:
        """The leg is gone; how its pictures were, None = it had none."""
        pictures = self._legs.pop(leg, None)
        if pictures is None:
            return None
        quality = None
        with contextlib.suppress(Exception):  # a leg that failed is closed all the same
            quality = pictures.quality
            received, sent, resent = pictures.traffic
            before = self._traffic
            self._traffic = (before[0] + received, before[1] + sent, before[2] + resent)
            pictures.close(now, wallclock)
        for content in Content:
            self._fanout.remove(pictures.name(content))
        return quality

    # -- workers -------------------------------------------------------------------------------------------------------

    def worker_came(self, conference: str) -> None:
        """A conference has another worker: it is told of all sinks, and gets key frames of all sources."""
        self._serve(conference, True)

    def worker_left(self, conference: str) -> None:
        """It has none: nothing is decrypted for it."""
        self._serve(conference, False)

    def _serve(self, conference: str, served: bool) -> None:
        now = time.monotonic()
        for pictures in list(self._legs.values()):
            if pictures.conference == conference:
                with self._costs(pictures.leg):
                    pictures.serve(served, now)

    def encoded(self, conference: str, picture: EncodedPicture) -> None:
        """A picture for sinks. Its worker may not know yet that one of them has gone to another conference."""
        here = tuple(sink for sink in picture.sinks if self._conference_of(sink) == conference)
        if len(here) < len(picture.sinks):
            self._drops["picture-elsewhere"] += 1
            picture = msgspec.structs.replace(picture, sinks=here)
        self._fanout.give(picture, time.monotonic())

    def _conference_of(self, sink: str) -> str:
        """Where the leg of a sink is, "" = there is no such leg."""
        pictures = self._legs.get(sink.removesuffix(SLIDES))
        return pictures.conference if pictures is not None else ""

    def key_needed(self, conference: str, source: str) -> None:
        """A source cannot be decoded before its next key frame."""
        pictures = self._legs.get(source.removesuffix(SLIDES))
        if pictures is not None and pictures.conference == conference:
            with self._costs(pictures.leg):
                pictures.want_key(source, time.monotonic())

    # -- faults --------------------------------------------------------------------------------------------------------

    def fail(self, leg: str, fault: Exception) -> None:
        """A fault of ours with what comes for a leg's pictures: it costs these."""
        if (pictures := self._legs.get(leg)) is not None:
            pictures.fail(fault)

    @contextlib.contextmanager
    def _costs(self, leg: str) -> Iterator[None]:
        """What rises here costs this leg its pictures, and nothing else."""
        try:
            yield
        except Exception as fault:
            self.fail(leg, fault)

    def _fail_sink(self, sink: str, fault: Exception) -> None:
        for pictures in list(self._legs.values()):
            if sink in (pictures.name(Content.MAIN), pictures.name(Content.SLIDES)):
                pictures.fail(fault)

    def _failed(self, leg: str, fault: Exception) -> None:
        self._drops["video-fault"] += 1
        _log.error("video-fault", leg=leg, exc_info=fault)
