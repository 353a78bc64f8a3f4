"""The guard against guessed PINs (reliability.md A-01 to A-05): it slows strangers down, and never shuts a room.

Of the wrong verdicts that a budget allows in its window (20 in ten minutes), the first half is free and the other
half is dealt out evenly, one a minute. So even under attack there is a turn each minute, and the budget is never
exceeded: the last free turn leaves at most half of it used, and until that half has left the window the even pace
gives at most the other half. A PIN that is being checked counts as wrong until it proves right; many right ones at
once only queue for moments.

Turns go first to the source that has asked least within the window, so a newcomer passes those who try on and on;
then by the time of waiting. Who has had no turn after `wait_s` is sent away unheard, which tells him nothing about his
PIN. Trusted peers and known endpoints neither wait nor count. Where too many wait, those of the source that has asked
most have to go, so that nobody can keep the hosts of all rooms out by filling the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.machine import Wake
from bridge.rooms.budget import Budget, Table, Window

MOST_QUEUED: Final = 200  # beyond, whoever has the worst claim is sent away at once
MOST_ASKS: Final = 32  # of a source that are counted; who asks more often is not told apart any more

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
        self._asks = Table(lambda: Window(MOST_ASKS, rules.window_s))
        self._queue: dict[str, tuple[Ask, float]] = {}  # in the order of asking
        self._turns: dict[str, Ask] = {}  # bounded by the budgets of the rooms

    def handle(self, event: Input, now: float) -> tuple[Output, ...]:
        """Take one input and return what follows from it, in order."""
        match event:
            case Ask(trusted=True):
                return (Go(event.leg),)
            case Ask():
                self._asks[event.source].add(now)
                self._queue[event.leg] = (event, now)
                return (*self._serve(now), *self._make_room(now))
            case Checked():
                return (*self._settle(event.leg, event.right, now), *self._serve(now))
            case Gone():
                self._queue.pop(event.leg, None)
                return (*self._settle(event.leg, False, now), *self._serve(now))
            case _:
                return self._serve(now)

    def deadline(self) -> float | None:
        """When somebody who waits may have a turn, or has waited long enough [monotonic seconds]."""
        if not self._queue:
            return None
        oldest = next(iter(self._queue.values()))[1]
        turns = ((ask.room, ask.source) for ask, _ in self._queue.values())
        return min(oldest + self._rules.wait_s, *(self._next_turn(*turn, oldest) for turn in set(turns)))

    def save(self, now: float) -> Saved:
        """What must outlive a restart."""
        return {"rooms": self._rooms.ages(now), "sources": self._sources.ages(now)}

    def restore(self, saved: Saved, now: float, elapsed_s: float = 0.0) -> None:
        """Take over what was saved `elapsed_s` ago (0 if unknown: the strict side)."""
        for name, table in (("rooms", self._rooms), ("sources", self._sources)):
            for key, ages in saved.get(name, {}).items():
                for age in ages:
                    table[key].recall(now - elapsed_s - age)

    def _make_room(self, now: float) -> tuple[NotNow, ...]:
        """Send away one who waits, where there is one too many: the last of those whose source has asked most."""
        if len(self._queue) <= MOST_QUEUED:
            return ()
        worst = max(self._queue, key=lambda leg: self._claim(self._queue[leg], now))
        del self._queue[worst]
        return (NotNow(worst),)

    def _claim(self, entry: tuple[Ask, float], now: float) -> tuple[int, float]:
        """What turns go by, the least first: how often its source has asked, and since when it waits."""
        ask, since = entry
        return len(self._asks[ask.source].times(now)), since

    def _serve(self, now: float) -> tuple[Go | NotNow, ...]:
        """Give the turns that are free, then send away who has waited too long."""
        served = tuple(self._give(ask, now) for ask in self._in_turn(now) if self._may_go(ask, now))
        late = [leg for leg, (_, since) in self._queue.items() if now >= since + self._rules.wait_s]
        for leg in late:
            del self._queue[leg]
        return (*served, *map(NotNow, late))

    def _in_turn(self, now: float) -> list[Ask]:
        """Who waits for a room that has a turn to give, the best claim first."""
        free = {
            room
            for room in {ask.room for ask, _ in self._queue.values()}
            if self._rooms[room].next_turn(now) <= now
        }
        waiting = [entry for entry in self._queue.values() if entry[0].room in free]
        waiting.sort(key=lambda entry: self._claim(entry, now))
        return [ask for ask, _ in waiting]

    def _may_go(self, ask: Ask, now: float) -> bool:
        return self._next_turn(ask.room, ask.source, now) <= now

    def _give(self, ask: Ask, now: float) -> Go:
        self._rooms[ask.room].take(ask.leg, now)
        self._sources[ask.source].take(ask.leg, now)
        self._turns[ask.leg] = ask
        del self._queue[ask.leg]
        return Go(ask.leg)

    def _next_turn(self, room: str, source: str, now: float) -> float:
        return max(self._rooms[room].next_turn(now), self._sources[source].next_turn(now))

    def _settle(self, leg: str, right: bool, now: float) -> tuple[Alarm, ...]:
        ask = self._turns.pop(leg, None)
        if ask is None:
            return ()
        room = self._rooms[ask.room]
        room.settle(leg, right)
        self._sources[ask.source].settle(leg, right)
        return (Alarm(ask.room, ask.source),) if not right and room.alarming(now) else ()
