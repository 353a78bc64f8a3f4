"""Timers: the earliest first, each once, cancelled ones never; and the heap does not outgrow what lives."""

from __future__ import annotations

from bridge.sip.timer import Timers


def test_the_earliest_comes_first_and_once() -> None:
    timers: Timers[str] = Timers()
    timers.set("late", 3.0)
    timers.set("early", 1.0)
    assert timers.deadline() == 1.0
    assert timers.pop(0.9) is None
    assert [timers.pop(5.0), timers.pop(5.0), timers.pop(5.0)] == ["early", "late", None]
    assert len(timers) == 0


def test_a_new_deadline_replaces_the_old_one() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 1.0)
    timers.set("a", 2.0)
    assert timers.pop(1.5) is None
    assert timers.pop(2.0) == "a"
    assert timers.deadline() is None


def test_cancelled_timers_never_run_out() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 1.0)
    timers.cancel("a")
    timers.cancel("unknown")
    assert timers.deadline() is None


def test_the_heap_is_bounded_by_what_lives() -> None:
    timers: Timers[int] = Timers()
    timers.set(-1, 9e9)
    for number in range(100_000):
        timers.set(number, float(number + 1000))
        timers.cancel(number)
    assert len(timers._heap) < 200
    assert timers.pop(1e10) == -1
