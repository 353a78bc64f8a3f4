"""Packets of one source in the order of their numbers, and the gaps between them.

What came behind a gap waits here; who reads the packets decides how long, and what is done about the gap.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from bridge.rtp.missing import MissingPackets
from bridge.rtp.video_packet import VideoPacket

BEFORE: Final = 64  # numbers before the first packet that came, which it may have overtaken
_WINDOW: Final = 1_000  # numbers ahead or back; a packet farther off is of a source that began anew
_MOST_MISSING: Final = 300  # beyond, a key frame is cheaper than what is missing
_MOST_WAITING: Final = 1_024  # packets behind a gap; beyond, the gap is given up
_FEW: Final = 50  # that wait: it is quicker to look at all of them than to walk through the gap
_MOST_WAITING_BYTES: Final = 3_000_000

Arrived = tuple[VideoPacket, float]
"""A packet, and when it came [monotonic seconds]."""


class PacketOrder:
    """Numbers are extended over the wrap. `expected`: the next one in order; `highest`: of all that came; `gave_up`:
    what is below it and has not come, was given up; `begun`: whether anything was taken in order; `waiting`: what came
    behind a gap, by number; `missing`: what did not."""

    __slots__ = (
        "_key_starts",
        "_octets",
        "_start",
        "begun",
        "expected",
        "gave_up",
        "highest",
        "missing",
        "waiting",
    )

    def __init__(self) -> None:
        self.missing = MissingPackets()
        self.waiting: dict[int, Arrived] = {}
        self._key_starts: list[int] = []  # a heap of the numbers of those that begin a key frame
        self.clear()

    def clear(self) -> None:
        """Nothing has come."""
        self.missing.clear()
        self.waiting.clear()
        self._key_starts.clear()
        self._octets = 0  # of what waits
        self._start = 0.0
        self.begun = False
        self.expected = self.highest = self.gave_up = 0

    def begin(self, packet: VideoPacket, arrival: float, key_start: bool) -> None:
        """The first packet that came, after `clear`; it may have overtaken others."""
        # High enough that no number is ever negative.
        self.highest = packet.sequence + 0x10000
        self.expected = self.highest - BEFORE
        self._start = arrival
        self.wait(self.highest, packet, arrival, key_start)

    def number(self, sequence: int) -> int:
        """The extended number of a packet."""
        return self.highest + (sequence - self.highest + 0x8000 & 0xFFFF) - 0x8000

    def is_far(self, number: int) -> bool:
        """Whether it can hardly be of the same run of numbers."""
        return number > self.highest + _WINDOW or number < self.expected - _WINDOW

    def wait(self, number: int, packet: VideoPacket, arrival: float, key_start: bool) -> None:
        """Keep a packet that others should come before. `key_start`: it begins a key frame."""
        if number > self.highest:
            # Of a gap that is given up at once not every number need be remembered.
            self.missing.miss(max(self.highest + 1, number - _MOST_MISSING - 1), number, arrival)
            self.highest = number
        else:
            self.missing.found(number)
        self.waiting[number] = (packet, arrival)
        self._octets += len(packet.payload)
        if key_start:
            heappush(self._key_starts, number)

    def pop(self) -> Arrived | None:
        """The next packet in order, None if it has not come."""
        entry = self.waiting.pop(self.expected, None)
        if entry is not None:
            self.begun = True
            self.expected += 1
            self._octets -= len(entry[0].payload)
        return entry

    def leap_to_key(self) -> bool:
        """Go on with the next packet that begins a key frame, if one has come; nothing before it is wanted."""
        while self._key_starts:
            number = heappop(self._key_starts)
            if number >= self.expected:
                self._leap(number)
                return True
        return False

    def give_up(self) -> VideoPacket:
        """Go on behind the gap, with the packet that is returned."""
        number = self.expected
        if len(self.waiting) < _FEW:
            number = min(self.waiting)
        while number not in self.waiting:
            number += 1
        self.gave_up = number
        self._leap(number)
        return self.waiting[number][0]

    def _leap(self, number: int) -> None:
        waiting = self.waiting
        behind = range(self.expected, number)
        for gone in behind if len(behind) < len(waiting) else [each for each in waiting if each < number]:
            entry = waiting.pop(gone, None)
            if entry is not None:
                self._octets -= len(entry[0].payload)
        self.missing.forget_before(number)
        self.expected = number

    @property
    def gap_since(self) -> float:
        """When the first gap was seen; that before the first packet, with it. Only while something waits."""
        since = self.missing.since if self.begun else self._start
        return self._start if since is None else since

    @property
    def is_full(self) -> bool:
        """Whether more waits, or is missing, than may be."""
        return (
            len(self.waiting) > _MOST_WAITING
            or self._octets > _MOST_WAITING_BYTES
            or len(self.missing) > _MOST_MISSING
        )
