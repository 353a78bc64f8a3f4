"""What the legs say: units in, frames at 48 kHz and levels out, for all legs of the process at once.

Each source has a slot, a row in every array here. A tick goes: `listen` (units to codes or sound; levels of all who
may be heard), then the conferences choose, then `render` (48 kHz for the few that are mixed).
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
from mixer.pcm import FRAME, Rows, Samples, power
from mixer.resample import FROM_8K, FROM_16K

Hearing = TelephoneHearing | WideHearing | OpusHearing
# Opus legs outside the mix of a full room: how often their level is looked at [ticks].
_PROBE_TICKS = 4
_PROBE_SILENT_TICKS = 16


_NO_SOUND = (Kind.NOISE, None)


class Attention(IntEnum):
    """How closely a source is listened to."""

    NONE = 0  # nobody may hear it
    PROBE = 1  # it is not mixed; its level is wanted now and then
    FULL = 2


class Source:
    """One leg's sound as it comes in."""

    __slots__ = ("address", "attention", "frame", "hearing", "leg", "name", "receive", "slot", "was_silent")

    def __init__(self, leg: str, slot: int) -> None:
        self.leg = leg
        self.slot = slot
        self.receive: dict[int, str] = {}
        self.name = ""
        self.hearing: Hearing | None = None
        self.attention = Attention.NONE
        self.was_silent = True
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
            source = self.legs[leg] = Source(leg, self._free.pop())
            self._at[source.slot] = source
            self._point(source)
            self._clear(source.slot)
        source.receive = dict(receive)
        if source.name not in receive.values():
            source.name, source.hearing = "", None

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

    def listen(self, received: Iterable[tuple[str, Units]], tick: int) -> list[tuple[str, Exception]]:
        """This tick's units of each leg, of none for those that are not named; what nobody may hear is not looked at.

        Returns the legs whose decoding failed by a fault of ours; they are silent until they change codec.
        """
        self._tick = tick
        self._power[:] = 0
        self._known[:] = True
        faults: list[tuple[str, Exception]] = []
        heard: list[Source] = []
        given = dict(received)
        for leg, source in self.legs.items():
            if source.attention is Attention.NONE:
                continue
            try:
                if self._take(source, given.get(leg, ())):
                    heard.append(source)
            except Exception as fault:  # a fault of ours costs this leg, not the others
                source.hearing, source.name = None, ""
                faults.append((leg, fault))
        self._measure(heard)
        smoothed = speaker.smooth(self.smoothed, self._power)
        floor = speaker.follow_floor(self.floor, self._power)
        if self._known.all():
            self.smoothed, self.floor = smoothed, floor
        else:
            np.copyto(self.smoothed, smoothed, where=self._known)
            np.copyto(self.floor, floor, where=self._known)
        return faults

    def _take(self, source: Source, units: Units) -> bool:
        """Hand the units over; True if there is something to measure."""
        if units and units[0].payload_type >= 0:
            name = source.receive.get(units[0].payload_type, "")
            if audio.kind(name) in _NO_SOUND:
                units = tuple(unit._replace(kind=UnitKind.SILENCE) for unit in units)
            elif name != source.name:
                self._change_codec(source, name)
        hearing = source.hearing
        if hearing is None:
            return False
        hearing.take(units)
        if isinstance(hearing, OpusHearing):
            return self._listen_to_opus(source, hearing)
        return hearing.row is not None

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

    def _change_codec(self, source: Source, name: str) -> None:
        self._count(source)
        source.name, source.hearing = name, _hearing(name)

    def ignore(self, leg: str) -> None:
        """Nobody may hear the leg any more; what it has said and what is on its way is forgotten."""
        source = self.legs[leg]
        source.attention = Attention.NONE
        self._clear(source.slot)
        if source.hearing is not None:
            source.hearing.clear()

    def _listen_to_opus(self, source: Source, hearing: OpusHearing) -> bool:
        """Decode now if its level is wanted now: always, or of legs outside the mix when they begin, and at times."""
        if source.attention is Attention.FULL or not hearing.simple:
            hearing.render(source.frame, source.address)
            self.decoded += hearing.take_decoded()
            return True
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

    def _measure(self, heard: list[Source]) -> None:
        """Levels of all that was taken: from codes, at 16 kHz, at 48 kHz."""
        telephone: dict[g711.Law, tuple[list[int], list[bytes]]] = {law: ([], []) for law in g711.Law}
        wide: tuple[list[int], list[Samples]] = ([], [])
        direct: list[int] = []
        for source in heard:
            match source.hearing:
                case TelephoneHearing(row=bytes() as row, law=law):
                    telephone[law][0].append(source.slot)
                    telephone[law][1].append(row)
                case WideHearing(row=np.ndarray() as samples):
                    wide[0].append(source.slot)
                    wide[1].append(samples)
                case _:
                    direct.append(source.slot)
        for law, (slots, rows) in telephone.items():
            if slots:
                self._power[slots] = g711.power(g711.codes(rows), law)
        if wide[0]:
            self.decoded += len(wide[0])
            self._power[wide[0]] = power(np.stack(wide[1]))
        if direct:
            self._power[direct] = power(self.pcm[direct])

    def render(self, slots: Iterable[int]) -> None:
        """Bring the sources at `slots` to 48 kHz in `pcm`, as far as they are not there yet."""
        telephone: dict[g711.Law, tuple[list[int], list[bytes]]] = {law: ([], []) for law in g711.Law}
        wide: tuple[list[int], list[Samples]] = ([], [])
        for slot in slots:
            source = self._at[slot]
            match source.hearing:
                case TelephoneHearing(row=bytes() as row, law=law):
                    telephone[law][0].append(slot)
                    telephone[law][1].append(row)
                case WideHearing(row=np.ndarray() as samples):
                    wide[0].append(slot)
                    wide[1].append(samples)
                case OpusHearing() as hearing:
                    hearing.promote(source.frame, source.address)
                    self.decoded += hearing.take_decoded()
                case _:
                    self.pcm[slot] = 0
        for law, (places, rows) in telephone.items():
            if places:
                self.decoded += len(places)
                self.pcm[places] = FROM_8K.run(g711.decode(g711.codes(rows), law))
        if wide[0]:
            self.pcm[wide[0]] = FROM_16K.run(np.stack(wide[1]))
