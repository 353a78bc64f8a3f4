"""Packets that have not come, and when to ask for each of them again (generic NACK, RFC 4585 section 6.2.1)."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import Final

REORDERED_S: Final = 0.010  # what is overtaken by less is not asked for
_ASKED_AT_MOST: Final = 5  # times
_LEAST_S: Final = 0.030  # between two of them
_FEW: Final = 50  # that are taken out one by one
_AT_ONCE: Final = 100  # numbers told in one call; the others are due the next time


class MissingPackets:
    """The missing numbers of one source, extended over the wrap. Its user bounds how many there can be."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        # number -> when it was missed, when it is to be asked for next, how often that was done; in ascending order.
        self._times: dict[int, tuple[float, float, int]] = {}

    def __len__(self) -> int:
        return len(self._times)

    @property
    def since(self) -> float | None:
        """When the first of those missing was missed."""
        for missed, _, _ in self._times.values():
            return missed
        return None

    def miss(self, first: int, end: int, now: float) -> None:
        """The numbers from `first` to before `end` have been overtaken."""
        self._times.update(dict.fromkeys(range(first, end), (now, now + REORDERED_S, 0)))

    def found(self, number: int) -> None:
        """It came after all."""
        self._times.pop(number, None)

    def forget_before(self, number: int) -> None:
        """Nothing below this number is wanted any more."""
        times = self._times
        if times and next(reversed(times)) < number:
            times.clear()
            return
        gone = tuple(takewhile(number.__gt__, times))
        if len(gone) > _FEW:
            self._times = dict(islice(times.items(), len(gone), None))
            return
        for missing in gone:
            del times[missing]

    def clear(self) -> None:
        """Nothing is missing."""
        self._times.clear()

    def due(self, now: float, round_trip_s: float) -> tuple[int, ...]:
        """The numbers to ask for now, 16 bits each, taken as asked for. Each comes again after a round trip."""
        found = []
        again = now + max(_LEAST_S, 1.25 * round_trip_s)
        for number, (missed, when, asked) in self._times.items():
            if when <= now and asked < _ASKED_AT_MOST:
                self._times[number] = (missed, again, asked + 1)
                found.append(number & 0xFFFF)
                if len(found) == _AT_ONCE:
                    break
        return tuple(found)

    @property
    def deadline(self) -> float | None:
        """When `due` has something to tell."""
        return min((when for _, when, asked in self._times.values() if asked < _ASKED_AT_MOST), default=None)
