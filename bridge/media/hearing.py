"""How the units of one leg become sound, a kind of codec each.

Every tick each leg's jitter buffer gives the units of the next 20 ms (`take`). What follows depends on the codec:
- G.711: the codes of the tick (`row`); their level and, for the few that are mixed, their sound are table look-ups
  over all legs at once (`bridge.media.sources`).
- G.722: always decoded (its state must not miss a packet), 16 kHz in `row`; brought to 48 kHz only when mixed.
- Opus: `render` decodes to 48 kHz. It may be left out (`skip`) for a leg that is not mixed; `probe` decodes one packet
  to learn its level, and the first `render` after a pause decodes the two packets before it again, so that the
  decoder's memory is right when the leg becomes audible.
Nothing here raises for what a peer has sent: bad payloads are concealed and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bridge.codec import g711, g722, opus
from bridge.media.line import Line
from bridge.rtp.units import Unit, UnitKind
from mixer.pcm import FRAME, RATE, Samples
from mixer.resample import FROM_8K, FROM_16K

TELEPHONE_FRAME = 160
_TELEPHONE_RATE = 8000
_PACKET = UnitKind.PACKET
Units = tuple[Unit, ...]


class TelephoneHearing:
    """A G.711 stream. `row`: the last codes before this tick that the filter needs and the 160 of it, or None."""

    def __init__(self, law: g711.Law) -> None:
        self.law = law
        self.bad_payloads = 0
        self.row: bytes | None = None
        self._direct = True  # the last tick was played without the line
        self._resting = False  # the last tick was nothing but silence
        self._line = Line(_TELEPHONE_RATE)
        self._silence = bytes([g711.SILENCE[law]])
        self._tail = self._silence * FROM_8K.history
        self._last = self._before = self._silence * TELEPHONE_FRAME

    @property
    def overruns(self) -> int:
        """How often more than 200 ms waited."""
        return self._line.overruns

    def take(self, units: Units) -> None:
        """The units of this tick."""
        if self._resting and _all_silence(units):
            self.row = None
            return
        if len(units) == 1 and units[0].kind is _PACKET and self._line.plain:
            payload = units[0].payload
            if len(payload) == TELEPHONE_FRAME:
                self._direct, self._resting = True, False
                self._set(payload)
                return
        if self._direct:
            recent = np.frombuffer(self._before + self._last, np.uint8)
            self._line.remember(g711.decode(recent, self.law))
            self._direct = False
        sound = _through(self._line, units, self._decode)
        if sound is None:
            self.row, self._tail = None, self._silence * FROM_8K.history
            return
        self._set(g711.encode(sound, self.law).tobytes())
        self._resting = _all_silence(units) and self._line.plain

    def clear(self) -> None:
        """Nobody listens any more: forget what waits and what was."""
        self._line.clear()
        self.row, self._tail = None, self._silence * FROM_8K.history
        self._last = self._before = self._silence * TELEPHONE_FRAME

    def _set(self, codes: bytes) -> None:
        self._before, self._last = self._last, codes
        self.row = self._tail + codes
        self._tail = codes[-FROM_8K.history :]

    def _decode(self, payload: bytes) -> Samples:
        self.bad_payloads += not payload
        return g711.decode(np.frombuffer(payload, np.uint8), self.law)


class WideHearing:
    """A G.722 stream. `row`: this tick at 16 kHz with the history of the filter in front, or None."""

    def __init__(self) -> None:
        self.row: Samples | None = None
        self._direct = True  # the last tick was played without the line
        self._resting = False  # the last tick was nothing but silence
        self._line = Line(g722.RATE)
        self._decoder = g722.G722Decoder()
        self._tail = np.zeros(FROM_16K.history, np.float32)
        self._last = self._before = np.zeros(g722.FRAME, np.float32)

    @property
    def bad_payloads(self) -> int:
        """What the codec refused."""
        return self._decoder.bad_payloads

    @property
    def overruns(self) -> int:
        """How often more than 200 ms waited."""
        return self._line.overruns

    def take(self, units: Units) -> None:
        """The units of this tick."""
        if self._resting and _all_silence(units):
            self.row = None
            return
        if len(units) == 1 and units[0].kind is _PACKET and units[0].samples == FRAME and self._line.plain:
            sound = self._decoder.decode(units[0].payload)
            if len(sound) == g722.FRAME:
                self._direct, self._resting = True, False
                self._set(sound)
                return
            units = (units[0]._replace(kind=UnitKind.CONCEAL),)
        if self._direct:
            self._line.remember(np.concatenate((self._before, self._last)))
            self._direct = False
        made = _through(self._line, units, self._decoder.decode)
        if made is None:
            self.row, self._tail = None, np.zeros(FROM_16K.history, np.float32)
            return
        self._set(made)
        self._resting = _all_silence(units) and self._line.plain

    def clear(self) -> None:
        """Nobody listens any more: forget what waits and what was."""
        self._line.clear()
        self._decoder.reset()
        self.row, self._tail = None, np.zeros(FROM_16K.history, np.float32)
        self._last = self._before = np.zeros(g722.FRAME, np.float32)

    def _set(self, sound: Samples) -> None:
        self._before, self._last = self._last, sound
        self.row = np.concatenate((self._tail, sound))
        self._tail = sound[-FROM_16K.history :]


class OpusHearing:
    """An Opus stream that is decoded into `out`, the leg's frame in the mixer's matrix.

    `simple`: this tick is one whole packet, or the want of one, or silence after silence, so it may be left undecoded.
    `rendered`: it is decoded, and properly.
    """

    def __init__(self) -> None:
        self._decoder = opus.OpusDecoder()
        self._line = Line(RATE)
        self._room = np.zeros(opus.MAX_SAMPLES, np.float32)
        self._pointer = opus.address(self._room)
        self._units: Units = ()
        self._recent = (b"", b"", b"")  # the last packets, this tick's last, for a return after a pause
        self.simple = True
        self.rendered = False
        self._stale = False
        self._resting = True
        self._decoded = 0

    @property
    def bad_payloads(self) -> int:
        """What libopus refused."""
        return self._decoder.bad_payloads

    @property
    def overruns(self) -> int:
        """How often more than 200 ms waited."""
        return self._line.overruns

    def take(self, units: Units) -> None:
        """The units of this tick; `render`, `probe` or `skip` must follow."""
        self._units = units
        self.rendered = False
        if len(units) == 1 and units[0].kind is _PACKET:
            _, _, payload, samples = units[0]
            self._recent = (self._recent[1], self._recent[2], payload)
            self.simple = samples == FRAME and self._line.plain
        elif len(units) == 1 and units[0].kind is UnitKind.CONCEAL:
            self.simple = units[0].samples == FRAME and self._line.plain
        else:
            silence = all(unit.kind is UnitKind.SILENCE for unit in units)
            self.simple = silence and self._resting and self._line.plain

    @property
    def silent(self) -> bool:
        """The sender says that he says nothing (asked of a `simple` tick).

        What lacks after a packet that says nothing is DTX, or no loss to speak of.
        """
        units = self._units
        return not units or units[0].kind is UnitKind.SILENCE or opus.says_nothing(self._recent[2])

    def clear(self) -> None:
        """Nobody listens any more: forget what waits and what was."""
        self._line.clear()
        self._decoder.reset()
        self._recent = (b"", b"", b"")
        self._stale = False
        self._resting = True

    def take_decoded(self) -> int:
        """Packets decoded or concealed since the last call."""
        decoded, self._decoded = self._decoded, 0
        return decoded

    def skip(self) -> None:
        """Leave this tick (a `simple` one) undecoded."""
        self._stale = True

    def probe(self, out: Samples, pointer: Any) -> None:
        """Decode this tick (a `simple` one) alone, for its level; the decoder's memory is not quite right."""
        self._decode_simple(out, pointer)
        self._stale = True

    def render(self, out: Samples, pointer: Any) -> None:
        """This tick's sound to `out`, at address `pointer`."""
        self.rendered = True
        if self._stale:
            self._stale = False
            has_packet = bool(self._units) and self._units[0].kind is _PACKET
            for payload in self._recent[:2] if has_packet else self._recent[1:]:
                if payload:
                    self._decoded += 1
                    self._decoder.decode(payload, self._pointer, opus.MAX_SAMPLES)
        if self.simple:
            self._decode_simple(out, pointer)
            return
        self._line.remember(out)
        if self._units:
            self._line.catch_up(FRAME)
        self._line.shrink(sum(self._add(unit) for unit in self._units))
        out[:] = self._line.take(FRAME) if self._units or not self._line.plain else 0.0

    def _decode_simple(self, out: Samples, pointer: Any) -> None:
        units = self._units
        if not units or units[0].kind is UnitKind.SILENCE:
            out[:] = 0.0
            return
        self._decoded += 1
        self._resting = False
        if (
            units[0].kind is UnitKind.CONCEAL
            or self._decoder.decode(units[0].payload, pointer, FRAME) != FRAME
        ):
            self._decoder.conceal(pointer, FRAME)

    def _add(self, unit: Unit) -> int:
        """Returns how many samples have to go again (SHRINK)."""
        if unit.kind is UnitKind.SILENCE:
            self._line.rest(unit.samples)
            self._resting = True
            return 0
        self._decoded += 1
        self._resting = False
        count = min(unit.samples - unit.samples % 120, opus.MAX_SAMPLES)
        match unit.kind:
            case UnitKind.CONCEAL:
                self._decoder.conceal(self._pointer, count)
            case UnitKind.FEC:
                self._decoder.recover(unit.payload, self._pointer, count)
            case _:
                decoded = self._decoder.decode(unit.payload, self._pointer, opus.MAX_SAMPLES)
                if decoded:
                    return _place(self._line, unit.kind, self._room[:decoded].copy(), unit.samples)
                count = count or FRAME
                self._decoder.conceal(self._pointer, count)
        self._line.add(self._room[:count].copy())
        return 0


def _all_silence(units: Units) -> bool:
    return bool(units) and all(unit.kind is UnitKind.SILENCE for unit in units)


def _through(line: Line, units: Units, decode: Callable[[bytes], Samples]) -> Samples | None:
    """A tick of G.711 or G.722 by way of the line; None: nothing came and nothing waits.

    `decode`: a payload to sound at the line's rate, or to nothing if it is bad.
    """
    frame = line.rate * FRAME // RATE
    if units:
        line.catch_up(frame)
    line.shrink(sum(_add(line, unit, decode) for unit in units))
    if not units and line.plain:
        return None
    return line.take(frame)


def _add(line: Line, unit: Unit, decode: Callable[[bytes], Samples]) -> int:
    """Returns how many samples have to go again (SHRINK)."""
    count = unit.samples * line.rate // RATE
    match unit.kind:
        case UnitKind.SILENCE:
            line.rest(count)
        case UnitKind.CONCEAL | UnitKind.FEC:
            line.lose(count)
        case _:
            sound = decode(unit.payload)
            if len(sound):
                return _place(line, unit.kind, sound, count)
            line.lose(count)
    return 0


def _place(line: Line, kind: UnitKind, sound: Samples, count: int) -> int:
    """Add the decoded `sound` of a packet that stands for `count` samples of time.

    Returns how many samples have to be taken out again when all units of the tick are there (SHRINK).
    """
    match kind:
        case UnitKind.SHRINK:
            line.add(sound)
            return max(0, len(sound) - count)
        case UnitKind.STRETCH:
            line.add(sound)
            line.stretch(max(0, count - len(sound)))
        case _:
            line.add(_fit(sound, count))
    return 0


def _fit(sound: Samples, count: int) -> Samples:
    """As long as its time: a packet that holds more or less than it stands for is cut or filled up with silence."""
    if len(sound) == count:
        return sound
    if len(sound) > count:
        return sound[:count]
    return np.concatenate((sound, np.zeros(count - len(sound), np.float32)))
