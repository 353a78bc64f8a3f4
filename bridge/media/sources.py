"""What the legs say: units in, frames at 48 kHz and levels out, for all legs of the process at once.

Each source has a slot, a row in every array here. A tick goes: `listen` (units to codes or sound; levels of all who
may be heard), then the conferences choose, then `render` (48 kHz for the few that are mixed).

Opus is dear to decode, so in a full room legs outside the mix are decoded only now and then, to learn their level. One
packet out of the blue gives a rough level (the decoder's memory is old), good enough to say who might be louder than
those inside. Where the peer tells its level with each packet (RFC 6464), its word is as good, and nothing is decoded at
all. Who is chosen on such a level is decoded properly in the same tick (`verify`) before it counts, so that nobody gets
in by a lie.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from typing import Any

import numpy as np

from bridge.codec import audio, g711, opus
from bridge.codec.audio import Kind
from bridge.media.hearing import OpusHearing, TelephoneHearing, Units, WideHearing
from bridge.rtp.units import UnitKind
from mixer import speaker
from mixer.pcm import FADE, FADE_IN, FRAME, Rows, Samples, power, tail_of
from mixer.resample import FROM_8K, FROM_16K

Hearing = TelephoneHearing | WideHearing | OpusHearing
# Opus legs outside the mix of a full room: how often their level is looked at [ticks].
_PROBE_TICKS = 4
_PROBE_SILENT_TICKS = 16
# Found so often in a row to be much softer than its peer told, it is not believed any more. A few times are honest:
# what is told now is played some packets later.
_LIES = 25
_LIE = 16  # times the power that is there
_TOLD_TICKS = 10  # for so long after a peer told its level nothing is decoded in want of a new one
# By level as it is told: the mean square.
_POWERS = (10.0 ** (-np.arange(128) / 10)).astype(np.float32)
_FAULTS = 3  # of ours in one leg; after that it stays silent until its codec changes
_NOTHING: tuple[Units, None] = ((), None)


class Attention(IntEnum):
    """How closely a source is listened to."""

    NONE = 0  # nobody may hear it
    PROBE = 1  # it is not mixed; its level is wanted now and then
    FULL = 2


class Source:
    """One leg's sound as it comes in.

    `payload_type`: of the codec in `hearing`, -1 if none. `tail`: the end of what was heard before the codec changed.
    `told`: the tick in which the peer last said how loud it is. `lies`: how often in a row that was not so.
    """

    __slots__ = (
        "address",
        "attention",
        "faults",
        "frame",
        "hearing",
        "lies",
        "name",
        "payload_type",
        "receive",
        "slot",
        "tail",
        "told",
        "was_silent",
    )

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.receive: dict[int, str] = {}
        self.payload_type = -1
        self.name = ""
        self.hearing: Hearing | None = None
        self.attention = Attention.NONE
        self.was_silent = True
        self.told = -_TOLD_TICKS
        self.lies = 0
        self.faults = 0
        self.tail: Samples | None = None
        self.frame: Samples = np.zeros(FRAME, np.float32)
        self.address: Any = None


def _hearing(codec: str) -> Hearing | None:
    match audio.kind(codec):
        case Kind.TELEPHONE:
            return TelephoneHearing(audio.law(codec))
        case Kind.WIDE:
            return WideHearing()
        case Kind.OPUS:
            return OpusHearing()
        case Kind.NOISE | None:
            return None


class _Rows:
    """Rows of sources of one kind, gathered to be worked on at once."""

    def __init__(self) -> None:
        self.mu: tuple[list[int], list[bytes]] = ([], [])
        self.a: tuple[list[int], list[bytes]] = ([], [])
        self.wide: tuple[list[int], list[Samples]] = ([], [])
        self.direct: list[int] = []  # Opus, already at 48 kHz

    def add(self, slot: int, hearing: Hearing) -> None:
        """Take what the hearing has for this tick."""
        if isinstance(hearing, TelephoneHearing):
            if hearing.row is not None:
                slots, codes = self.mu if hearing.law is g711.Law.MU else self.a
                slots.append(slot)
                codes.append(hearing.row)
        elif isinstance(hearing, OpusHearing):
            self.direct.append(slot)
        elif hearing.row is not None:
            self.wide[0].append(slot)
            self.wide[1].append(hearing.row)

    @property
    def telephone(self) -> tuple[tuple[g711.Law, list[int], list[bytes]], ...]:
        """Slots and codes of each law that somebody speaks."""
        both = ((g711.Law.MU, *self.mu), (g711.Law.A, *self.a))
        return tuple(each for each in both if each[1])


class Sources:
    """All legs that may be heard. `pcm` (slots, 960) holds the frames of those rendered in this tick."""

    def __init__(self, capacity: int = 128) -> None:
        self.legs: dict[str, Source] = {}
        self.drops: Counter[str] = Counter()
        self.decoded = 0
        self._at: dict[int, Source] = {}
        self._free = list(range(capacity - 1, -1, -1))
        self._allocate(capacity)
        self._tick = 0

    def _allocate(self, capacity: int) -> None:
        self.pcm: Rows = np.zeros((capacity, FRAME), np.float32)
        self.smoothed = np.zeros(capacity, np.float32)
        self.floor = np.full(capacity, 1e-7, np.float32)
        self.gain = np.zeros(capacity, np.float32)  # with which each was mixed in the last tick
        self._power = np.zeros(capacity, np.float32)
        self._known = np.zeros(capacity, np.bool_)

    def _grow(self) -> None:
        capacity = len(self.pcm)
        before = (self.pcm, self.smoothed, self.floor, self.gain)
        self._allocate(2 * capacity)
        for old, new in zip(before, (self.pcm, self.smoothed, self.floor, self.gain), strict=True):
            new[:capacity] = old
        self._free = list(range(2 * capacity - 1, capacity - 1, -1))
        for source in self.legs.values():
            self._point(source)

    def _point(self, source: Source) -> None:
        source.frame = self.pcm[source.slot]
        source.address = opus.address(source.frame)

    def configure(self, leg: str, receive: dict[int, str]) -> None:
        """A leg's payload types; a running codec goes on if it still is among them."""
        source = self.legs.get(leg)
        if source is None:
            if not self._free:
                self._grow()
            source = self.legs[leg] = Source(self._free.pop())
            self._at[source.slot] = source
            self._point(source)
            self._clear(source.slot)
        source.receive = dict(receive)
        source.payload_type = -1  # looked up anew; the codec goes on if its name is the same

    def _clear(self, slot: int) -> None:
        self.pcm[slot] = 0
        self.smoothed[slot] = self.gain[slot] = 0
        self.floor[slot] = 1e-7

    def forget(self, leg: str) -> None:
        """The leg is gone."""
        source = self.legs.pop(leg, None)
        if source is not None:
            self._count(source)
            del self._at[source.slot]
            self._free.append(source.slot)

    def listen(
        self, received: Iterable[tuple[str, Units, int | None]], tick: int
    ) -> list[tuple[str, Exception]]:
        """This tick's units of each leg, and how loud its peer says that it is; none for those that are not named.

        What nobody may hear is not looked at.

        Returns the legs whose decoding failed by a fault of ours; they begin anew, and after the third time stay silent
        until their codec changes.
        """
        self._tick = tick
        self._power[:] = 0
        self._known[:] = True
        faults: list[tuple[str, Exception]] = []
        rows = _Rows()
        given = {leg: (units, level) for leg, units, level in received}
        for leg, source in self.legs.items():
            if source.attention is Attention.NONE:
                continue
            try:
                self._take(source, *given.get(leg, _NOTHING), rows)
            except Exception as fault:  # a fault of ours costs this leg, not the others
                self._fail(source)
                faults.append((leg, fault))
        self._measure(rows)
        smoothed = speaker.smooth(self.smoothed, self._power)
        floor = speaker.follow_floor(self.floor, self._power)
        if self._known.all():
            self.smoothed, self.floor = smoothed, floor
        else:
            np.copyto(self.smoothed, smoothed, where=self._known)
            np.copyto(self.floor, floor, where=self._known)
        return faults

    def _take(self, source: Source, units: Units, level: int | None, rows: _Rows) -> None:
        """Hand the units over; what there is to measure goes to `rows`."""
        if units and (len(units) > 1 or units[0].payload_type != source.payload_type):
            units = self._of_one_codec(source, units)
        hearing = source.hearing
        if hearing is None:
            return
        hearing.take(units)
        if not isinstance(hearing, OpusHearing) or self._listen_to_opus(source, hearing, level):
            rows.add(source.slot, hearing)

    def _of_one_codec(self, source: Source, units: Units) -> Units:
        """The units as the source's codec is to take them; it changes here, and the newest unit says to what.

        What another codec has coded in a tick of two is lost.
        """
        payload_type = units[-1].payload_type
        if payload_type < 0:  # silence before the first packet
            return units
        name = source.receive.get(payload_type, "")
        if audio.kind(name) in (Kind.NOISE, None):
            return tuple(unit._replace(kind=UnitKind.SILENCE) for unit in units)
        if payload_type != source.payload_type:
            source.payload_type = payload_type
            self._change_codec(source, name)
        return tuple(
            unit
            if not unit.payload or source.receive.get(unit.payload_type) == name
            else unit._replace(kind=UnitKind.CONCEAL, payload=b"")
            for unit in units
        )

    def _change_codec(self, source: Source, name: str) -> None:
        if name != source.name:
            self._count(source)
            if self.gain[source.slot]:
                source.tail = tail_of(source.frame)
            source.name, source.hearing, source.faults, source.lies = name, _hearing(name), 0, 0

    def _fail(self, source: Source) -> None:
        """Begin the codec anew; the third time, leave it."""
        self._count(source)
        source.faults += 1
        source.hearing = _hearing(source.name) if source.faults < _FAULTS else None

    def _count(self, source: Source) -> None:
        """Add up what a codec state counted before it goes."""
        hearing = source.hearing
        if hearing is None:
            return
        self.drops["bad-payload"] += hearing.bad_payloads
        self.drops["line-overrun"] += hearing.overruns

    def count_drops(self) -> Counter[str]:
        """All drops until now, by name."""
        drops = Counter(self.drops)
        for source in self.legs.values():
            if source.hearing is not None:
                drops["bad-payload"] += source.hearing.bad_payloads
                drops["line-overrun"] += source.hearing.overruns
        return drops

    def take_decoded(self) -> int:
        """Frames decoded since the last call."""
        decoded, self.decoded = self.decoded, 0
        return decoded

    def ignore(self, leg: str) -> None:
        """Nobody may hear the leg any more; what it has said and what is on its way is forgotten."""
        source = self.legs[leg]
        source.attention = Attention.NONE
        source.tail = None
        self._clear(source.slot)
        if source.hearing is not None:
            source.hearing.clear()

    def _listen_to_opus(self, source: Source, hearing: OpusHearing, level: int | None) -> bool:
        """Decode now if its level is wanted now: always, or of legs outside the mix when they begin, and at times."""
        if level is not None and source.lies < _LIES:
            source.told = self._tick
        if source.attention is Attention.FULL or not hearing.simple:
            hearing.render(source.frame, source.address)
            self.decoded += hearing.take_decoded()
            return True
        if self._tick - source.told < _TOLD_TICKS:
            hearing.skip()
            if level is not None and source.told == self._tick:
                self._power[source.slot] = _POWERS[level]
            else:
                self._known[source.slot] = hearing.silent
            return False
        silent = hearing.silent
        begins = source.was_silent and not silent
        source.was_silent = silent
        if begins or not (self._tick + source.slot) % (_PROBE_SILENT_TICKS if silent else _PROBE_TICKS):
            hearing.probe(source.frame, source.address)
            self.decoded += hearing.take_decoded()
            return True
        hearing.skip()
        self._known[source.slot] = silent
        return False

    def _measure(self, rows: _Rows) -> None:
        """Levels of all that was taken: from codes, at 16 kHz, at 48 kHz."""
        for law, slots, codes in rows.telephone:
            self._power[slots] = g711.power(g711.codes(codes), law)
        if rows.wide[0]:
            self.decoded += len(rows.wide[0])
            self._power[rows.wide[0]] = power(np.stack(rows.wide[1]))
        if rows.direct:
            self._power[rows.direct] = power(self.pcm[rows.direct])

    def verify(self, slots: Iterable[int]) -> bool:
        """Decode properly those of the sources whose level is only a guess. False if it was none's."""
        doubtful = [slot for slot in slots if self._is_doubtful(slot)]
        for slot in doubtful:
            self._promote(self._at[slot])
        if not doubtful:
            return False
        found = power(self.pcm[doubtful])
        self.smoothed[doubtful] = found
        for slot, softer in zip(doubtful, (found * _LIE < self._power[doubtful]).tolist(), strict=True):
            source = self._at[slot]
            if source.told == self._tick:
                source.lies = source.lies + 1 if softer else 0
        return True

    def _is_doubtful(self, slot: int) -> bool:
        hearing = self._at[slot].hearing
        return isinstance(hearing, OpusHearing) and not hearing.rendered

    def _promote(self, source: Source) -> None:
        if isinstance(source.hearing, OpusHearing) and not source.hearing.rendered:
            source.hearing.render(source.frame, source.address)
            self.decoded += source.hearing.take_decoded()

    def render(self, slots: Iterable[int]) -> None:
        """Bring the sources at `slots` to 48 kHz in `pcm`, as far as they are not there yet."""
        rows = _Rows()
        for slot in slots:
            source = self._at[slot]
            if isinstance(source.hearing, OpusHearing):
                self._promote(source)
            else:
                source.frame[:] = 0
                if source.hearing is not None:
                    rows.add(slot, source.hearing)
        for law, places, codes in rows.telephone:
            self.decoded += len(places)
            self.pcm[places] = FROM_8K.run(g711.decode(g711.codes(codes), law))
        if rows.wide[0]:
            self.pcm[rows.wide[0]] = FROM_16K.run(np.stack(rows.wide[1]))
        for slot in slots:
            self._soften(self._at[slot])

    def _soften(self, source: Source) -> None:
        """Join another codec's sound to the end of the one before."""
        if source.tail is not None:
            source.frame[:FADE] = source.frame[:FADE] * FADE_IN + source.tail
            source.tail = None
