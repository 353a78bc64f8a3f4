"""A path with a bottleneck, in memory: what is sent waits in a queue, or is lost; feedback comes back. Seeded."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.rtp import rtcp
from bridge.rtp.congestion import Arrivals
from bridge.rtp.estimate import Estimate
from bridge.rtp.rtcp_feedback import TransportWide

PACKET = 1_200  # octets


@dataclass
class Path:
    """`capacity` [bit/s] of the bottleneck, `cross`: what others send through it, `queue_s`: how long a packet waits at
    most (more are dropped), `delay_s`: one way, `jitter_s`: mean of what is added at random, `loss`: share lost."""

    capacity: float = 1e9
    cross: float = 0.0
    queue_s: float = 0.4
    delay_s: float = 0.025
    jitter_s: float = 0.0
    loss: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(4))
    _free: float = 0.0  # when the bottleneck has sent what it has

    def carry(self, octets: int, now: float) -> float | None:
        """When a packet arrives, None = never."""
        if self.random.random() < self.loss:
            return None
        begins = max(now, self._free)
        if begins - now > self.queue_s:
            return None
        self._free = begins + octets * 8 / max(1.0, self.capacity - self.cross)
        jitter = self.random.expovariate(1 / self.jitter_s) if self.jitter_s else 0.0
        return self._free + self.delay_s + jitter


@dataclass
class Run:
    """What happened: (when, permitted, came through [bit/s], queue [s]) ten times a second."""

    rows: list[tuple[float, float, float, float]] = field(default_factory=list)

    def rates(self, begin: float, end: float) -> list[float]:
        return [rate for when, rate, _, _ in self.rows if begin <= when < end]

    def mean(self, begin: float, end: float) -> float:
        rates = self.rates(begin, end)
        return sum(rates) / len(rates)

    def reached(self, rate: float, begin: float) -> float:
        """Seconds after `begin` until so much is permitted."""
        return next((when - begin for when, told, _, _ in self.rows if when >= begin and told >= rate), 1e9)

    def fell(self, rate: float, begin: float) -> float:
        """Seconds after `begin` until no more than so much is permitted."""
        return next((when - begin for when, told, _, _ in self.rows if when >= begin and told <= rate), 1e9)

    def queue(self, begin: float, end: float) -> float:
        """Mean time that packets waited [s]."""
        waits = [wait for when, _, _, wait in self.rows if begin <= when < end]
        return sum(waits) / len(waits)


def run(
    estimate: Estimate,
    path: Path,
    seconds: float,
    change: Callable[[float, Path], None] = lambda now, path: None,
    *,
    numbered: bool = True,
    most: Callable[[int], float] = lambda told: 1_500_000,
    ceiling: int = 0,
    feedback_s: float = 0.1,
    report_s: float = 1.0,
    fps: int = 25,
) -> Run:
    """A worker sends pictures of the rate it was last told of, twice a second at most, and never more than `most`; the
    peer answers with transport-wide feedback (`numbered`), or with reports of loss. The clock of the peer is another.
    """
    start, clock = 1_000.0, 77_000.0
    estimate.configure(1, ceiling, numbered)
    arrivals, told, told_at, key = Arrivals(), estimate.share(1), start, True
    found, under_way, on_way_back = Run(), list[tuple[float, int, int]](), deque[tuple[float, bytes]]()
    expected = lost = came = 0
    ticks = int(seconds * 1_000)
    for tick in range(ticks):
        now = start + tick / 1_000
        if tick % (1_000 // fps) == 0:
            change(now - start, path)
            octets = min(most(told), told) / 8 / fps * path.random.uniform(0.7, 1.3) * (5 if key else 1)
            key = False
            count = max(1, math.ceil(octets / PACKET))
            for _ in range(count):
                size = int(octets / count)
                arrival = path.carry(size, now)
                expected += 1
                if arrival is None:
                    lost += 1
                else:
                    under_way.append((arrival, estimate.next_number, size))
                estimate.depart(1, (size,), now)
        for packet in [each for each in under_way if each[0] <= now]:
            under_way.remove(packet)
            arrivals.note(packet[1], clock + packet[0])
            came += packet[2]
        if numbered and tick % int(feedback_s * 1_000) == 0 and (report := arrivals.feedback(1, 1)):
            on_way_back.append((now + path.delay_s, report))
        while on_way_back and on_way_back[0][0] <= now:
            (feedback,) = rtcp.parse_compound(on_way_back.popleft()[1])
            assert isinstance(feedback, TransportWide)
            estimate.on_transport_wide(feedback, now)
        if tick % int(report_s * 1_000) == 0:
            estimate.on_round_trip(2 * path.delay_s)
            estimate.on_loss(lost, expected, now)
            lost = expected = 0
        if now - told_at >= 0.5:
            estimate.wake(now)
            if abs(estimate.share(1) - told) > 0.1 * told:
                told, told_at = estimate.share(1), now
        if tick % 100 == 0:
            found.rows.append((now - start, estimate.share(1), came * 80.0, max(0.0, path._free - now)))
            came = 0
    return found
