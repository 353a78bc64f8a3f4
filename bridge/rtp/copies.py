"""Datagrams as they were sent, for a peer that wants lost ones again and knows no stream of repairs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

KEPT_S: Final = 1.0  # what is older is not sent again
MOST: Final = 1_000


class Copies:
    """Of one stream, by sequence number: those of the last second, `MOST` at the most."""

    __slots__ = ("_sent",)

    def __init__(self) -> None:
        self._sent: dict[int, tuple[float, bytes]] = {}  # in the order of sending; the oldest are forgotten

    def __len__(self) -> int:
        return len(self._sent)

    def keep(self, first: int, datagrams: Iterable[bytes], now: float) -> None:
        """Remember datagrams that were sent `now`, the first with number `first`."""
        sent = self._sent
        for sequence, datagram in enumerate(datagrams, first):
            sent[sequence & 0xFFFF] = (now, datagram)
        while sent:
            oldest = next(iter(sent))
            if now - sent[oldest][0] <= KEPT_S and len(sent) <= MOST:
                return
            del sent[oldest]

    def find(self, sequence: int, now: float) -> bytes | None:
        """The datagram with this number, None if it is forgotten."""
        found = self._sent.get(sequence)
        return found[1] if found is not None and now - found[0] <= KEPT_S else None
