"""What is told to one client, kept for a while, so that a stream which broke can go on where it was.

Nothing is queued for a stream: each reads from its own place in what is kept here. One that is too far behind, because
it does not read or was away for long, gets the state of now instead of what has led to it.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

MOST_BYTES: Final = 256_000
MOST_EVENTS: Final = 1000


class Channel:
    """The newest events of one client, numbered from 1. `name` marks their ids, so that none fits another channel."""

    def __init__(self, name: str, most_bytes: int = MOST_BYTES) -> None:
        self._name = name
        self._most_bytes = most_bytes
        self._bytes = 0
        # Names and data, which other channels share. Bounded by `most_bytes` and MOST_EVENTS: the oldest go first.
        self._kept: deque[tuple[str, bytes]] = deque()
        self.newest = 0

    def tell(self, event: str, data: bytes) -> None:
        """Add an event; `data` is one line of JSON."""
        self.newest += 1
        self._kept.append((event, data))
        self._bytes += len(data)
        while len(self._kept) > 1 and (self._bytes > self._most_bytes or len(self._kept) > MOST_EVENTS):
            self._bytes -= len(self._kept.popleft()[1])

    def forget(self) -> None:
        """Keep nothing of what was told: the client may know it no longer."""
        self._kept.clear()
        self._bytes = 0

    def after(self, place: int) -> tuple[bytes, ...] | None:
        """What was told after `place`, ready to be sent; None if not all of that is kept."""
        missing = self.newest - place
        if not 0 <= missing <= len(self._kept):
            return None
        return tuple(
            written(self.id_of(at), *each)
            for at, each in enumerate(islice(self._kept, len(self._kept) - missing, None), place + 1)
        )

    def id_of(self, place: int) -> str:
        """The id of the event at a place."""
        return f"{self._name}-{place}"

    def place_of(self, event_id: str) -> int | None:
        """The place of an event by its id; None if it is not of this channel."""
        name, dash, number = event_id.rpartition("-")
        if not dash or name != self._name or len(number) > 12 or not (number.isascii() and number.isdigit()):
            return None
        return int(number)


def written(event_id: str, event: str, data: bytes) -> bytes:
    """One event as it stands on the wire (HTML Living Standard, section 9.2, server-sent events)."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event_id.encode(), event.encode(), data)
