"""Keeps: a process that does not answer is given up after 8 s; five seconds of sleep, its own or ours, are forgiven."""

from __future__ import annotations

from bridge.watchdog import Watchdog

PATIENCE = 8


def looks(watchdog: Watchdog, start: float, count: int, speaks: bool) -> list[bool]:
    told = []
    for n in range(1, count + 1):
        if speaks:
            watchdog.heard()
        told.append(watchdog.look(start + n, PATIENCE))
    return told


def test_a_process_that_speaks_is_well() -> None:
    assert not any(looks(Watchdog(0.0), 0.0, 1000, speaks=True))


def test_a_silent_process_is_given_up_after_eight_seconds() -> None:
    watchdog = Watchdog(0.0)
    looks(watchdog, 0.0, 10, speaks=True)
    assert looks(watchdog, 10.0, 8, speaks=False) == [False] * 7 + [True]


def test_five_seconds_of_its_sleep_are_forgiven() -> None:
    watchdog = Watchdog(0.0)
    for round_ in range(10):
        assert not any(looks(watchdog, round_ * 6.0, 5, speaks=False))
        assert not any(looks(watchdog, round_ * 6.0 + 5.0, 1, speaks=True))


def test_our_own_sleep_is_forgiven() -> None:
    watchdog = Watchdog(0.0)
    looks(watchdog, 0.0, 7, speaks=False)
    assert not watchdog.look(60.0, PATIENCE)
    assert looks(watchdog, 60.0, 8, speaks=False) == [False] * 7 + [True]
