"""Who stands on the stage, and in which seat (behaviours.md C5). Names and times come in, names come out.

Claims on seats, the strongest first: interpreters; spotlights, the oldest first; whoever shows slides, where he is to
stand large; whoever has the floor; who talked last; who came first. Who has no picture of his own comes after all who
have one. Seats are sticky:

- in a grid (all tiles equal) nobody moves because somebody talks. Whoever talks and has no seat takes that of the one
  who has been silent the longest, and that at most once a second;
- where there are large seats, the one who takes a large one changes places with the one who leaves it;
- interpreters never take a large seat: theirs is beside them, see `bridge.rooms.gallery`.

Nobody sees himself: in his own picture the next one in line stands where he would.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

TAKE_S: Final = 0.4  # so long one talks before he takes the floor or a seat: longer than a cough
QUIET_S: Final = 0.4  # so long whoever has the floor is silent before another takes it
PACE_S: Final = 1.0  # between two changes because of speech


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody who may stand on a stage.

    `spotlight`: since when he has one [s], None = he has none. `presents`: he shows slides and is to stand large.
    `live`: pictures of him may come, he is not shown as a sign only.
    """

    who: str
    interprets: bool = False
    spotlight: float | None = None
    presents: bool = False
    live: bool = True


class Standing(NamedTuple):
    """Who stands there, in the order of seats. `mains`: in large ones; `rest`: in the others (of a grid: in all).

    `ranked`: those who may take a large seat, the strongest claim first; `understudy`: who stands there for somebody
    that looks on himself, "" = nobody is left over.
    """

    mains: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    ranked: tuple[str, ...] = ()
    understudy: str = ""

    @property
    def order(self) -> tuple[str, ...]:
        """All of them."""
        return self.mains + self.rest

    def seen_by(self, viewer: str) -> tuple[str, ...]:
        """The stage as one of those on it sees it: without him, and whoever is left over at the end."""
        if viewer not in self.order:
            return self.order
        rest = [who for who in (*self.rest, self.understudy) if who and who != viewer]
        if viewer not in self.mains:
            return (*self.mains, *rest)
        stand_in = next((who for who in self.ranked if who in rest), self.understudy)
        mains = [stand_in if who == viewer else who for who in self.mains]
        return (*filter(None, mains), *(who for who in rest if who != stand_in))


class Speakers:
    """Who talks, who has the floor, and who talked when. All times are monotonic seconds."""

    def __init__(self) -> None:
        self.talking: frozenset[str] = frozenset()
        self.floor = ""
        self._began: dict[str, float] = {}  # of those who talk
        self._ended: dict[str, float] = {}  # of those who could take the floor: bounded at each `settle`
        self._changed_at = -math.inf
        self._due: float | None = None

    def talk(self, who: Iterable[str], now: float) -> None:
        """These talk now, and nobody else."""
        talking = frozenset(who)
        self._ended |= dict.fromkeys(self.talking - talking, now)
        self._began = {each: self._began.get(each, now) for each in talking}
        self.talking = talking

    def talked(self, who: str) -> float:
        """When somebody was last heard: infinite while he talks, minus infinite if he never did."""
        return math.inf if who in self.talking else self._ended.get(who, -math.inf)

    def ready(self, who: str) -> float:
        """When somebody who talks has talked for long enough to count."""
        return self._began[who] + TAKE_S

    def settle(self, candidates: Collection[str], now: float) -> None:
        """Give the floor to the one of `candidates` whose it is; those who are none of them are forgotten."""
        self._ended = {who: at for who, at in self._ended.items() if who in candidates}
        if self.floor not in candidates:
            self.floor = ""
        self._due = None
        talking = [who for who in candidates if who in self.talking]
        if not talking or self.floor in talking:
            return
        first = min(talking, key=lambda who: self._began[who])
        quiet = self._ended.get(self.floor, -math.inf) + QUIET_S if self.floor else -math.inf
        due = max(self.ready(first), quiet, self._changed_at + PACE_S)
        if due <= now:
            self.floor, self._changed_at = first, now
        else:
            self._due = due

    def deadline(self) -> float | None:
        """When the floor changes hands if nothing else happens."""
        return self._due


class Stage:
    """The stage of one layout. `mains`: how many of its `seats` are large; a grid has none."""

    def __init__(self, mains: int, seats: int) -> None:
        self._seats = seats
        self._large = mains
        self._mains: list[str] = []
        self._rest: list[str] = []
        self._understudy = ""
        self._changed_at = -math.inf
        self._due: float | None = None
        self.standing = Standing()

    def settle(self, claims: Sequence[Claim], speakers: Speakers, now: float, extra: int = 0) -> Standing:
        """Who stands there now. `claims` are in the order of coming; `extra`: seats besides those of the layout."""
        seats = self._seats + extra
        chosen, outside = self._choose(_Ranking(claims, speakers), seats, now)
        ranking = _Ranking(claims, speakers, self._mains)
        self._place(chosen, ranking)
        ranked = ranking.for_mains(chosen)
        if self._large:
            self._promote(ranked[: self._large])
        if self._understudy not in outside:
            self._understudy = outside[0] if outside else ""
        self.standing = Standing(tuple(self._mains), tuple(self._rest), ranked, self._understudy)
        return self.standing

    def deadline(self) -> float | None:
        """When somebody who talks takes a seat if nothing else happens."""
        return self._due

    def _choose(self, ranking: _Ranking, seats: int, now: float) -> tuple[list[str], list[str]]:
        """Who stands there, strongest claim first, and who is left over."""
        there = {*self._mains, *self._rest}
        pinned = ranking.pinned()[:seats]
        free = [who for who in ranking.by_voice() if who not in pinned]
        # Who stands there stays, before all who do not; but who has no picture makes room for who has one.
        free.sort(key=lambda who: (not ranking.live(who), who not in there))
        places = seats - len(pinned)
        chosen, outside = free[:places], free[places:]
        self._due = None
        while (change := self._change(chosen, outside, ranking)) is not None:
            due, caller, quietest = change
            if due > now:
                self._due = due
                break
            self._changed_at = now
            chosen[chosen.index(quietest)] = caller
            outside[outside.index(caller)] = quietest
        return pinned + chosen, sorted(outside, key=ranking.worth, reverse=True)

    def _change(
        self, chosen: list[str], outside: list[str], ranking: _Ranking
    ) -> tuple[float, str, str] | None:
        """The next change because of speech: when it is due, who comes, and who goes."""
        caller = min(filter(ranking.calls, outside), key=ranking.ready, default=None)
        quietest = min(filter(ranking.gives_way, chosen), key=ranking.worth, default=None)
        if caller is None or quietest is None:
            return None
        return max(ranking.ready(caller), self._changed_at + PACE_S), caller, quietest

    def _place(self, chosen: list[str], ranking: _Ranking) -> None:
        """Seats as they were, with those who come in the places of those who go; who has left leaves no gap."""
        coming = [who for who in chosen if who not in self._mains and who not in self._rest]
        coming.sort(key=ranking.came)
        staying = set(chosen)
        self._mains = [who for who in self._mains if who in staying]
        rest: list[str] = []
        for who in self._rest:
            if who in staying:
                rest.append(who)
            elif who in ranking and coming:
                rest.append(coming.pop(0))
        self._rest = rest + coming

    def _promote(self, wanted: Sequence[str]) -> None:
        """Let `wanted` stand in the large seats: who stands there already stays where he is."""
        leaving = [who for who in self._mains if who not in wanted]
        for who in wanted:
            if who in self._mains:
                continue
            at = self._rest.index(who)
            if leaving:
                out = leaving.pop(0)
                self._mains[self._mains.index(out)], self._rest[at] = who, out
            else:
                self._mains.append(self._rest.pop(at))
        for who in leaving:
            self._mains.remove(who)
            self._rest.insert(0, who)


class _Ranking:
    """The claims of one moment, compared. `mains`: who stands in large seats before."""

    def __init__(self, claims: Sequence[Claim], speakers: Speakers, mains: Collection[str] = ()) -> None:
        self._claims = {claim.who: claim for claim in claims}
        self._came = {claim.who: index for index, claim in enumerate(claims)}
        self._speakers = speakers
        self._mains = frozenset(mains)

    def __contains__(self, who: str) -> bool:
        return who in self._claims

    def live(self, who: str) -> bool:
        return self._claims[who].live

    def gives_way(self, who: str) -> bool:
        """Whether a voice may take somebody's seat."""
        return who not in self._speakers.talking and who != self._speakers.floor

    def calls(self, who: str) -> bool:
        """Whether somebody without a seat asks for one by talking."""
        return self.live(who) and who in self._speakers.talking

    def ready(self, who: str) -> float:
        return self._speakers.ready(who)

    def came(self, who: str) -> int:
        return self._came[who]

    def worth(self, who: str) -> tuple[bool, bool, float, int]:
        """How strong a claim is that rests on voice and coming alone: the stronger, the greater."""
        return (
            self.live(who),
            who == self._speakers.floor,
            self._speakers.talked(who),
            -self._came[who],
        )

    def by_voice(self) -> list[str]:
        """All, strongest claim first, whatever else they are."""
        return sorted(self._claims, key=self.worth, reverse=True)

    def pinned(self) -> list[str]:
        """Those whose seat no voice takes, strongest claim first."""
        interpreters = [who for who, claim in self._claims.items() if claim.interprets]
        lit = [claim for claim in self._claims.values() if claim.spotlight is not None]
        lit.sort(key=lambda claim: claim.spotlight or 0.0)
        presenters = [who for who, claim in self._claims.items() if claim.presents]
        return list(dict.fromkeys([*interpreters, *(claim.who for claim in lit), *presenters]))

    def for_mains(self, chosen: Iterable[str]) -> tuple[str, ...]:
        """Those of `chosen` who may stand large, strongest claim first."""
        return tuple(sorted((who for who in chosen if not self._claims[who].interprets), key=self._main_rank))

    def _main_rank(self, who: str) -> tuple[int, float, float, int]:
        claim, talked = self._claims[who], self._speakers.talked(who)
        if claim.spotlight is not None:
            return 0, claim.spotlight, 0.0, 0
        if claim.presents:
            return 1, 0.0, 0.0, 0
        if who == self._speakers.floor:
            return 2, 0.0, 0.0, 0
        # Who merely talks now must not push out who stood there: that takes the floor.
        heard = talked if talked < math.inf else -math.inf
        return (3 if claim.live else 5) + (who not in self._mains), -heard, 0.0, self._came[who]
