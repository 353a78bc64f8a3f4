"""The guard against guessed PINs (reliability.md A-01 to A-05): it slows strangers down, and never shuts a room.

Of the wrong verdicts that a budget allows in its window (20 in ten minutes), the first half is free and the other
half is dealt out evenly, one a minute. So even under attack there is a turn each minute, and the budget is never
exceeded: the last free turn leaves at most half of it used, and until that half has left the window the even pace
gives at most the other half. A PIN that is being checked counts as wrong until it proves right; many right ones at
once only queue for moments.

Turns go first to sources without a wrong PIN, then by the time of waiting. Who has had none after `wait_s` is sent
away unheard, which tells him nothing about his PIN. Trusted peers and known endpoints neither wait nor count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.machine import Wake
from bridge.rooms.budget import Budget, Table

MOST_QUEUED: Final = 200  # beyond, a newcomer is sent away at once

Saved = dict[str, dict[str, list[float]]]
"""Ages of what was counted [s], by table and name: plain values for a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How many wrong PINs a room and a source may have within `window_s`, and the longest wait for a verdict."""

    room: int = 20
    source: int = 20
    window_s: float = 600.0
    wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Ask:
    """May the PIN that `leg` has keyed be checked now?"""

    leg: str
    room: str
    source: str
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A PIN that had its turn was checked."""

    leg: str
    right: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """The leg hung up. A PIN of it that is being checked counts as wrong."""

    leg: str


Input = Ask | Checked | Gone | Wake


@dataclass(frozen=True, slots=True)
class Go:
    """It is this leg's turn: check the PIN, then say `Checked`."""

    leg: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """This leg has waited in vain."""

    leg: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Somebody guesses: told once, and again only after it has become quiet. `room` "" = about numbers, not PINs."""

    room: str
    source: str


Output = Go | NotNow | Alarm


class Guard:
    """One for the whole bridge, for every way in."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._rooms = Table(lambda: Budget(rules.room, rules.window_s))
        self._sources = Table(lambda: Budget(rules.source, rules.window_s))
        self._queue: dict[str, tuple[Ask, float]] = {}
        self._turns: dict[str, Ask] = {}  # bounded by the budgets of the rooms

    def handle(self, event: Input, now: float) -> tuple[Output, ...]:
        """Take one input and return what follows from it, in order."""
        match event:
            case Ask(trusted=True):
                return (Go(event.leg),)
            case Ask() if len(self._queue) >= MOST_QUEUED:
                return (NotNow(event.leg),)
            case Ask():
                self._queue[event.leg] = (event, now)
                return self._serve(now)
            case Checked():
                return (*self._settle(event.leg, event.right, now), *self._serve(now))
            case Gone():
                self._queue.pop(event.leg, None)
                return (*self._settle(event.leg, False, now), *self._serve(now))
            case _:
                return self._serve(now)

    def deadline(self) -> float | None:
        """When somebody who waits may have a turn, or has waited long enough [monotonic seconds]."""
        waits = (
            min(since + self._rules.wait_s, self._next_turn(ask, since))
            for ask, since in self._queue.values()
        )
        return min(waits, default=None)

    def save(self, now: float) -> Saved:
        """What must outlive a restart."""
        return {"rooms": self._rooms.ages(now), "sources": self._sources.ages(now)}

    def restore(self, saved: Saved, now: float, elapsed_s: float = 0.0) -> None:
        """Take over what was saved `elapsed_s` ago (0 if unknown: the strict side)."""
        for name, table in (("rooms", self._rooms), ("sources", self._sources)):
            for key, ages in saved.get(name, {}).items():
                for age in ages:
                    table[key].recall(now - elapsed_s - age)

    def _serve(self, now: float) -> tuple[Go | NotNow, ...]:
        outputs: list[Go | NotNow] = []
        for ask, since in sorted(
            self._queue.values(), key=lambda entry: self._claim(entry[0], entry[1], now)
        ):
            if self._next_turn(ask, now) <= now:
                self._rooms[ask.room].take(ask.leg, now)
                self._sources[ask.source].take(ask.leg, now)
                self._turns[ask.leg] = ask
                outputs.append(Go(ask.leg))
            elif now >= since + self._rules.wait_s:
                outputs.append(NotNow(ask.leg))
        for output in outputs:
            del self._queue[output.leg]
        return tuple(outputs)

    def _claim(self, ask: Ask, since: float, now: float) -> tuple[bool, float]:
        return not self._sources[ask.source].clean(now), since

    def _next_turn(self, ask: Ask, now: float) -> float:
        return max(self._rooms[ask.room].next_turn(now), self._sources[ask.source].next_turn(now))

    def _settle(self, leg: str, right: bool, now: float) -> tuple[Alarm, ...]:
        ask = self._turns.pop(leg, None)
        if ask is None:
            return ()
        room = self._rooms[ask.room]
        room.settle(leg, right)
        self._sources[ask.source].settle(leg, right)
        return (Alarm(ask.room, ask.source),) if not right and room.alarming(now) else ()
