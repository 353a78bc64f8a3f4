"""The threads that do a worker's arithmetic: decode, compose, encode. All of it is in libraries that let go the GIL."""

from __future__ import annotations

import threading
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


class Threads:
    """So many threads, first come, first served. `on_fault` gets what a job raises, in the thread.

    The queue is bounded by those who submit: a source and a view have one job each at a time, an encoder likewise.
    """

    def __init__(self, count: int, on_fault: Callable[[Exception], None]) -> None:
        self._on_fault = on_fault
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.submit = self._jobs.put
        self._threads = [
            threading.Thread(target=self._run, name=f"codec-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads after what they do now. One that does not come back is left to the end of the process."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(_LEAVE_S)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as fault:
                # Our own fault: it costs a picture, and is told; the threads have others to serve.
                self._on_fault(fault)
