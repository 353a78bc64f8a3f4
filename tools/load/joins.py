"""How long a browser takes from asking to be let in to the first sound, and where that time goes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tools.load import speech
from tools.load.browsers import Browsers
from tools.load.measure import sources
from tools.load.member import Part, State
from tools.load.poll import Poll
from tools.load.speech import Codec
from tools.load.stream import NOTE

_LONGEST_S = 20.0
_FRAME_S = 0.02
_PACE_S = 0.002
_STEPS = ("token", "answer", "connected", "sound")


@dataclass(frozen=True, slots=True)
class JoinTimes:
    """Of browsers that joined one after the other.

    `steps_ms_p50`: the median of each step, from the one before: the token, the answer to the offer, ICE and DTLS, the
    first packet of sound.
    """

    joins: int
    failed: int
    sound_ms_p50: float
    sound_ms_p95: float
    steps_ms_p50: dict[str, float] = field(default_factory=dict)


class Doorway:
    """Lets one browser after another into a room in which the first of them talks all the time."""

    def __init__(self, uri: str, joins: int, codec: Codec = Codec.OPUS) -> None:
        self._poll = Poll()
        voice, quiet = (
            Part(speech.encode(pcm, codec), speech.levels(pcm), 0)
            for pcm in (speech.voice(0), speech.silence())
        )
        self._browsers = Browsers(
            uri, codec, [voice, *[quiet] * joins], self._poll, lambda member: None, lambda member: None
        )
        self._inside: list[int] = []
        self._due = time.monotonic()

    def run(self) -> JoinTimes:
        """Join, hear, leave; again and again. Raises RuntimeError when not even the first is let in."""
        try:
            if self._join(0) is None:
                raise RuntimeError(f"the room is closed: {self._browsers.refusals}")
            joins = range(1, len(self._browsers.members))
            found = [times for index in joins if (times := self._join(index))]
            self._leave(0)
        finally:
            self._browsers.close()
            self._poll.close()
        return _summary(found, len(joins))

    def _join(self, index: int) -> tuple[float, ...] | None:
        """Monotonic seconds of the beginning and of each step; None if it came to nothing."""
        visit, stream = self._browsers.members[index], self._browsers.streams[index]
        self._browsers.begin(index, time.monotonic())
        self._inside.append(index)
        self._spin(
            lambda: visit.state is State.FAILED or bool(stream.notes) or (index == 0 and stream.active)
        )
        if visit.state is not State.UP:
            return None
        sound = 0.0
        if stream.notes:
            (packets, *_) = sources(stream.notes[:NOTE])
            sound = packets.arrival[0] / 1e9 - time.time() + time.monotonic()
            self._leave(index)
        return visit.begun, visit.entered, visit.called, visit.answered, sound

    def _leave(self, index: int) -> None:
        self._inside.remove(index)
        self._browsers.end(index, time.monotonic())
        self._spin(lambda: self._browsers.members[index].state in (State.OVER, State.FAILED))

    def _spin(self, enough: Callable[[], bool]) -> None:
        end = time.monotonic() + _LONGEST_S
        while not enough() and (now := time.monotonic()) < end:
            self._poll.wait(min(_PACE_S, self._due - now))
            self._browsers.repeat_due(now)
            if now >= self._due:
                self._due += _FRAME_S
                for index in self._inside:
                    if (stream := self._browsers.streams[index]).active:
                        stream.send(time.time_ns())


def _summary(found: list[tuple[float, ...]], joins: int) -> JoinTimes:
    totals = [1000 * (times[-1] - times[0]) for times in found] or [0.0]
    steps = [[1000 * (after - before) for before, after in itertools.pairwise(times)] for times in found]
    medians: list[float] = np.median(steps, axis=0).tolist() if steps else []
    return JoinTimes(
        joins=len(found),
        failed=joins - len(found),
        sound_ms_p50=float(np.percentile(totals, 50)),
        sound_ms_p95=float(np.percentile(totals, 95)),
        steps_ms_p50={name: float(value) for name, value in zip(_STEPS, medians, strict=False)},
    )
