"""The one file that joins a pure machine to the event loop: feed it, perform what it says, re-arm one timer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

from bridge.machine import WAKE, Machine, Wake

In = TypeVar("In")
Out = TypeVar("Out")
T = TypeVar("T")

FAULT_PAUSE_S: Final = 1.0  # a machine that failed is not woken sooner: it may fail at once again


def in_turn(perform: Callable[[T], object], each: Iterable[T]) -> None:
    """Call `perform` for each, to the end: a fault of ours with one of them costs the others nothing.

    Raises what was raised, as an ExceptionGroup if that was more than one exception, when all are done.
    """
    faults: list[Exception] = []
    for one in each:
        try:
            perform(one)
        except Exception as fault:
            faults.append(fault)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ExceptionGroup("several faults", faults)


class Driver(Generic[In, Out]):
    """Runs one machine on the running loop.

    `perform` is called for each output, in order. It may feed the machine again: such inputs wait until the outputs of
    the present one are performed, so that a machine never sees itself half-way. The backlog needs no bound of its
    own: it only holds what `perform` itself fed during one call of `feed`. What `perform` or the machine raises comes
    out of `feed` when everything else is done.
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
        earliest = 0.0
        try:
            in_turn(self._handle, self._inputs())
        except Exception:
            earliest = self._loop.time() + FAULT_PAUSE_S
            raise
        finally:
            self._running = False
            self._arm(earliest)

    def close(self) -> None:
        """Stop the timer; later inputs are ignored."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _inputs(self) -> Iterator[In | Wake]:
        while self._backlog and not self._closed:
            yield self._backlog.popleft()

    def _handle(self, event: In | Wake) -> None:
        in_turn(self._perform, self._machine.handle(event, self._loop.time()))

    def _arm(self, earliest: float = 0.0) -> None:
        deadline = None if self._closed else self._machine.deadline()
        if deadline is not None:
            deadline = max(deadline, earliest)
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
