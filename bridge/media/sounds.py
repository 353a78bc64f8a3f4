"""What is heard: every distinct sound of the process, who hears it, and its way to payloads.

A *content* says what a leg hears: nothing but faint noise, a conference's mix, that mix without himself; and what
plays over it. Legs with equal content share a *sound*, a row of the desk; those of them with an equal form share an
encoding. When a leg's content changes, its encodings go with it if all their listeners go the same way; else new ones
are made that carry on where the old ones were. A change of conference is softened by one tick of its own: what was
heard before ends in 10 ms, what comes begins in 10 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from math import log10
from typing import Any, NamedTuple

import numpy as np

from bridge.codec import g711, opus
from bridge.media.encoders import (
    Encoding,
    Form,
    OctetEncoding,
    OpusEncoding,
    OpusSettings,
    Packets,
    make,
    telephone_codes,
)
from bridge.media.playing import Cursor, lay_over
from bridge.media.room import Mixed
from mixer.limiter import limit
from mixer.noise import ComfortNoise
from mixer.pcm import FADE, FRAME, RISE, Index, Rows, Samples, power, tail_of
from mixer.resample import TO_8K, TO_16K


class Base(Enum):
    """What is below everything that plays."""

    NOTHING = "nothing"  # faint noise
    MIX = "mix"  # the conference's mix
    MINUS = "minus"  # the same without the listener


class Content(NamedTuple):
    """What a leg hears. `conference`: of MIX and MINUS. `leg`: of MINUS, who is taken out.

    `before`: set for the one tick in which something begins or ends at once (another conference, music that runs
    already), the content of the tick before.
    """

    base: Base
    conference: str = ""
    leg: str = ""
    prompt: Cursor | None = None
    background: Cursor | None = None
    before: tuple[object, ...] | None = None

    def follows_softly(self, before: Content) -> bool:
        """Whether there is no jump from `before` to this: the same conference, and no new music under way."""
        same = (self.base is Base.NOTHING) == (
            before.base is Base.NOTHING
        ) and self.conference == before.conference
        return same and (self.background is None or before.background is not None)


class Outgoing(NamedTuple):
    """A payload for the wire, the same for all these legs.

    `samples`: its length at 48 kHz. `level`: of its sound as RFC 6464 tells it [-dBov, 0 to 127], 127 as well where
    none of the process's legs wants to be told.
    """

    legs: tuple[str, ...]
    payload: bytes
    samples: int
    marker: bool
    level: int = 127


_LONGEST_PACKET = 3  # frames
_NO_POWER = 1e-13


class Sound:
    """One row of the desk and its encodings. `powers`: of its last frames, where levels are wanted."""

    __slots__ = ("address", "content", "encodings", "frame", "powers", "previous", "row")

    def __init__(self, content: Content, row: int) -> None:
        self.content = content
        self.row = row
        self.encodings: dict[Form, Encoding] = {}
        self.powers: deque[float] = deque(maxlen=_LONGEST_PACKET)
        self.frame: Samples
        self.previous: Samples
        self.address: Any

    def level(self, samples: int) -> int:
        """How loud [-dBov, 0 to 127] the last `samples` were, to a frame."""
        frames = min(max(1, samples // FRAME), len(self.powers))
        mean = sum(list(self.powers)[-frames:]) / max(1, frames)
        return min(127, max(0, round(-10.0 * log10(mean)))) if mean > _NO_POWER else 127


class Listener:
    """A leg that is sent sound."""

    __slots__ = ("content", "encoding", "form", "leg", "sound")

    def __init__(self, leg: str, form: Form) -> None:
        self.leg = leg
        self.form = form
        self.content: Content | None = None
        self.sound: Sound | None = None
        self.encoding: Encoding | None = None


class _Move(NamedTuple):
    listener: Listener
    content: Content


class Desk:
    """The rows: the frame before and this tick's frame of each sound, side by side, and its limiter's gain."""

    def __init__(self, capacity: int = 64) -> None:
        self._allocate(capacity)
        self._free = list(range(capacity - 1, -1, -1))

    def _allocate(self, capacity: int) -> None:
        self.rows: Rows = np.zeros((capacity, 2 * FRAME), np.float32)
        self.gains = np.ones(capacity, np.float32)

    def take(self, sound_of: Iterable[Sound]) -> int:
        """A free row, silent so far; the rows of `sound_of` move if there is none."""
        if not self._free:
            rows, gains = self.rows, self.gains
            capacity = len(rows)
            self._allocate(2 * capacity)
            self.rows[:capacity], self.gains[:capacity] = rows, gains
            self._free = list(range(2 * capacity - 1, capacity - 1, -1))
            for sound in sound_of:
                self.point(sound)
        row = self._free.pop()
        self.rows[row] = 0
        self.gains[row] = 1.0
        return row

    def point(self, sound: Sound) -> None:
        """Tell a sound where its row lies."""
        row = self.rows[sound.row]
        sound.previous, sound.frame = row[:FRAME], row[FRAME:]
        sound.address = opus.address(sound.frame)

    def give_back(self, row: int) -> None:
        """The row is not used any more."""
        self._free.append(row)


class Sounds:
    """All sounds, listeners and encodings of the process."""

    def __init__(self, settings: OpusSettings) -> None:
        self.listeners: dict[str, Listener] = {}
        self.encoded = 0
        self._settings = settings
        self._desk = Desk()
        self._sounds: dict[Content, Sound] = {}
        self._noise = ComfortNoise()
        self._levels: set[str] = set()  # legs that want to be told how loud it is
        self._settled = 0  # times; makes the turn of one tick another than that of the next

    # -- who hears what -------------------------------------------------------------------------------------------

    def configure(self, leg: str, form: Form | None, levels: bool = False) -> bool:
        """What the leg is sent from now on; None: nothing. True if that is another form than before.

        `levels`: whether it is to be told how loud each packet is.
        """
        listener = self.listeners.get(leg)
        if form is None:
            self.forget(leg)
            return False
        if levels:
            self._levels.add(leg)
        else:
            self._levels.discard(leg)
        if listener is None:
            self.listeners[leg] = Listener(leg, form)
            return True
        if listener.form == form:
            return False
        listener.form = form
        return True

    def forget(self, leg: str) -> None:
        """The leg is sent nothing any more."""
        listener = self.listeners.pop(leg, None)
        self._levels.discard(leg)
        if listener is not None and listener.encoding is not None:
            del listener.encoding.legs[leg]
            self._tidy([listener.sound])

    def settle(self, wanted: Iterable[tuple[Listener, Content]]) -> list[str]:
        """Let these listeners hear these contents. Returns the legs that are in between: ask again in the next tick."""
        self._settled += 1
        between: list[str] = []
        moves: list[_Move] = []
        for listener, content in wanted:
            before = listener.content
            if before is not None and not content.follows_softly(before):
                content = content._replace(before=(self._settled, *before[:-1]))
                between.append(listener.leg)
            encoding = listener.encoding
            if content != before or encoding is None or encoding.form != listener.form:
                moves.append(_Move(listener, content))
        if moves:
            self._move(moves)
        return between

    def _move(self, moves: list[_Move]) -> None:
        # How many listeners each encoding loses, and where they go: if all go one way, it goes with them.
        ways: dict[int, set[tuple[Content, Form]]] = {}
        left: dict[int, int] = {}
        for listener, content in moves:
            if listener.encoding is not None:
                key = id(listener.encoding)
                ways.setdefault(key, set()).add((content, listener.form))
                left[key] = left.get(key, 0) + 1
        emptied: list[Sound | None] = []
        for listener, content in moves:
            old, old_sound = listener.encoding, listener.sound
            sound = self._sounds.get(content) or self._new_sound(content, old_sound)
            new = sound.encodings.get(listener.form)
            if new is None:
                goes_along = old is not None and old.form == listener.form
                if (
                    goes_along
                    and old is not None
                    and len(ways[id(old)]) == 1
                    and left[id(old)] == len(old.legs)
                ):
                    new = self._carry(old, old_sound, sound)
                else:
                    new = self._new_encoding(listener.form, sound, old)
            elif isinstance(new, OpusEncoding) and new is not old:
                new.begin_anew()
            if new is not old:
                if old is not None:
                    old.legs.pop(listener.leg, None)
                new.legs[listener.leg] = None
            listener.content, listener.sound, listener.encoding = content, sound, new
            emptied.append(old_sound)
        self._tidy(emptied)

    def _carry(self, encoding: Encoding, old: Sound | None, new: Sound) -> Encoding:
        if old is not None:
            del old.encodings[encoding.form]
        new.encodings[encoding.form] = encoding
        return encoding

    def _new_sound(self, content: Content, old: Sound | None) -> Sound:
        sound = Sound(content, self._desk.take(self._sounds.values()))
        self._sounds[content] = sound
        self._desk.point(sound)
        if old is not None:
            sound.previous[:] = old.previous
            self._desk.gains[sound.row] = self._desk.gains[old.row]
        return sound

    def _new_encoding(self, form: Form, sound: Sound, old: Encoding | None) -> Encoding:
        encoding = make(form, self._settings)
        match encoding, old:
            case OctetEncoding(), OctetEncoding() if form == old.form:
                encoding.continue_from(old)
            case OpusEncoding(), OpusEncoding() if form == old.form:
                encoding.continue_from(old)
        if sound.previous.any():
            if isinstance(encoding, OpusEncoding):
                encoding.prime(sound.previous)
            elif encoding.wide:
                extended = np.zeros((1, TO_16K.history + FRAME), np.float32)
                extended[0, TO_16K.history :] = sound.previous
                encoding.prime(TO_16K.run(extended)[0])
        sound.encodings[form] = encoding
        return encoding

    def _tidy(self, sounds: Iterable[Sound | None]) -> None:
        """Drop encodings that nobody hears, and sounds without encodings."""
        for sound in sounds:
            if sound is None or self._sounds.get(sound.content) is not sound:
                continue
            for form in [form for form, encoding in sound.encodings.items() if not encoding.legs]:
                self._count(sound.encodings.pop(form))
            if not sound.encodings:
                del self._sounds[sound.content]
                self._desk.give_back(sound.row)

    def _count(self, encoding: Encoding) -> None:
        if isinstance(encoding, OpusEncoding):
            self.encoded += encoding.encoded
            encoding.encoded = 0

    # -- a tick ----------------------------------------------------------------------------------------------------

    def take_encoded(self) -> int:
        """Frames encoded since the last call."""
        encoded, self.encoded = self.encoded, 0
        return encoded

    @property
    def conferences(self) -> set[str]:
        """Those whose mix somebody hears."""
        return {content.conference for content in self._sounds if content.base is not Base.NOTHING}

    def render(self, mixes: dict[str, Mixed], tick: int) -> None:
        """Write this tick's frame of every sound."""
        noise = self._noise.frame(tick)
        for sound in self._sounds.values():
            self._compose(sound, mixes, noise)
        used = self._used()
        limit(self._desk.rows[:, FRAME:], self._desk.gains, used)

    def _compose(self, sound: Sound, mixes: dict[str, Mixed], noise: Samples) -> None:
        content = sound.content
        mixed = mixes.get(content.conference) if content.base is not Base.NOTHING else None
        under = noise
        if mixed is not None:
            own = mixed.own.get(content.leg) if content.base is Base.MINUS else None
            under = mixed.shared + noise if own is None else mixed.shared - own + noise
        if content.prompt is not None or content.background is not None:
            under = lay_over(under, content.prompt, content.background)
        if content.before is not None:
            under = under * RISE
            under[:FADE] += tail_of(sound.previous)
        sound.frame[:] = under

    def _used(self) -> Index:
        return np.fromiter((sound.row for sound in self._sounds.values()), np.intp, len(self._sounds))

    def encode(self, tick: int) -> list[Outgoing]:
        """This tick's packets of every encoding."""
        outgoing: list[Outgoing] = []
        telephone: dict[g711.Law, list[tuple[Sound, OctetEncoding]]] = {law: [] for law in g711.Law}
        wide: list[tuple[Sound, OctetEncoding]] = []
        used = self._used()
        if self._levels:
            for sound, mean in zip(self._sounds.values(), power(self._desk.rows[used, FRAME:]), strict=True):
                sound.powers.append(float(mean))
        for sound in self._sounds.values():
            for encoding in sound.encodings.values():
                if isinstance(encoding, OpusEncoding):
                    self._send(outgoing, sound, encoding, encoding.push(sound.frame, sound.address, tick))
                    self._count(encoding)
                elif encoding.law is not None:
                    telephone[encoding.law].append((sound, encoding))
                else:
                    wide.append((sound, encoding))
        for law, some in telephone.items():
            self._encode_telephone(outgoing, law, some, tick)
        self._encode_wide(outgoing, wide, tick)
        self._desk.rows[used, :FRAME] = self._desk.rows[used, FRAME:]
        return outgoing

    def _encode_telephone(
        self, outgoing: list[Outgoing], law: g711.Law, some: list[tuple[Sound, OctetEncoding]], tick: int
    ) -> None:
        if not some:
            return
        rows = list(dict.fromkeys(sound.row for sound, _ in some))
        place = {row: index for index, row in enumerate(rows)}
        codes = telephone_codes(TO_8K.run(self._desk.rows[rows, FRAME - TO_8K.history :]), law)
        self.encoded += len(rows)
        for sound, encoding in some:
            self._send(outgoing, sound, encoding, encoding.push(codes[place[sound.row]], tick))

    def _encode_wide(
        self, outgoing: list[Outgoing], some: list[tuple[Sound, OctetEncoding]], tick: int
    ) -> None:
        if not some:
            return
        frames = TO_16K.run(self._desk.rows[[sound.row for sound, _ in some], FRAME - TO_16K.history :])
        self.encoded += len(some)
        for frame, (sound, encoding) in zip(frames, some, strict=True):
            if encoding.wide is not None:
                self._send(outgoing, sound, encoding, encoding.push(encoding.wide.encode(frame), tick))

    def _send(self, outgoing: list[Outgoing], sound: Sound, encoding: Encoding, packets: Packets) -> None:
        if not packets.payloads:
            return
        legs = tuple(encoding.legs)
        level = sound.level(packets.samples) if self._levels else 127
        outgoing.extend(
            Outgoing(legs, payload, packets.samples, packets.marker, level) for payload in packets.payloads
        )
