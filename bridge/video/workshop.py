"""The threads that do a worker's arithmetic: decode, compose, encode. All of it is in libraries that let go the GIL."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

Job = Callable[[], None]
_LEAVE_S = 1.0


class Workshop(Protocol):
    """Where jobs are done."""

    def submit(self, job: Job) -> None:
        """Do it, now or soon, in any thread."""
        ...

    def submit_later(self, job: Job) -> None:
        """Do it when nothing waits that was submitted."""
        ...


class Threads:
    """So many threads. What is to leave goes before what has come: a machine that cannot decode all that is sent still
    shows something. `on_fault` gets what a job raises, in the thread.

    Both queues are bounded by those who submit: a source has two jobs at a time at most, a view and an encoder one.
    """

    def __init__(self, count: int, on_fault: Callable[[Exception], None]) -> None:
        self._on_fault = on_fault
        self._urgent: deque[Job] = deque()
        self._later: deque[Job] = deque()
        self._calls: SimpleQueue[bool] = SimpleQueue()  # True for each job, False for a thread to end
        self._threads = [
            threading.Thread(target=self._run, name=f"codec-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Do it as soon as a thread is free."""
        self._urgent.append(job)
        self._calls.put(True)

    def submit_later(self, job: Job) -> None:
        """Do it when nothing waits that was submitted."""
        self._later.append(job)
        self._calls.put(True)

    def stop(self) -> None:
        """End the threads after what waits. One that does not come back is left to the end of the process."""
        for _ in self._threads:
            self._calls.put(False)
        for thread in self._threads:
            thread.join(_LEAVE_S)

    def _run(self) -> None:
        while self._calls.get():
            try:
                job = self._urgent.popleft()
            except IndexError:
                job = self._later.popleft()
            try:
                job()
            except Exception as fault:
                # Our own fault: it costs a picture, and is told; the threads have others to serve.
                self._on_fault(fault)
