"""Whether a queue builds up on the path: the trend of how long packets take (in the spirit of Google Congestion
Control, draft-ietf-rmcat-gcc-02 section 5).

Pictures leave in bursts, and how long a burst takes says how large the picture was. So only the first packet of each
burst is looked at: what it waited for is what the pictures before it have left in the queue.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from math import inf
from typing import Final

PAUSE_S: Final = 0.015  # a packet after such a pause begins a burst
LONGEST_S: Final = 0.1  # in what has no pauses there is a look so often
_WINDOW: Final = 15  # looks, as many as there are in 0.6 s of pictures
_OLDEST_S: Final = 2.0
_FEWEST: Final = 4
_SMOOTHING: Final = 0.6
_BASE_S: Final = 10.0  # the shortest delay of 10 to 20 s is that of the path itself
_LEAST_S: Final = 0.015  # a shorter queue is none
_IN_A_ROW: Final = 3
_LONG_S: Final = 0.25  # a longer one has to go, even if it does not grow
# Of the trend, seconds of queue a second. The threshold follows what is usual on the path, quickly up and slowly down,
# so that jitter and others' traffic do not starve us.
_FIRST: Final = 0.05
_LEAST, _MOST = 0.03, 0.6
_FAR: Final = 0.0625  # above the threshold: that is no jitter, and not to be followed
_UP, _DOWN = 5.0, 1.0  # a second


class Usage(Enum):
    """How the path is used."""

    NORMAL = "normal"
    OVER = "over"  # a queue builds up
    UNDER = "under"  # it gets shorter: wait until it is gone


class DelayTrend:
    """`push` what came through, in order: packets, or the first of those that left together.

    `usage`; `queue_s`: how long the newest look waited [s].
    """

    __slots__ = (
        "_base",
        "_base_since",
        "_last_base",
        "_last_look",
        "_last_sent",
        "_looks",
        "_over",
        "_slope",
        "_smooth",
        "_threshold",
        "queue_s",
        "usage",
    )

    def __init__(self) -> None:
        self.usage = Usage.NORMAL
        self.queue_s = 0.0
        self._last_sent = self._last_look = -inf
        self._looks: deque[tuple[float, float]] = deque(maxlen=_WINDOW)  # (arrival, smoothed delay)
        self._base = self._last_base = inf
        self._base_since = -inf
        self._smooth: float | None = None
        self._slope = 0.0
        self._threshold = _FIRST
        self._over = 0  # looks in a row

    def push(self, sent: float, arrival: float) -> None:
        """A packet that was `sent` [our clock] came at `arrival` [the peer's clock]."""
        pause = sent - self._last_sent
        self._last_sent = max(sent, self._last_sent)
        if pause >= PAUSE_S or sent - self._last_look >= LONGEST_S:
            elapsed = min(0.1, sent - self._last_look)
            self._last_look = sent
            self._look(sent, arrival, elapsed)

    def _look(self, sent: float, arrival: float, elapsed: float) -> None:
        delay = arrival - sent
        if sent - self._base_since > _BASE_S:
            self._last_base, self._base, self._base_since = self._base, delay, sent
        self._base = min(self._base, delay)
        base = min(self._base, self._last_base)
        self.queue_s = delay - base
        smooth = self._smooth
        self._smooth = smooth = delay if smooth is None else smooth + _SMOOTHING * (delay - smooth)
        looks = self._looks
        looks.append((arrival, smooth))
        while arrival - looks[0][0] > _OLDEST_S:
            looks.popleft()
        if len(looks) >= _FEWEST:
            self._judge(_trend(looks), elapsed)

    def _judge(self, slope: float, elapsed: float) -> None:
        before, self._slope = self._slope, slope
        if slope > self._threshold and self.queue_s > _LEAST_S and slope >= before * 0.9:
            self._over += 1
        else:
            self._over = 0
        if self._over >= _IN_A_ROW or (self.queue_s > _LONG_S and slope > -self._threshold / 2):
            self.usage = Usage.OVER
        elif slope < -self._threshold:
            self.usage = Usage.UNDER
        else:
            self.usage = Usage.NORMAL
        size = abs(slope)
        if size < self._threshold + _FAR:
            speed = _UP if size > self._threshold else _DOWN
            self._threshold += min(1.0, speed * elapsed) * (size - self._threshold)
            self._threshold = min(_MOST, max(_LEAST, self._threshold))


def _trend(looks: deque[tuple[float, float]]) -> float:
    """The slope of the line through them (least squares), 0 where there is none."""
    first = looks[0][0]
    count = len(looks)
    xs = ys = xys = xxs = 0.0
    for arrival, delay in looks:
        x = arrival - first
        xs += x
        ys += delay
        xys += x * delay
        xxs += x * x
    below = xxs - xs * xs / count
    return (xys - xs * ys / count) / below if below > 1e-9 else 0.0
