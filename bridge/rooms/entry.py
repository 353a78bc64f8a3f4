"""The PIN dialogue of one call (behaviours.md C1): keys and time in; prompts, a PIN to be checked, and the outcome out.

    ASKING --"#", 20 digits, or a pause--> JUDGING --verdict, not before its delay--> DONE, or ASKING again

The check itself is somebody else's work (`Verify` out, `Verdict` in): it is slow on purpose. A verdict is told a fixed
time after the last key (1, 2, 4 s by the try), so that neither the check nor its outcome shows in the time it takes.
Unknown rooms never come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bridge.errors import Reason
from bridge.machine import Wake
from bridge.rooms.announcements import FAREWELLS
from bridge.rooms.participant import Role
from config.model import Room, RoomKind
from config.secret import Secret

MOST_DIGITS: Final = 20
# The longest that a verdict may take: the guard's wait, the queue for the check, and then some.
VERDICT_S: Final = 90.0


class Asks(Enum):
    """What a room wants to know before it lets somebody to its door."""

    NOTHING = auto()  # everybody is host
    PIN = auto()
    PIN_OR_HASH = auto()  # "#" alone: a guest


def asks(room: Room) -> Asks:
    """The configuration matrix of C1."""
    if room.kind is RoomKind.OPEN:
        return Asks.NOTHING
    if room.kind is RoomKind.HOST_GUEST_PIN or room.guest_pin or not room.allow_guests:
        return Asks.PIN
    return Asks.PIN_OR_HASH


def unasked(room: Room) -> Role | None:
    """What somebody is in this room who is sent there and brings no PIN; None = he must be asked for one."""
    match asks(room):
        case Asks.NOTHING:
            return Role.HOST
        case Asks.PIN_OR_HASH:
            return Role.GUEST
        case Asks.PIN:
            return None


# -- in -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """The call is up: ask."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed."""

    key: str

    def __repr__(self) -> str:
        return "Digit(***)"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose PIN it was; None = nobody's."""

    role: Role | None


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """The guard did not let the PIN be checked: too many strangers try at this room."""


Input = Begin | Digit | Verdict | NoVerdict | Wake


# -- out ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """Play these, one after the other."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopPrompts:
    """Somebody has begun to key: be quiet."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Find out whose PIN this is, and answer with `Verdict` or `NoVerdict`."""

    pin: Secret


@dataclass(frozen=True, slots=True)
class Admit:
    """Reception is over: on to the door of the conference."""

    role: Role


@dataclass(frozen=True, slots=True)
class Refuse:
    """Reception is over: play these, then hang up."""

    reason: Reason
    prompts: tuple[str, ...]


Output = Prompt | StopPrompts | Verify | Admit | Refuse


class State(Enum):
    """Where the dialogue is."""

    NEW = auto()
    ASKING = auto()
    JUDGING = auto()
    DONE = auto()


class Entry:
    """One call's dialogue. `timeout_s`: of all the asking together; `gap_s`: a pause that ends the keying.

    `delays_s`: from the last key to the verdict, by the try; the last one serves all further tries.
    """

    def __init__(
        self,
        asks: Asks,
        timeout_s: float,
        gap_s: float,
        tries: int = 3,
        delays_s: Sequence[float] = (1.0, 2.0, 4.0),
    ) -> None:
        self._asks = asks
        self._timeout_s = timeout_s
        self._gap_s = gap_s
        self._tries = tries
        self._delays_s = tuple(delays_s) or (0.0,)
        self.state = State.NEW
        self._keyed = ""
        self._failed = 0
        self._gap_at: float | None = None
        self._ends_at = 0.0
        self._judged_at = 0.0
        self._verdict: Verdict | None = None

    def handle(self, event: Input, now: float) -> tuple[Output, ...]:
        """Take one input. After the outcome, and where an input does not fit the state, nothing follows."""
        due = self._expire(now)
        match self.state, event:
            case State.NEW, Begin():
                return (*due, *self._begin(now))
            case State.ASKING, Digit(key):
                return (*due, *self._digit(key, now))
            case State.JUDGING, Verdict():
                self._verdict = event
                return (*due, *self._expire(now))
            case State.JUDGING, NoVerdict():
                return (*due, self._refuse(Reason.OVERLOADED))
            case _:
                return due

    def deadline(self) -> float | None:
        """When `Wake` is wanted [monotonic seconds]."""
        match self.state:
            case State.ASKING:
                return self._ends_at if self._gap_at is None else min(self._gap_at, self._ends_at)
            case State.JUDGING:
                return self._judged_at + (VERDICT_S if self._verdict is None else 0.0)
            case _:
                return None

    def _begin(self, now: float) -> tuple[Output, ...]:
        if self._asks is Asks.NOTHING:
            self.state = State.DONE
            return Prompt(("welcome-silence",)), Admit(Role.HOST)
        self.state = State.ASKING
        self._ends_at = now + self._timeout_s
        return (Prompt(("welcome-silence", self._question())),)

    def _question(self) -> str:
        return "ask-pin-or-hash" if self._asks is Asks.PIN_OR_HASH else "ask-pin"

    def _digit(self, key: str, now: float) -> tuple[Output, ...]:
        if key == "#":
            return (StopPrompts(), *self._judge(now))
        if len(key) != 1 or key not in "0123456789":
            return ()
        hush = () if self._keyed else (StopPrompts(),)
        self._keyed += key
        self._gap_at = now + self._gap_s
        return (*hush, *(self._judge(now) if len(self._keyed) == MOST_DIGITS else ()))

    def _judge(self, now: float) -> tuple[Output, ...]:
        keyed, self._keyed, self._gap_at = self._keyed, "", None
        if not keyed and self._asks is Asks.PIN_OR_HASH:
            self.state = State.DONE
            return (Admit(Role.GUEST),)
        self.state = State.JUDGING
        self._judged_at = now + self._delays_s[min(self._failed, len(self._delays_s) - 1)]
        self._verdict = None if keyed else Verdict(None)
        return (Verify(Secret(keyed)),) if keyed else ()

    def _expire(self, now: float) -> tuple[Output, ...]:
        at = self.deadline()
        if at is None or now < at:
            return ()
        match self.state:
            case State.ASKING if self._gap_at is not None and self._gap_at <= self._ends_at:
                return self._judge(now)
            case State.ASKING:
                return (self._refuse(Reason.NO_ANSWER),)
            case _ if self._verdict is None:
                return (self._refuse(Reason.OVERLOADED),)
            case _:
                return self._decide(self._verdict, now)

    def _decide(self, verdict: Verdict, now: float) -> tuple[Output, ...]:
        if verdict.role is not None:
            self.state = State.DONE
            return (Admit(verdict.role),)
        self._failed += 1
        if self._failed >= self._tries:
            return (self._refuse(Reason.BAD_PIN),)
        if now >= self._ends_at:
            return (self._refuse(Reason.NO_ANSWER),)
        self.state = State.ASKING
        verdict_prompt = "pin-last-try" if self._failed == self._tries - 1 else "pin-wrong"
        return (Prompt((verdict_prompt, self._question())),)

    def _refuse(self, reason: Reason) -> Refuse:
        self.state = State.DONE
        self._keyed = ""
        return Refuse(reason, FAREWELLS[reason])
