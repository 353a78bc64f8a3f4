"""The one mixer thread: takes a job a tick, gives back its result on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from bridge.media.mixing import Job, Result


class Mixer(Protocol):
    """What is run in the thread: `bridge.media.mixing.AudioMixer`."""

    def tick(self, job: Job) -> Result:
        """The work of one tick."""
        ...


_LEAVE_S = 1.0  # for the job that runs when all ends

# What came of a job: its result or the fault, and how long it took [s].
Done = Callable[[Result | Exception, float], None]


class Runner(Protocol):
    """Who runs a mixer: `Worker`. `busy`: no job may be given."""

    busy: bool

    def give(self, job: Job) -> None:
        """Hand over the work of a tick."""
        ...

    def stop(self) -> None:
        """No more jobs come."""
        ...


class Worker:
    """Runs `mixer.tick` in a thread of its own, one job at a time; `on_done` is called on the loop.

    The caller gives no job while `busy`, so the queue never holds more than one.
    """

    def __init__(self, mixer: Mixer, on_done: Done) -> None:
        self.busy = False
        self._mixer = mixer
        self._on_done = on_done
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mixer", daemon=True)
        self._thread.start()

    def give(self, job: Job) -> None:
        """Hand over the work of a tick."""
        self.busy = True
        self._jobs.put(job)

    def stop(self) -> None:
        """End the thread after its present job. One that does not come back is left to the end of the process."""
        self._jobs.put(None)
        self._thread.join(_LEAVE_S)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            outcome, took = work(self._mixer, job)
            with contextlib.suppress(RuntimeError):  # the loop is closed: `stop` has not waited for this job
                self._loop.call_soon_threadsafe(self._done, outcome, took)

    def _done(self, outcome: Result | Exception, took: float) -> None:
        self.busy = False
        self._on_done(outcome, took)


def work(mixer: Mixer, job: Job) -> tuple[Result | Exception, float]:
    """One job's result or fault, and how long it took [s]."""
    begun = time.perf_counter()
    try:
        outcome: Result | Exception = mixer.tick(job)
    except Exception as error:
        # The loop counts and logs it; a fault of the mixer costs this tick, not the process.
        outcome = error
    return outcome, time.perf_counter() - begun
