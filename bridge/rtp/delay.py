"""How late the packets of one source come, and with what delay they should be played.

A *transit* is arrival time minus media time [s]; only differences between transits mean anything. The target is
the slowest transit of the past ten seconds but for one outlier, plus what odd packet lengths and FEC need, and never
more than 180 ms over the fastest. In a quiet network the past two seconds decide, so that a drifting clock is
followed closely.
"""

from __future__ import annotations

from collections import deque
from math import gcd, inf
from typing import Final

MAX_DELAY_S: Final = 0.18  # over the fastest recent packet
MARGIN_S: Final = 0.001  # packets this close to their tick are as good as late

_FRAME: Final = 960
_SECONDS: Final = 1 / 48_000  # a sample at 48 kHz
_BLOCK_S: Final = 1.0
_BLOCKS: Final = 10
_ENOUGH_BLOCKS: Final = 3  # with so many seconds seen, one outlier is forgiven, and quiet can be told
_QUIET_S: Final = 0.008  # less spread than this within each second: a quiet network
_QUIET_BLOCKS: Final = 2
_FASTER_S: Final = 0.25  # so much faster than all before: another path or clock

_STEP_S: Final = 0.0001  # a slow clock makes each packet the slowest so far: not worth an aim each
_EVENT_S: Final = 0.1  # packets that come together: held up by the same thing

_Block = tuple[float, float, float]  # lowest, highest, second highest transit of one second


class DelayEstimate:
    """The recent transits of one source.

    `base`: the lowest of them (infinite before the first). `target`: the delay at which packets should be played, on
    the same scale; minus infinite before the first.
    """

    __slots__ = (
        "_block_end",
        "_blocks",
        "_duration",
        "_event",
        "_event_end",
        "_hold_until",
        "_low",
        "_second",
        "_slowest",
        "_top",
        "base",
        "pad",
        "target",
    )

    def __init__(self) -> None:
        self._duration = _FRAME
        self.pad = 0.0  # packets that do not fill whole ticks must come earlier: some are needed in mid-tick
        self._hold_until = -inf
        self.forget()

    def forget(self) -> None:
        """Drop what was learnt: the path is another."""
        self._blocks: deque[_Block] = deque(maxlen=_BLOCKS)
        self._block_end = 0.0
        self._low: float = inf
        self._top: float = -inf
        self._second: float = -inf
        self._event: float = -inf  # the slowest of the packets that were held up together ...
        self._event_end = 0.0  # ... until then
        self._slowest: float = -inf
        self.base: float = inf
        self.target: float = -inf

    def observe(self, transit: float, duration: int, now: float) -> None:
        """A packet of `duration` samples at 48 kHz came."""
        if now >= self._block_end or duration != self._duration:
            self._turn(now, duration)
        if transit < self._low:
            if transit < self.base - _FASTER_S and self.base < inf:
                self.forget()
                self._block_end = now + _BLOCK_S
            self._low = transit
        if transit > self._second:
            self._note(transit, now)

    def hold(self, until: float, now: float) -> None:
        """Until then, one packet more than needed is to wait in the buffer: its FEC may be wanted."""
        self._hold_until = until
        self._aim(now)

    @property
    def limit(self) -> float:
        """The greatest delay allowed."""
        return self.base + MAX_DELAY_S + self.pad

    @property
    def start(self) -> float:
        """The delay to begin with, when a schedule is set up."""
        return min(max(self._slowest, self.base), self.base + MAX_DELAY_S) + self.pad

    def _turn(self, now: float, duration: int) -> None:
        """A second is over, or packets have another length."""
        if duration != self._duration:
            self._duration = duration
            self.pad = (_FRAME - gcd(_FRAME, duration)) * _SECONDS
        if now >= self._block_end:
            if now - self._block_end > _BLOCKS * _BLOCK_S:
                self.forget()
            elif self._low < inf:
                self._blocks.append((self._low, self._top, self._second))
                self._low = inf
                self._top = self._second = -inf
            self._block_end = now + _BLOCK_S
        self._aim(now)

    def _note(self, transit: float, now: float) -> None:
        """One of the slowest packets of this second.

        What is held up together counts once: the slowest of it. A stall over MAX_DELAY_S is not to be followed.
        """
        before = -inf
        if now < self._event_end:
            before = self._event
            if transit <= before:
                return
        else:
            self._event_end = now + _EVENT_S
        self._event = transit
        if transit - min(self.base, self._low) > MAX_DELAY_S:
            return
        if before == self._top or transit > self._top:
            if before != self._top:
                self._second = self._top
            self._top = transit
        else:
            self._second = transit
        if transit > self._slowest + _STEP_S:
            self._aim(now)

    def _aim(self, now: float) -> None:
        """Set the target from what was seen."""
        blocks = list(self._blocks)
        if self._low < inf:
            blocks.append((self._low, self._top, self._second))
        if not blocks:
            return
        self.base = base = min(block[0] for block in blocks)
        recent = blocks[-_QUIET_BLOCKS:]
        slowest = max(block[1] for block in recent)
        quiet = slowest - min(block[0] for block in recent) < _QUIET_S
        if not quiet or len(blocks) < _ENOUGH_BLOCKS or any(top - low > _QUIET_S for low, top, _ in blocks):
            transits = sorted((transit for block in blocks for transit in block[1:]), reverse=True)
            slowest = transits[1] if len(blocks) >= _ENOUGH_BLOCKS else transits[0]
        self._slowest = slowest = max(slowest, base)
        target = slowest + self.pad + MARGIN_S
        if self._hold_until > now:
            target += self._duration * _SECONDS
        self.target = min(target, self.limit)
