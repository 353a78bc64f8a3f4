"""The keypad of somebody in the room: keys and time in, commands out (behaviours.md C3).

Every code begins with `*` and expires after three seconds, so that a lost key never makes another code; ending for
all is `##` within two seconds. `*2` admits and `*22` declines: after `*2` a second 2 is waited for two seconds, as
letting in by mistake is worse than letting in late; any other key, `#` above all, admits at once. Both mean who was
first at the door when the 2 was pressed, not who may have taken his place while it was waited.
Who may do what is not decided here: a guest's attempt becomes a command like a host's, and the conference says no.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from bridge.machine import Wake
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
    Request,
)

CODE_S: Final = 3.0
SECOND_KEY_S: Final = 2.0
KEYS: Final = frozenset("0123456789*#ABCD")


class Notice(Enum):
    """What is told to the one who pressed without asking the conference. The value is the prompt's name."""

    NOT_AVAILABLE = "not-available"


Press = Request | Notice

CODES: Final[dict[str, type[Help | Hand | Count | MixSlides | MuteGuests | MuteSelf | Lock | NextLayout]]] = {
    "0": Help,
    "1": Hand,
    "3": Count,
    "4": MixSlides,
    "5": MuteGuests,
    "6": MuteSelf,
    "7": Lock,
    "8": NextLayout,
}
SCREENS: Final = "9"  # several screens: there are none


class Keypad:
    """One leg's keys. `handle` takes a key or `Wake`; other characters than those of a telephone are ignored."""

    def __init__(self, leg: str) -> None:
        self._leg = leg
        self._begun = ""  # "", "*", "*2" or "#"
        self._until = 0.0

    def handle(self, key: str | Wake, now: float) -> tuple[Press, ...]:
        """Take a key and return what it asks for, after what the keys before it asked for."""
        late = self._expire(now)
        if isinstance(key, Wake) or key not in KEYS:
            return late
        return (*late, *self._press(key, now))

    def deadline(self) -> float | None:
        """When a waiting `*2` is settled [monotonic seconds]."""
        return self._until if self._begun == "*2" else None

    def _expire(self, now: float) -> tuple[Press, ...]:
        if not self._begun or now < self._until:
            return ()
        return self._settle()

    def _settle(self) -> tuple[Press, ...]:
        """Forget what was begun; of all beginnings only `*2` means something by itself."""
        begun, self._begun = self._begun, ""
        return (Admit(self._leg, asked_at=self._asked_at()),) if begun == "*2" else ()

    def _asked_at(self) -> float:
        """When the 2 of `*2` was pressed."""
        return self._until - SECOND_KEY_S

    def _begin(self, keys: str, until: float) -> None:
        self._begun, self._until = keys, until

    def _press(self, key: str, now: float) -> tuple[Press, ...]:
        match self._begun, key:
            case "*2", "2":
                self._begun = ""
                return (Decline(self._leg, asked_at=self._asked_at()),)
            case "*2", "#":
                return self._settle()
            case _, "*":
                settled = self._settle()
                self._begin("*", now + CODE_S)
                return (*settled, CancelEnd(self._leg))
            case "#", "#":
                self._begun = ""
                return (End(self._leg),)
            case _, "#":
                self._begin("#", now + SECOND_KEY_S)
                return ()
            case "*", "2":
                self._begin("*2", now + SECOND_KEY_S)
                return ()
            case "*", _:
                self._begun = ""
                return self._code(key)
            case _:
                return self._settle()

    def _code(self, key: str) -> tuple[Press, ...]:
        if key in CODES:
            return (CODES[key](self._leg),)
        return (Notice.NOT_AVAILABLE,) if key == SCREENS else ()
