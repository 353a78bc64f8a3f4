"""Sends the pictures of all workers to all sinks of the process, a little at a time, so that no sound is ever late.

A picture for a hundred sinks is a thousand packets. They leave in slices of a millisecond or so, a burst of each sink
in turn; between them the loop has its turn. None begins when the next tick of sound is near, nor while the mixer
thread works: each packet gives the interpreter up for a moment and has to win it back, and so makes the mixer slow.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable
from math import inf

from bridge.log import logger
from bridge.media.video_sender import VideoSender
from bridge.rtp.batch import LONGEST_PAYLOAD, Batch
from bridge.video.contract import EncodedPicture

SLICE_S = 0.0015  # work at a stretch
GUARD_S = 0.001  # no slice begins so shortly before a tick
MIXING_S = 0.001  # while the mixer works: until the next look
PATIENCE_S = 0.015  # but a mixer that never rests does not stop all pictures

_log = logger("media")


class Fanout:
    """All senders of the process, on the running loop.

    `next_tick` tells when the next tick of sound is due [monotonic seconds], `inf` = none; `mixing`: whether the mixer
    works. `fail` is told of faults of
    ours with a sink. `clock`: for tests, another one.
    """

    def __init__(
        self,
        drops: Counter[str],
        *,
        next_tick: Callable[[], float] = lambda: inf,
        mixing: Callable[[], bool] = lambda: False,
        fail: Callable[[str, Exception], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._drops = drops
        self._next_tick = next_tick
        self._mixing = mixing
        self._held_since = inf  # for the mixer's sake
        self._fail = fail
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._senders: dict[str, VideoSender] = {}
        # Who has something to send now, each once, in turn; and who will, each once: bounded by the number of senders.
        self._ready: deque[VideoSender] = deque()
        self._later: list[tuple[float, int, VideoSender]] = []
        self._busy: set[VideoSender] = set()  # who is in one of them
        self._batch = Batch()
        self._serials = itertools.count()
        self._handle: asyncio.Handle | None = None
        self._wakes = inf  # when the handle runs
        self.pictures = 0  # sent whole or in part, each to one sink

    def add(self, sender: VideoSender) -> None:
        """Pictures for its sink go to this sender from now on."""
        self._senders[sender.sink] = sender

    def remove(self, sink: str) -> None:
        """Nothing more is sent to this sink."""
        self._senders.pop(sink, None)

    def give(self, picture: EncodedPicture, now: float) -> None:
        """A picture of a worker for all its sinks. Sinks that we do not know have just ended."""
        if max(map(len, picture.payloads), default=0) > LONGEST_PAYLOAD:
            self._drops["picture-too-long"] += 1
            return
        for sink in picture.sinks:
            sender = self._senders.get(sink)
            if sender is not None and sender.offer(picture, now):
                self.pictures += 1
                if sender not in self._busy:
                    self._busy.add(sender)
                    self._ready.append(sender)
        self._plan(now)

    def stop(self) -> None:
        """Send nothing any more."""
        self._senders.clear()
        self._ready.clear()
        self._later.clear()
        self._busy.clear()
        self._cancel()

    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._wakes = inf

    def _plan(self, now: float) -> None:
        """See to it that `_slice` runs when there is something to do."""
        wakes = now if self._ready else self._later[0][0] if self._later else inf
        if wakes >= self._wakes:
            return
        self._cancel()
        self._wakes = wakes
        if wakes <= now:
            self._handle = self._loop.call_soon(self._slice)
        else:
            self._handle = self._loop.call_later(wakes - now, self._slice)

    def _slice(self) -> None:
        self._handle, self._wakes = None, inf
        now = self._clock()
        tick = self._next_tick()
        if self._mixing():
            self._held_since = min(self._held_since, now)
            if now - self._held_since < PATIENCE_S:
                self._put_off(now, MIXING_S)
                return
        self._held_since = inf
        if 0.0 <= tick - now < GUARD_S:
            self._put_off(now, tick - now + GUARD_S)
            return
        end = min(now + SLICE_S, tick - GUARD_S / 2) if tick > now else now + SLICE_S
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])
        while self._ready and now < end:
            self._send(self._ready.popleft(), now)
            now = self._clock()
        self._plan(now)

    def _put_off(self, now: float, seconds: float) -> None:
        """Not now. What comes meanwhile changes nothing about that."""
        self._wakes = now
        self._handle = self._loop.call_later(seconds, self._slice)

    def _send(self, sender: VideoSender, now: float) -> None:
        if self._senders.get(sender.sink) is not sender:
            self._busy.discard(sender)
            return
        try:
            due = sender.send(now, self._batch)
        except Exception as fault:  # ours: it costs this sink, not the others
            self._busy.discard(sender)
            self._senders.pop(sender.sink, None)
            self._drops["fanout-fault"] += 1
            _log.error("fanout-fault", leg=sender.sink, exc_info=fault)
            if self._fail is not None:
                self._fail(sender.sink, fault)
            return
        if due == inf:
            self._busy.discard(sender)
        elif due <= now:
            self._ready.append(sender)
        else:
            heapq.heappush(self._later, (due, next(self._serials), sender))
