"""What is to leave is done before what has come, and a job that fails costs no thread."""

from __future__ import annotations

import threading

from bridge.video.workshop import Threads


def test_what_is_urgent_goes_first_and_each_in_its_order() -> None:
    threads = Threads(1, lambda fault: None)
    gate, done = threading.Event(), threading.Event()
    order: list[str] = []
    threads.submit(lambda: (gate.wait(10), None)[1])
    for name in ("late 1", "late 2"):
        threads.submit_later(lambda name=name: order.append(name))  # type: ignore[misc]
    for name in ("soon 1", "soon 2"):
        threads.submit(lambda name=name: order.append(name))  # type: ignore[misc]
    threads.submit_later(done.set)
    gate.set()
    assert done.wait(10)
    threads.stop()
    assert order == ["soon 1", "soon 2", "late 1", "late 2"]


def test_a_job_that_fails_is_told_and_the_thread_goes_on() -> None:
    faults: list[Exception] = []
    threads = Threads(1, faults.append)
    done = threading.Event()

    def fail() -> None:
        raise RuntimeError("no")

    threads.submit(fail)
    threads.submit(done.set)
    assert done.wait(10)
    threads.stop()
    assert [str(fault) for fault in faults] == ["no"]
