"""What comes in: each source's units are decoded in order by one thread at a time, and the newest picture is shown.

Pictures never queue up to be shown: of those that are due the newest counts. Units that are to be seen later wait
encoded, since pictures are large.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, NamedTuple

from bridge.codec.video_decoder import VideoDecoder
from bridge.video.contract import AccessUnit
from bridge.video.workshop import Workshop
from mixer.picture import Picture

HOLD_S: Final = 0.3
"""The longest that a picture waits for its sound [s]."""

STALE_S: Final = 2.0
"""A picture that is older than this is not shown as if it were live [s]."""

ASK_S: Final = 0.5
"""Between two requests for a key frame of one source [s]."""

_MOST_UNITS = 40  # that wait, due later or not decoded yet: more than a second; then all are dropped
_BEHIND = 4


class Shown(NamedTuple):
    """A decoded picture. `arrival`: of its last packet; `due`: when it is to be seen [monotonic seconds]."""

    due: float
    arrival: float
    picture: Picture


class Source:
    """One stream on stage. All but `_work` is called on the loop.

    `on_need` is called, in any thread, when only a key frame helps. `drops` counts by name what was not decoded.
    """

    def __init__(
        self,
        name: str,
        workshop: Workshop,
        on_need: Callable[[str], None],
        drops: Counter[str],
        ahead: float,
        clock: Callable[[], float],
    ) -> None:
        """`ahead`: how long before it is due a unit is decoded [s]: one tick. `clock`: monotonic seconds."""
        self.name = name
        self.decoded = 0
        self.readied: deque[float] = deque(maxlen=40)  # when the last pictures could first be shown
        self.current: Shown | None = None
        self._workshop = workshop
        self._on_need = on_need
        self._drops = drops
        self._ahead = ahead
        self._clock = clock
        # Both bounded by _MOST_UNITS.
        self._held: deque[AccessUnit] = deque()
        self._todo: deque[AccessUnit] = deque()
        # What is decoded and not yet due: a tick's worth; the oldest goes when a source sends faster than that.
        self._ready: deque[Shown] = deque(maxlen=4)
        self._queued = False  # a job is waiting for a thread: it will see all that is given until it begins
        self._decoding = threading.Lock()
        self._decoder: VideoDecoder | None = None
        self._broken = False  # units were dropped: nothing but a key frame is of use
        self._asked = float("-inf")

    def push(self, unit: AccessUnit, now: float) -> None:
        """The next unit, in order. It is decoded at once, or shortly before it is due."""
        if len(self._held) + len(self._todo) >= _MOST_UNITS:
            self._drops["video-behind"] += len(self._held) + len(self._todo) + 1
            self._held.clear()
            self._todo.clear()
            self._broken = True
            self._on_need(self.name)
            return
        if self._broken:
            if not unit.key:
                self._drops["video-behind"] += 1
                self._on_need(self.name)
                return
            self._broken = False
        if self._held or min(unit.due, unit.arrival + HOLD_S) > now + self._ahead:
            self._held.append(unit)
        else:
            self._give(unit)

    def newest(self, now: float) -> Shown | None:
        """The picture to be shown at `now`; units that are due soon are given to be decoded."""
        while self._held and min(self._held[0].due, self._held[0].arrival + HOLD_S) <= now + self._ahead:
            self._give(self._held.popleft())
        while self._ready and self._ready[0].due <= now:
            self.current = self._ready.popleft()
        return self.current

    def is_stale(self, now: float) -> bool:
        """Whether the newest picture is too old to be shown as if it were live."""
        return self.current is not None and now - self.current.due > STALE_S

    @property
    def behind(self) -> bool:
        """Whether more waits to be decoded than comes in a moment."""
        return len(self._todo) > _BEHIND

    def may_ask(self, now: float) -> bool:
        """Whether a key frame may be asked for now; if so, not again for `ASK_S`."""
        if now - self._asked < ASK_S:
            return False
        self._asked = now
        return True

    def _give(self, unit: AccessUnit) -> None:
        self._todo.append(unit)
        self._call()

    def _call(self) -> None:
        if not self._queued:
            self._queued = True
            self._workshop.submit_later(self._work)

    def _work(self) -> None:
        """Decode the oldest that waits. A unit that comes while another thread does so is called for by that one."""
        self._queued = False
        if not self._decoding.acquire(blocking=False):
            return
        try:
            unit = self._next()
            if unit is not None:
                self._decode(unit)
        finally:
            self._decoding.release()
            if self._todo:
                self._call()

    def _next(self) -> AccessUnit | None:
        try:
            return self._todo.popleft()
        except IndexError:  # all that waited was dropped
            return None

    def _decode(self, unit: AccessUnit) -> None:
        decoder = self._decoder
        if decoder is None or decoder.codec != unit.codec:
            decoder = self._decoder = VideoDecoder(unit.codec, self._drops)
        picture = decoder.decode(unit.octets, unit.key, unit.rotation)
        if picture is not None:
            self.decoded += 1
            picture.sizes = {}  # several views may show it
            due = min(unit.due, unit.arrival + HOLD_S)
            self._ready.append(Shown(due, unit.arrival, picture))
            self.readied.append(max(due, self._clock()))
        elif decoder.needs_key:
            self._on_need(self.name)
