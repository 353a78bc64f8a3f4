"""The one file that joins a pure machine to the event loop: feed it, perform what it says, re-arm one timer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from bridge.machine import WAKE, Machine, Wake

In = TypeVar("In")
Out = TypeVar("Out")


class Driver(Generic[In, Out]):
    """Runs one machine on the running loop.

    `perform` is called for each output, in order. It may feed the machine again: such inputs wait until the outputs of
    the present one are performed, so that a machine never sees itself half-way. The backlog needs no bound of its
    own: it only holds what `perform` itself fed during one call of `feed`.
    """

    def __init__(self, machine: Machine[In, Out], perform: Callable[[Out], None]) -> None:
        self._machine = machine
        self._perform = perform
        self._loop = asyncio.get_running_loop()
        self._backlog: deque[In | Wake] = deque()
        self._running = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for: float | None = None

    def feed(self, event: In | Wake) -> None:
        """Give the machine one input, now. Ignored after `close`."""
        if self._closed:
            return
        self._backlog.append(event)
        if self._running:
            return
        self._running = True
        try:
            while self._backlog and not self._closed:
                for output in self._machine.handle(self._backlog.popleft(), self._loop.time()):
                    self._perform(output)
        finally:
            self._running = False
            self._backlog.clear()
            self._arm()

    def close(self) -> None:
        """Stop the timer; later inputs are ignored."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        deadline = None if self._closed else self._machine.deadline()
        if deadline == self._armed_for and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_for = deadline
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._armed_for = None
        self.feed(WAKE)
