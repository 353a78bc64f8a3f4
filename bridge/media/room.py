"""The sound of one conference: its plan, who of it is mixed now, and what is left of those who went out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bridge.media.sources import Attention, Sources
from mixer import speaker
from mixer.audio import mix
from mixer.pcm import FADE, FRAME, Index, Samples, Vector, tail_of
from mixer.plan import Plan, Seat

_TALK_TICKS = 10  # `Talking` is told at most every 200 ms
_SECOND_LOOKS = 3  # a tick; each may bring in another one whose level is only a guess
_NO_INDEX = np.zeros(0, np.intp)


class Mixed(NamedTuple):
    """One tick's mix: the sum of all, and what each contributing leg has in it."""

    shared: Samples
    own: dict[str, Samples]


class _Cast(NamedTuple):
    """Who is in a tick's mix: the chosen, then those that leave it; and with which gains it ends."""

    slots: Index
    legs: list[str]
    gains: Vector


class Room:
    """A conference's plan at work. `contributors`: legs that have something in this tick's mix."""

    def __init__(self, conference: str, sources: Sources) -> None:
        self.conference = conference
        self.seats: dict[str, Seat] = {}
        self.contributors: frozenset[str] = frozenset()
        self._sources = sources
        self._loudest = 8
        self._legs: list[str] = []  # those that may be heard and have a source, in the order of `_slots`
        self._slots: Index = _NO_INDEX
        self._active = np.zeros(0, np.bool_)
        self._since: Index = _NO_INDEX
        self._chosen: Index = _NO_INDEX  # of this tick, indices into `_slots`
        self._cast = _Cast(_NO_INDEX, [], np.zeros(0, np.float32))
        self._steady = False  # the next tick has the same cast, if the same are chosen
        self._tails: dict[str, Samples] = {}
        self._talking: tuple[str, ...] = ()
        self._was_talking = np.zeros(0, np.bool_)

    def apply(self, plan: Plan) -> None:
        """A new plan. Who is heard no more leaves 10 ms of what he had said before, nothing newer."""
        seats = {seat.leg: seat for seat in plan.seats}
        for leg in self._legs:
            seat = seats.get(leg)
            if seat is None or not seat.heard:
                self._cut(leg)
        self.seats = seats
        self._loudest = max(1, plan.loudest)
        self.refresh()

    def refresh(self) -> None:
        """Look again which seats have a source, after a plan or a leg has come or gone."""
        sources = self._sources.legs
        before = {leg: index for index, leg in enumerate(self._legs)}
        legs = [leg for leg, seat in self.seats.items() if seat.heard and leg in sources]
        kept = np.array([before.get(leg, -1) for leg in legs], np.intp)
        known = kept >= 0
        self._active = known & np.append(self._active, False)[kept]
        self._was_talking = known & np.append(self._was_talking, False)[kept]
        self._since = np.where(known, np.append(self._since, 0)[kept], 0)
        for leg in before:
            if leg in sources and leg not in legs:
                self._sources.ignore(leg)
        self._legs = legs
        self._steady = False
        self._slots = np.array([sources[leg].slot for leg in legs], np.intp)
        self._attend()

    def remove(self, leg: str) -> None:
        """The leg is closed; call before its source is forgotten."""
        self.seats.pop(leg, None)
        if leg in self._legs:
            self._cut(leg)
            self.refresh()

    def _cut(self, leg: str) -> None:
        """Keep the end of what `leg` said in the mix until now."""
        source = self._sources.legs.get(leg)
        if source is None:
            return
        gain = float(self._sources.gain[source.slot])
        if gain:
            frame = np.zeros(FRAME, np.float32)
            frame[:FADE] = tail_of(self._sources.pcm[source.slot]) * np.float32(gain)
            self._tails[leg] = frame

    @property
    def _crowded(self) -> bool:
        return len(self._legs) > self._loudest + 1

    def _attend(self) -> None:
        sources = self._sources.legs
        rest = Attention.PROBE if self._crowded else Attention.FULL
        for leg, active in zip(self._legs, self._active.tolist(), strict=True):
            sources[leg].attention = Attention.FULL if active else rest

    def choose(self) -> Index:
        """Choose who is mixed in this tick. Returns the slots whose sound is needed."""
        chosen = self._rank()
        for _ in range(_SECOND_LOOKS):
            if not self._sources.verify(self._slots[chosen].tolist()):
                break
            chosen = self._rank()
        else:  # who got in unseen is known at least from the next tick on
            self._sources.verify(self._slots[chosen].tolist())
        if self._steady and np.array_equal(chosen, self._chosen):
            self._since += 1
        else:
            self._change(chosen)
        return self._cast.slots

    def _change(self, chosen: Index) -> None:
        active = np.zeros(len(self._slots), np.bool_)
        active[chosen] = True
        leaving = np.flatnonzero(self._active & ~active)
        self._since = np.where(active == self._active, self._since + 1, 0)
        self._active, self._chosen = active, chosen
        order = np.concatenate((chosen, leaving))
        legs = [self._legs[index] for index in order.tolist()]
        gains = np.array([self.seats[leg].gain for leg in legs], np.float32)
        gains[len(chosen) :] = 0
        self._cast = _Cast(self._slots[order], legs, gains)
        self._steady = not len(leaving) and not self._tails
        contributors = frozenset(legs).union(self._tails)
        if contributors != self.contributors:
            self.contributors = contributors
        self._attend()

    def _rank(self) -> Index:
        smoothed = self._sources.smoothed[self._slots]
        return speaker.choose(smoothed, self._active, self._since, self._loudest)

    def mix(self) -> Mixed:
        """The tick's mix, of what `choose` chose and the slots it asked for now hold."""
        slots, legs, gains = self._cast
        gain = self._sources.gain
        shared, parts = mix(self._sources.pcm[slots], gain[slots], gains)
        gain[slots] = gains
        own = dict(zip(legs, parts, strict=True))
        for leg, tail in self._tails.items():
            shared = shared + tail
            own[leg] = own[leg] + tail if leg in own else tail
        self._tails = {}
        return Mixed(shared, own)

    def talkers(self, tick: int) -> tuple[str, ...] | None:
        """Who talks now, if that has changed and it is time to tell."""
        if tick % _TALK_TICKS:
            return None
        talks = speaker.talking(
            self._sources.smoothed[self._slots], self._sources.floor[self._slots], self._was_talking
        )
        self._was_talking = talks
        legs = tuple(self._legs[index] for index in np.flatnonzero(talks).tolist())
        if legs == self._talking:
            return None
        self._talking = legs
        return legs
