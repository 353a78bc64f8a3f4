"""A bad network in memory: what is sent comes out later, in another order, twice, or never. Seeded, without a clock."""

from __future__ import annotations

import heapq
import random
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Net(Generic[Thing]):
    """Carries things. `loss`, `reorder`, `duplicate`: shares in [0, 1]; `delay_ms`: one way; reordered ones take
    three times as long. `now` is monotonic seconds, and comes from the caller."""

    def __init__(
        self,
        loss: float = 0.0,
        reorder: float = 0.0,
        delay_ms: float = 10.0,
        seed: int = 1,
        duplicate: float = 0.0,
    ) -> None:
        self._loss = loss
        self._reorder = reorder
        self._duplicate = duplicate
        self._delay_s = delay_ms / 1000
        self._random = random.Random(seed)
        self._under_way: list[tuple[float, int, Thing]] = []
        self._serial = 0
        self.sent = 0
        self.lost = 0

    def send(self, thing: Thing, now: float, sure: bool = False) -> None:
        """Take a thing; `sure` ones (a connection's) are neither lost nor doubled nor reordered."""
        self.sent += 1
        if sure:
            self._carry(thing, now + self._delay_s)
            return
        if self._random.random() < self._loss:
            self.lost += 1
            return
        late = 3 if self._random.random() < self._reorder else 1
        self._carry(thing, now + self._delay_s * late)
        if self._random.random() < self._duplicate:
            self._carry(thing, now + self._delay_s * late * 1.5)

    def _carry(self, thing: Thing, when: float) -> None:
        self._serial += 1
        heapq.heappush(self._under_way, (when, self._serial, thing))

    def next(self) -> float | None:
        """When the next thing arrives, None if nothing is under way."""
        return self._under_way[0][0] if self._under_way else None

    def pop(self, now: float) -> Thing | None:
        """Take out one thing that has arrived."""
        if self._under_way and self._under_way[0][0] <= now:
            return heapq.heappop(self._under_way)[2]
        return None
