"""Which size, rate and number of pictures a sink gets [pure]: down at once, up when it has been safe for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.sdp.video import VideoLimits
from bridge.video.settings import Rung

RISE: Final = 1.2
"""How much more than the least of a rung a path must carry before a sink climbs to it."""

SURE_S: Final = 3.0
"""For how long it must carry that [s]."""

FALL: Final = 0.85
"""Below this part of the least of its rung a sink steps down at once; between the two, when that lasts."""

DIP_S: Final = 1.5
"""How long that may last [s]: estimates waver."""

REST_S: Final = 6.0
"""How long a sink stays where it has stepped down to [s]."""

PACES: Final = (30, 25, 20, 15, 12, 10, 8, 5)
"""Pictures a second that encoders are made for: few numbers, so that sinks share them."""


@dataclass(frozen=True, slots=True)
class Format:
    """What an encoder makes; sinks with the same one can share it. `height` [pixels] names its rung."""

    codec: str
    mode: int
    height: int
    fps: int


def width_of(height: int) -> int:
    """The width of a 16:9 picture of this height [pixels], even."""
    return (height * 16 // 9) & ~1


def rungs_for(rungs: Sequence[Rung], limits: VideoLimits, height: int) -> tuple[Rung, ...]:
    """The rungs that a receiver can take, none above `height` [pixels]; () = not one."""
    return tuple(
        rung for rung in rungs if rung.height <= height and limits.fits(width_of(rung.height), rung.height)
    )


def pace(limits: VideoLimits, height: int, fps: int) -> int:
    """Pictures a second that a receiver can take at this height, at most `fps`: one of `PACES`, or `fps` itself.

    The slowest of them where it cannot even take that: who says so has forgotten what he said about sizes.
    """
    most = fps
    if limits.max_fps:
        most = min(most, limits.max_fps)
    if limits.max_mbps:
        macroblocks = (width_of(height) + 15) // 16 * ((height + 15) // 16)
        most = min(most, limits.max_mbps // macroblocks)
    if most >= fps:
        return fps
    return next((number for number in PACES if number <= most), PACES[-1])


def is_due(number: int, pace: int, fps: int) -> bool:
    """Whether tick `number` of `fps` a second is one of the `pace` a second that are wanted, evenly spread."""
    return (number + 1) * pace // fps != number * pace // fps


class Place:
    """Where one sink stands on the ladder. `rung`: None = it can take none."""

    def __init__(self) -> None:
        self.rung: Rung | None = None
        self._fell = float("-inf")
        self._sure: float | None = None  # since when it could be higher
        self._dips: float | None = None  # since when it is a little below the least of its rung

    def stand(self, rungs: Sequence[Rung], bitrate: int, now: float) -> Rung | None:
        """Find the rung for a path that carries `bitrate` [bit/s]; `rungs`: those that the sink may have, large first.

        The first place is taken as it comes; the smallest rung is there for everybody.
        """
        if not rungs:
            self.rung = None
            return None
        now_on = self.rung
        fit = next((rung for rung in rungs if bitrate >= rung.least), rungs[-1])
        if now_on is None or now_on not in rungs:
            # The first one, or the ladder itself has changed: nothing is known that speaks against the highest.
            return self._step(fit)
        if fit.height < now_on.height:
            if self._dips is None:
                self._dips = now
            if bitrate >= now_on.least * FALL and now - self._dips < DIP_S:
                return now_on
            self._fell = now
            return self._step(fit)
        self._dips = None
        higher = next((rung for rung in rungs if bitrate >= rung.least * RISE), rungs[-1])
        if higher.height <= now_on.height:
            self._sure = None
            return now_on
        if self._sure is None:
            self._sure = now
        if now - self._sure < SURE_S or now - self._fell < REST_S:
            return now_on
        return self._step(higher)

    def _step(self, rung: Rung) -> Rung:
        self.rung, self._sure, self._dips = rung, None, None
        return rung


def shared_rate(bitrates: Sequence[int], rung: Rung) -> int:
    """The rate of an encoder that serves paths of these rates [bit/s]: what all can carry, within the rung's bounds."""
    return max(rung.least, min(rung.most, min(bitrates, default=rung.most)))
