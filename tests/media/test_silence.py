"""Keeps: a silent leg is warned of after 5 s, ended after its time-out, once each; our own sleep is not its silence."""

from __future__ import annotations

from math import inf

from bridge.media.contract import MediaLost
from bridge.media.silence import Silence


def watched(warning: float = 5.0, limit: float = 30.0) -> Silence:
    silence = Silence()
    silence.configure(100.0, warning, limit)
    return silence


def test_warning_then_end() -> None:
    silence = watched()
    assert silence.deadline == 105.0
    assert silence.check(104.9, "a") is None
    assert silence.check(105.0, "a") == MediaLost("a", 5.0, final=False)
    assert silence.deadline == 130.0
    assert silence.check(129.0, "a") is None
    assert silence.check(130.5, "a") == MediaLost("a", 30.5, final=True)
    assert silence.deadline == inf
    assert silence.check(1000.0, "a") is None


def test_each_silence_is_warned_of_once() -> None:
    silence = watched()
    silence.check(105.0, "a")
    assert silence.heard(106.0)
    assert not silence.heard(106.02)
    assert silence.deadline <= 111.02
    assert silence.check(111.0, "a") is None
    assert silence.check(111.02, "a") is not None


def test_zero_means_never() -> None:
    silence = watched(inf, 0.0)
    assert silence.deadline == inf
    assert silence.check(1e9, "a") is None


def test_held_legs_are_only_ended() -> None:
    silence = watched(inf, 1800.0)
    assert silence.check(1899.0, "a") is None
    told = silence.check(1900.0, "a")
    assert told is not None and told.final


def test_our_own_sleep_is_excused() -> None:
    silence = watched()
    silence.excuse(40.0)
    assert silence.check(141.0, "a") is None
    assert silence.check(145.0, "a") == MediaLost("a", 5.0, final=False)


def test_new_bounds_begin_afresh() -> None:
    silence = watched()
    silence.configure(128.0, inf, 1800.0)
    assert silence.check(131.0, "a") is None
    silence.configure(500.0, 5.0, 30.0)
    assert silence.check(504.0, "a") is None
    assert silence.check(505.0, "a") is not None
