"""The codes of behaviours.md C3: each key sequence is one command, codes expire, and a lost key makes no other code."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.machine import WAKE
from bridge.rooms.commands import (
    Admit,
    CancelEnd,
    Count,
    Decline,
    End,
    Hand,
    Help,
    Lock,
    MixSlides,
    MuteGuests,
    MuteSelf,
    NextLayout,
)
from bridge.rooms.keypad import KEYS, Keypad, Notice, Press

ME = "leg"


def pressed(keys: str, gap: float = 0.3, wait: float = 10.0) -> list[Press]:
    """What a sequence of keys comes to, the cancelling stars left out."""
    keypad, now = Keypad(ME), 100.0
    presses: list[Press] = []
    for key in keys:
        presses += keypad.handle(key, now)
        now += gap
    presses += keypad.handle(WAKE, now + wait)
    assert keypad.deadline() is None
    return [_timeless(press) for press in presses if not isinstance(press, CancelEnd)]


def _timeless(press: Press) -> Press:
    return replace(press, asked_at=None) if isinstance(press, Admit | Decline) else press


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("*0", [Help(ME)]),
        ("*1", [Hand(ME)]),
        ("*2", [Admit(ME)]),
        ("*22", [Decline(ME)]),
        ("*2#", [Admit(ME)]),
        ("*3", [Count(ME)]),
        ("*4", [MixSlides(ME)]),
        ("*5", [MuteGuests(ME)]),
        ("*6", [MuteSelf(ME)]),
        ("*7", [Lock(ME)]),
        ("*8", [NextLayout(ME)]),
        ("*9", [Notice.NOT_AVAILABLE]),
        ("##", [End(ME)]),
        ("*2*7", [Admit(ME), Lock(ME)]),
        ("*27", [Admit(ME)]),
        ("*222", [Decline(ME)]),
        ("*2##", [Admit(ME)]),
        ("*2###", [Admit(ME), End(ME)]),
        ("*22*2", [Decline(ME), Admit(ME)]),
        ("*#", []),
        ("*##", [End(ME)]),
        ("#*7", [Lock(ME)]),
        ("#5#", []),
        ("**6", [MuteSelf(ME)]),
        ("*A", []),
        ("7", []),
        ("5775", []),
        ("2222", []),
    ],
)
def test_codes(keys: str, expected: list[Press]) -> None:
    assert pressed(keys) == expected


@pytest.mark.parametrize(("keys", "gap"), [("*7", 3.0), ("##", 2.0), ("*6", 3.5), ("#5#", 0.1)])
def test_codes_expire(keys: str, gap: float) -> None:
    assert pressed(keys, gap) == []


@pytest.mark.parametrize(("keys", "gap", "expected"), [("*7", 2.9, [Lock(ME)]), ("##", 1.9, [End(ME)])])
def test_slow_codes_are_codes(keys: str, gap: float, expected: Sequence[Press]) -> None:
    assert pressed(keys, gap) == list(expected)


def test_a_second_2_that_comes_too_late_is_no_code() -> None:
    assert pressed("*22", gap=2.0) == [Admit(ME)]


def test_admitting_waits_for_a_second_2() -> None:
    keypad = Keypad(ME)
    keypad.handle("*", 10.0)
    assert keypad.deadline() is None
    assert keypad.handle("2", 11.0) == ()
    assert keypad.deadline() == 13.0
    assert keypad.handle(WAKE, 12.9) == ()
    assert keypad.handle(WAKE, 13.0) == (Admit(ME, asked_at=11.0),)
    assert keypad.deadline() is None


@pytest.mark.parametrize(("last", "press"), [("2", Decline), ("#", Admit), ("5", Admit), ("*", Admit)])
def test_whom_a_code_means_was_at_the_door_when_its_2_was_pressed(
    last: str, press: type[Admit | Decline]
) -> None:
    keypad = Keypad(ME)
    keypad.handle("*", 10.0)
    keypad.handle("2", 11.0)
    assert keypad.handle(last, 12.5)[0] == press(ME, asked_at=11.0)


def test_every_star_may_cancel_an_end() -> None:
    assert Keypad(ME).handle("*", 1.0) == (CancelEnd(ME),)


def test_what_is_no_key_is_ignored() -> None:
    keypad = Keypad(ME)
    for text in ("", "12", "x", "é", "٣", " "):
        assert keypad.handle(text, 1.0) == ()


CODES = ["*0", "*1", "*2", "*22", "*3", "*4", "*5", "*6", "*7", "*8", "*9", "##"]


@pytest.mark.parametrize("code", CODES)
def test_a_code_with_a_lost_key_is_no_other_code(code: str) -> None:
    for keys in ("".join(code[:at] + code[at + 1 :]) for at in range(len(code))):
        assert pressed(keys) in ([], [Admit(ME)])  # only *22 loses to *2: the deliberate exception


def test_two_codes_in_which_a_key_is_lost_never_end_the_conference() -> None:
    for first, second in itertools.product(CODES[:-1], repeat=2):
        keys = first + second
        for lost in range(len(keys)):
            assert End(ME) not in pressed(keys[:lost] + keys[lost + 1 :])


@given(st.lists(st.tuples(st.sampled_from(sorted(KEYS)) | st.text(max_size=2), st.floats(0, 4)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_keys_at_any_time(keys: list[tuple[str, float]]) -> None:
    """At most one command a key (and one that was waiting); a waiting code is settled at its deadline."""
    keypad, now = Keypad(ME), 0.0
    for key, gap in keys:
        now += gap
        assert len(keypad.handle(key, now)) <= 2
        deadline = keypad.deadline()
        assert deadline is None or now < deadline <= now + 3.0
    if (at := keypad.deadline()) is not None:
        assert keypad.handle(WAKE, at) == (Admit(ME, asked_at=at - 2.0),)
        assert keypad.deadline() is None
