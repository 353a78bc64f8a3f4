"""When packets left, by their transport-wide numbers, and what the peer's feedback makes of that.

draft-holmer-rmcat-transport-wide-cc-extensions-01: all streams of a transport share one run of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from bridge.rtp.rtcp_feedback import TransportWide

MEMORY: Final = 4_096  # packets whose leaving is remembered; feedback that is later is of no use
_TICK_S: Final = 0.00025  # unit of the peer's clock


class Passage(NamedTuple):
    """Packets that left together and came through. `sent`: monotonic seconds; `arrival`, `last`: of the first and of
    the last of them, seconds of the peer's clock, whose zero is unknown; `octets`, `packets`: how much, how many."""

    sent: float
    arrival: float
    last: float
    octets: int
    packets: int


class Departures:
    """The packets of one transport. `next_number`: that of the packet that leaves next, 16 bits.

    `remembers`: whether anybody will tell of them; else nothing is kept.
    """

    __slots__ = ("_next", "_tick", "_under_way", "remembers")

    def __init__(self) -> None:
        self._next = 1 << 16  # extended; the wire has the low 16 bits
        # number -> (sent, octets), in order; bounded by MEMORY, the oldest are forgotten
        self._under_way: dict[int, tuple[float, int]] = {}
        self._tick: int | None = None  # the newest arrival, extended
        self.remembers = False

    @property
    def next_number(self) -> int:
        """Of the packet that leaves next."""
        return self._next & 0xFFFF

    def leave(self, sizes: Sequence[int], now: float) -> None:
        """Packets of so many octets leave, numbered from `next_number` on."""
        if self.remembers:
            number, under_way = self._next, self._under_way
            for size in sizes:
                under_way[number] = (now, size)
                number += 1
            while len(under_way) > MEMORY:
                del under_way[next(iter(under_way))]
        self._next += len(sizes)

    def take(self, feedback: TransportWide) -> tuple[list[Passage], int]:
        """What came through, in the order of departure, and how many packets were lost.

        Nobody has come that is not told of before the peer tells of those behind: it is lost. What is told twice
        counts once.
        """
        base = self._next - (self._next - feedback.base & 0xFFFF)
        pop = self._under_way.pop
        passages: list[Passage] = []
        sent, first, last, octets, packets = 0.0, 0, 0, 0, 0
        for place, tick in feedback.received:
            found = pop(base + place, None)
            if found is None:
                continue
            if found[0] != sent or not packets:
                if packets:
                    passages.append(self._passage(sent, first, last, octets, packets))
                sent, first, octets, packets = found[0], tick, 0, 0
            last = tick
            octets += found[1]
            packets += 1
        if packets:
            passages.append(self._passage(sent, first, last, octets, packets))
        lost = []
        for number in self._under_way:
            if number >= base:
                break
            lost.append(number)
        for number in lost:
            del self._under_way[number]
        return passages, len(lost)

    def _passage(self, sent: float, first: int, last: int, octets: int, packets: int) -> Passage:
        return Passage(sent, self._extend(first) * _TICK_S, self._extend(last) * _TICK_S, octets, packets)

    def _extend(self, tick: int) -> int:
        """The peer's clock has 32 bits: go on from the newest arrival."""
        if self._tick is None:
            self._tick = tick + (1 << 32)
        extended = self._tick + ((tick - self._tick + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        self._tick = max(self._tick, extended)
        return extended
