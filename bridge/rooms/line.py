"""The line at the door: who knocks, whom a host means, and how often a knock disturbs the hosts (behaviours.md C2)."""

from __future__ import annotations

from typing import Final

from bridge.rooms.commands import Admit, Decline
from bridge.rooms.events import Refusal
from bridge.rooms.participant import Participant
from bridge.rooms.roll import Roll

KNOCK_AGAIN_S: Final = 30.0


class Line:
    """Those on the roll who knock, the longest waiting first."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll
        self._first: tuple[str, float] | None = None  # who is first, and since when he is
        # When each source last disturbed the hosts; old entries go at each knock, so the rate of calls bounds it.
        self._knocked: dict[str, float] = {}

    def knocked(self, source: str, now: float) -> bool:
        """Take note of a knock; True if its source knocked a moment ago, so that nobody is disturbed again."""
        self._knocked = {each: at for each, at in self._knocked.items() if now - at < KNOCK_AGAIN_S}
        again = bool(source) and source in self._knocked
        self._knocked.setdefault(source, now)
        return again

    def watch(self, now: float) -> None:
        """Take note when another has become the first. To be called after each command."""
        knocking = self._roll.knocking()
        if not knocking:
            self._first = None
        elif self._first is None or self._first[0] != knocking[0].leg:
            self._first = (knocking[0].leg, now)

    def meant(self, command: Admit | Decline) -> Participant | Refusal:
        """Whom a host means, or why it is nobody."""
        knocking = self._roll.knocking()
        if command.who is not None:
            named = (person for person in knocking if person.leg == command.who)
            return next(named, Refusal.NOT_THERE)
        if not knocking:
            return Refusal.NOBODY_KNOCKS
        if command.asked_at is None or self._was_first(knocking[0].leg, command.asked_at):
            return knocking[0]
        return Refusal.ANOTHER_KNOCKS

    def _was_first(self, leg: str, at: float) -> bool:
        return self._first is not None and self._first[0] == leg and self._first[1] <= at
