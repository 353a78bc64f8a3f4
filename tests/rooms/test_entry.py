"""The PIN dialogue of behaviours.md C1: every state x every input, tries, pauses, delays, and no digit in any repr."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Reason
from bridge.machine import WAKE
from bridge.rooms.entry import (
    Admit,
    Asks,
    Begin,
    Digit,
    Entry,
    Input,
    NoVerdict,
    Output,
    Prompt,
    Refuse,
    State,
    StopPrompts,
    Verdict,
    Verify,
    asks,
)
from bridge.rooms.participant import Role
from config.model import Room, RoomKind
from config.secret import Secret
from tests.rooms.scene import PIN, room


class Call:
    """One caller's dialogue, on a clock of its own."""

    def __init__(self, what: Asks = Asks.PIN, tries: int = 3) -> None:
        self.entry = Entry(what, timeout_s=120.0, gap_s=5.0, tries=tries)
        self.now = 1000.0
        self.begun = self.feed(Begin())

    def feed(self, event: Input) -> tuple[Output, ...]:
        return self.entry.handle(event, self.now)

    def key(self, keys: str) -> tuple[Output, ...]:
        outputs: tuple[Output, ...] = ()
        for key in keys:
            self.now += 0.2
            outputs += self.feed(Digit(key))
        return outputs

    def wait(self) -> tuple[Output, ...]:
        """Jump to the deadline and wake."""
        at = self.entry.deadline()
        assert at is not None
        self.now = max(self.now, at)
        return self.feed(WAKE)

    def judged(self, role: Role | None) -> tuple[Output, ...]:
        assert self.feed(Verdict(role)) == ()  # never before its time
        return self.wait()


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (room(RoomKind.OPEN), Asks.NOTHING),
        (room(RoomKind.HOST_PIN), Asks.PIN_OR_HASH),
        (room(RoomKind.HOST_PIN, allow_guests=False), Asks.PIN),
        (room(RoomKind.HOST_GUEST_PIN), Asks.PIN),
        (room(RoomKind.AUTO_LOCK), Asks.PIN_OR_HASH),
        (room(RoomKind.AUTO_LOCK, guest_pin=PIN), Asks.PIN),
    ],
)
def test_what_a_room_asks(of: Room, expected: Asks) -> None:
    assert asks(of) is expected


def test_a_room_without_a_pin_asks_nothing() -> None:
    call = Call(Asks.NOTHING)
    assert call.begun == (Prompt(("welcome-silence",)), Admit(Role.HOST))
    assert call.entry.deadline() is None


def test_the_question() -> None:
    assert Call(Asks.PIN).begun == (Prompt(("welcome-silence", "ask-pin")),)
    assert Call(Asks.PIN_OR_HASH).begun == (Prompt(("welcome-silence", "ask-pin-or-hash")),)


def test_the_first_digit_silences_the_prompt_and_hash_ends_the_keying() -> None:
    call = Call()
    assert call.key("1") == (StopPrompts(),)
    assert call.key("2345") == ()
    (hush, verify) = call.key("6#")
    assert hush == StopPrompts()
    assert verify == Verify(Secret("123456"))
    assert call.judged(Role.HOST) == (Admit(Role.HOST),)
    assert call.entry.state is State.DONE


def test_hash_alone_is_a_guest_where_that_is_offered() -> None:
    call = Call(Asks.PIN_OR_HASH)
    assert call.key("#") == (StopPrompts(), Admit(Role.GUEST))


def test_hash_alone_is_a_wrong_try_where_a_pin_is_needed() -> None:
    call = Call(Asks.PIN)
    assert call.key("#") == (StopPrompts(),)
    assert call.wait() == (Prompt(("pin-wrong", "ask-pin")),)


def test_a_pause_ends_the_keying() -> None:
    call = Call()
    call.key("123456")
    assert call.entry.deadline() == call.now + 5.0
    assert call.wait() == (Verify(Secret("123456")),)


def test_the_twentieth_digit_ends_the_keying() -> None:
    call = Call()
    assert call.key("1" * 19)[1:] == ()
    assert call.key("1") == (Verify(Secret("1" * 20)),)
    assert call.key("1#") == ()


def test_three_tries_each_judged_later_than_the_one_before() -> None:
    call = Call()
    prompts: list[tuple[Output, ...]] = []
    for delay in (1.0, 2.0, 4.0):
        call.key("11#")
        keyed = call.now
        prompts.append(call.judged(None))
        assert call.now - keyed == delay
    assert prompts == [
        (Prompt(("pin-wrong", "ask-pin")),),
        (Prompt(("pin-last-try", "ask-pin")),),
        (Refuse(Reason.BAD_PIN, ("pin-failed",)),),
    ]


def test_right_and_wrong_take_the_same_time_whenever_the_check_is_done() -> None:
    def takes(role: Role | None, check_s: float) -> float:
        call = Call()
        call.key("11#")
        keyed = call.now
        call.now += check_s
        call.feed(Verdict(role))
        call.wait()
        return call.now - keyed

    assert {takes(role, check) for role in (Role.HOST, Role.GUEST, None) for check in (0.0, 0.02, 0.9)} == {
        1.0
    }


def test_a_verdict_that_took_long_is_told_at_once() -> None:
    call = Call()
    call.key("11#")
    call.now += 60.0
    assert call.feed(Verdict(Role.HOST)) == (Admit(Role.HOST),)


def test_a_verdict_that_never_comes_ends_the_call() -> None:
    call = Call()
    call.key("11#")
    assert call.wait() == (Refuse(Reason.OVERLOADED, ("overloaded",)),)


def test_no_turn_ends_the_call_without_a_word_about_the_pin() -> None:
    call = Call()
    call.key("11#")
    assert call.feed(NoVerdict()) == (Refuse(Reason.OVERLOADED, ("overloaded",)),)


def test_all_the_asking_together_has_a_limit() -> None:
    call = Call()
    assert call.wait() == (Refuse(Reason.NO_ANSWER, ("pin-timeout",)),)
    assert call.now == 1120.0


def test_the_limit_does_not_cut_into_a_check() -> None:
    call = Call()
    call.now += 119.0
    call.key("11#")
    call.now += 30.0
    assert call.feed(WAKE) == ()
    assert call.feed(Verdict(Role.GUEST)) == (Admit(Role.GUEST),)


def test_after_the_limit_there_is_no_other_try() -> None:
    call = Call()
    call.now += 119.0
    call.key("11#")
    call.now += 30.0
    assert call.feed(Verdict(None)) == (Refuse(Reason.NO_ANSWER, ("pin-timeout",)),)


def test_a_late_wake_loses_nothing() -> None:
    call = Call()
    call.key("123456")
    call.now += 60.0
    assert call.feed(Digit("7")) == (Verify(Secret("123456")),)


def test_other_keys_mean_nothing() -> None:
    call = Call()
    assert call.key("*AD") == ()
    assert call.feed(Digit("")) == call.feed(Digit("12")) == call.feed(Digit("٣")) == ()
    assert call.entry.deadline() == 1120.0


INPUTS: dict[str, Input] = {
    "begin": Begin(),
    "digit": Digit("1"),
    "hash": Digit("#"),
    "right": Verdict(Role.HOST),
    "wrong": Verdict(None),
    "no-verdict": NoVerdict(),
    "wake": WAKE,
}
STATES: dict[str, Callable[[], Call]] = {}


def _state(make: Callable[[], Call]) -> Callable[[], Call]:
    STATES[make.__name__] = make
    return make


@_state
def asking() -> Call:
    return Call()


@_state
def keying() -> Call:
    call = Call()
    call.key("12")
    return call


@_state
def judging() -> Call:
    call = Call()
    call.key("12#")
    return call


@_state
def judged_early() -> Call:
    call = judging()
    call.feed(Verdict(None))
    return call


@_state
def done() -> Call:
    return Call(Asks.NOTHING)


# What follows at once, and the state after it. What is not listed does nothing.
TABLE: dict[tuple[str, str], tuple[tuple[Output, ...], State]] = {
    ("asking", "digit"): ((StopPrompts(),), State.ASKING),
    ("asking", "hash"): ((StopPrompts(),), State.JUDGING),
    ("keying", "digit"): ((), State.ASKING),
    ("keying", "hash"): ((StopPrompts(), Verify(Secret("12"))), State.JUDGING),
    ("judging", "right"): ((), State.JUDGING),
    ("judging", "wrong"): ((), State.JUDGING),
    ("judging", "no-verdict"): ((Refuse(Reason.OVERLOADED, ("overloaded",)),), State.DONE),
    ("judged_early", "no-verdict"): ((Refuse(Reason.OVERLOADED, ("overloaded",)),), State.DONE),
}


@pytest.mark.parametrize("event", INPUTS)
@pytest.mark.parametrize("state", STATES)
def test_every_state_and_input(state: str, event: str) -> None:
    call = STATES[state]()
    outputs, after = TABLE.get((state, event), ((), call.entry.state))
    assert call.feed(INPUTS[event]) == outputs
    assert call.entry.state is after


@given(
    st.sampled_from(Asks),
    st.lists(
        st.tuples(
            st.sampled_from([Verdict(None), Verdict(Role.HOST), NoVerdict(), WAKE])
            | st.builds(Digit, st.sampled_from("0123456789*#A") | st.text(max_size=2)),
            st.floats(0, 40),
        ),
        max_size=60,
    ),
)
@settings(max_examples=200, deadline=None)
def test_any_inputs_at_any_time(what: Asks, script: list[tuple[Input, float]]) -> None:
    """Never more checks than tries, one outcome at most, nothing after it, and an end in any case."""
    call = Call(what)
    outputs = list(call.begun)
    for event, pause in script:
        call.now += pause
        outputs += call.feed(event)
        assert call.entry.deadline() is None or call.entry.state is not State.DONE
    for _ in range(9):
        if call.entry.deadline() is not None:
            outputs += call.wait()
    outcomes = [output for output in outputs if isinstance(output, Admit | Refuse)]
    assert len(outcomes) == 1
    assert outputs[-1] is outcomes[0]
    assert sum(isinstance(output, Verify) for output in outputs) <= 3
    assert call.entry.state is State.DONE


def test_no_digit_is_shown() -> None:
    call = Call()
    outputs = call.key("987654#")
    assert "987654" not in repr(outputs)
    assert "9" not in repr(Digit("9"))
