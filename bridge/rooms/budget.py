"""Sliding-window counters for the guards: how much of something happened lately, in tables that cannot grow."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address, IPv6Network
from math import inf
from typing import Final, Generic, Protocol, TypeVar

MOST_ENTRIES: Final = 10_000


def household(source: str) -> str:
    """What a source is counted as: its address; of IPv6 the /64, which one customer has. Other text is itself."""
    if ":" not in source:
        return source
    try:
        address = IPv6Address(source.partition("%")[0])
    except ValueError:
        return source
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address.packed[:8] + bytes(8), 64)))


class Window:
    """When something happened within the last `window_s`; the newest `most` times are kept."""

    __slots__ = ("_most", "_times", "_window_s")

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._times: list[float] = []

    def add(self, at: float) -> None:
        """It happened at that time, which need not be the newest."""
        insort(self._times, at)
        del self._times[: -self._most]

    def times(self, now: float) -> list[float]:
        """The times that still count, oldest first."""
        del self._times[: bisect_right(self._times, now - self._window_s)]
        return self._times

    def ages(self, now: float) -> list[float]:
        """How long ago each was [s], oldest first."""
        return [round(now - at, 3) for at in self.times(now)]


class Budget:
    """How many wrong verdicts a room or a source has had, and when it may have the next one.

    Half of `most` is free; the other half is dealt out evenly over the window. A turn counts as wrong from the
    moment it is given, until it proves right.
    """

    __slots__ = ("_checking", "_free", "_most", "_pace_s", "_window_s", "_wrong", "alarmed")

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._free = most // 2
        self._pace_s = window_s / (most - self._free)
        self._window_s = window_s
        self._wrong = Window(most, window_s)
        self._checking: dict[str, float] = {}  # bounded: never more than `most` turns are out
        self.alarmed = False

    def next_turn(self, now: float) -> float:
        """From when on a turn may be given, as things stand at `now`; in the past if it may be given now."""
        times = sorted((*self._wrong.times(now), *self._checking.values()))
        if len(times) < self._free:
            return -inf
        free_again = times[len(times) - self._free] + self._window_s
        paced = times[-1] + self._pace_s
        if len(times) >= self._most:
            paced = max(paced, times[len(times) - self._most] + self._window_s)
        return min(free_again, paced)

    def take(self, leg: str, now: float) -> None:
        """Give a turn."""
        self._checking[leg] = now

    def settle(self, leg: str, right: bool) -> None:
        """The turn was used."""
        taken = self._checking.pop(leg, None)
        if taken is not None and not right:
            self._wrong.add(taken)

    def recall(self, at: float) -> None:
        """Count a wrong one from before a restart."""
        self._wrong.add(at)

    def alarming(self, now: float) -> bool:
        """Whether the free half is used up, for the first time since all was quiet."""
        wrong = len(self._wrong.times(now))
        first = wrong >= self._free and not self.alarmed
        self.alarmed = first or (self.alarmed and wrong > 1)
        return first

    def ages(self, now: float) -> list[float]:
        """How long ago each wrong one was [s]; those being checked count as wrong."""
        return self._wrong.ages(now) + [round(now - at, 3) for at in self._checking.values()]


class Counter(Protocol):
    """What a table holds."""

    def ages(self, now: float) -> list[float]:
        """How long ago each thing that counts was [s]."""
        ...


T = TypeVar("T", bound=Counter)


class Table(Generic[T]):
    """Counters by name, made on demand. When there are too many, the one untouched for longest is forgotten."""

    def __init__(self, make: Callable[[], T], most: int = MOST_ENTRIES) -> None:
        self._make = make
        self._most = most
        self._entries: OrderedDict[str, T] = OrderedDict()

    def __getitem__(self, name: str) -> T:
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = self._make()
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
        self._entries.move_to_end(name)
        return entry

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> T | None:
        """The counter, if there is one; this does not touch it."""
        return self._entries.get(name)

    def ages(self, now: float) -> dict[str, list[float]]:
        """What still counts, by name: plain values for a file."""
        return dict(self._living(now))

    def _living(self, now: float) -> Iterator[tuple[str, list[float]]]:
        for name, entry in self._entries.items():
            if ages := entry.ages(now):
                yield name, ages
