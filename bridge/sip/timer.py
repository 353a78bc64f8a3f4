"""One heap of timers for a whole machine: set, cancel, and what has run out.

Strategy: a heap of (when, serial, key) beside a dict key -> serial. Cancelling forgets the dict's entry only; the
heap's entry is skipped when it surfaces, and the heap is rebuilt when more than half of it is dead, so that it cannot
outgrow the live timers.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_SPARE = 64  # below this many entries a rebuild is not worth it


class Timers(Generic[Key]):
    """Deadlines by key; a key has at most one. All times are monotonic seconds."""

    __slots__ = ("_heap", "_live", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Key]] = []
        self._live: dict[Key, int] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._live)

    def set(self, key: Key, when: float) -> None:
        """Let `key` run out at `when`; an earlier deadline of the same key is replaced."""
        self._serial += 1
        self._live[key] = self._serial
        heapq.heappush(self._heap, (when, self._serial, key))
        if len(self._heap) > _SPARE + 2 * len(self._live):
            self._heap = [entry for entry in self._heap if self._live.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)

    def cancel(self, key: Key) -> None:
        """Forget the deadline of `key`, if it has one."""
        self._live.pop(key, None)

    def deadline(self) -> float | None:
        """The earliest deadline, or None."""
        heap = self._heap
        while heap:
            when, serial, key = heap[0]
            if self._live.get(key) == serial:
                return when
            heapq.heappop(heap)
        return None

    def pop(self, now: float) -> Key | None:
        """Take out one key whose deadline has come, the earliest first; None when there is none."""
        when = self.deadline()
        if when is None or when > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._live[key]
        return key
