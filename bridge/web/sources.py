"""Token buckets by source, in a bounded table: whose is untouched for longest is forgotten first, and starts anew."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from bridge.bucket import Bucket

MOST_SOURCES: Final = 10_000


class Sources:
    """Who may ask how often. `make` makes a full bucket."""

    def __init__(self, make: Callable[[], Bucket], most: int = MOST_SOURCES) -> None:
        self._make = make
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, source: str, now: float) -> bool:
        """Take one of a source's tokens; False if there is none. `now`: monotonic seconds."""
        bucket = self._buckets.get(source)
        if bucket is None:
            bucket = self._buckets[source] = self._make()
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(source)
        return bucket.take(now)
