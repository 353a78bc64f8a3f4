"""Phones without a network: each says a tone into an AudioMixer, tick by tick, and keeps what it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from bridge.codec import audio, g711, g722, opus
from bridge.codec.audio import Kind
from bridge.codec.table import BY_NAME
from bridge.media import contract
from bridge.media.mixing import AudioMixer, Job, Loss, Received, Result
from bridge.rtp.units import Unit, UnitKind
from bridge.sdp.audio import NegotiatedAudio
from mixer.pcm import FRAME, Samples
from mixer.plan import Plan, Seat
from mixer.resample import FROM_8K, FROM_16K, TO_8K, TO_16K, Decimator, Interpolator
from tests.mixer.sounds import sine, tone_db

SECONDS = 3  # of tone, then it begins again (with a click in G.722: tests end before)


def negotiated(codec: str, ptime_ms: int = 20, **more: object) -> NegotiatedAudio:
    """An agreed stream of this codec alone."""
    payload_type = BY_NAME[codec.lower()].payload_type
    return NegotiatedAudio(
        codec,
        payload_type,
        {payload_type: codec},
        ("127.0.0.1", 4000),
        ("127.0.0.1", 4001),
        ptime_ms,
        **more,  # type: ignore[arg-type]
    )


def _down(decimator: Decimator, sound: Samples) -> Samples:
    extended = np.concatenate((np.zeros(decimator.history, np.float32), sound))
    return np.asarray(decimator.run(extended[np.newaxis])[0], np.float32)


def _up(interpolator: Interpolator, sound: Samples) -> Samples:
    sound = np.concatenate((np.zeros(interpolator.history, np.float32), sound, np.zeros(-len(sound) % 16)))
    return np.asarray(interpolator.run(sound[np.newaxis].astype(np.float32))[0], np.float32)


def coded(codec: str, sound: Samples, samples: int = FRAME) -> list[bytes]:
    """A sound at 48 kHz in packets of `samples`."""
    match audio.kind(codec):
        case Kind.OPUS:
            encoder = opus.OpusEncoder(opus.Application.LOW_DELAY, 48_000, 3)
            frames = np.ascontiguousarray(sound.reshape(-1, samples))
            return [encoder.encode(opus.address(frame), samples) for frame in frames]
        case Kind.WIDE:
            wide = g722.G722Encoder()
            octets = b"".join(wide.encode(frame) for frame in _down(TO_16K, sound).reshape(-1, g722.FRAME))
        case _:
            octets = g711.encode(_down(TO_8K, sound), audio.law(codec)).tobytes()
    size = samples // 6
    return [octets[at : at + size] for at in range(0, len(octets), size)]


@cache
def _tone(codec: str, hertz: float, amplitude: float) -> tuple[bytes, ...]:
    return tuple(coded(codec, sine(hertz, SECONDS, amplitude if hertz else 0)))


class Phone:
    """One leg: says a tone of `hertz` (0: digital silence), keeps packets as (tick, payload, samples, marker)."""

    def __init__(
        self, leg: str, codec: str = "opus", hertz: float = 0, amplitude: float = 0.1, ptime_ms: int = 20
    ) -> None:
        self.leg = leg
        self.codec = codec
        self.hertz = hertz
        self.negotiated = negotiated(codec, ptime_ms)
        self.packets: list[tuple[int, bytes, int, bool]] = []
        self.levels: list[int] = []  # told with the packets
        self.level: int | None = None  # what it says of its own
        self.talks = True
        self._payloads = list(_tone(codec, hertz, amplitude))
        self._place = 0

    def say(self, sound: Samples) -> None:
        """From now on say this, again and again."""
        self._payloads = coded(self.codec, sound)
        self._place = 0

    def units(self) -> tuple[Unit, ...]:
        """What the jitter buffer gives for a tick."""
        if not self.talks:
            return (Unit(UnitKind.SILENCE, self.negotiated.payload_type, b"", FRAME),)
        payload = self._payloads[self._place % len(self._payloads)]
        self._place += 1
        return (Unit(UnitKind.PACKET, self.negotiated.payload_type, payload, FRAME),)

    def heard(self, first: int = 0, last: int = 1 << 30) -> Samples:
        """What was sent to it in ticks `first` to `last` - 1, decoded to 48 kHz (from the start, as a phone does)."""
        sound = self._decoded([payload for tick, payload, _, _ in self.packets if tick < last])
        return sound[sum(samples for tick, _, samples, _ in self.packets if tick < first) :]

    def _decoded(self, payloads: Sequence[bytes]) -> Samples:
        match audio.kind(self.codec):
            case Kind.OPUS:
                decoder, room = opus.OpusDecoder(), np.zeros(opus.MAX_SAMPLES, np.float32)
                pointer = opus.address(room)
                return np.concatenate(
                    [
                        room[: decoder.decode(payload, pointer, opus.MAX_SAMPLES)].copy()
                        for payload in payloads
                    ]
                )
            case Kind.WIDE:
                wide = g722.G722Decoder()
                return _up(FROM_16K, np.concatenate([wide.decode(payload) for payload in payloads]))
            case _:
                codes = np.frombuffer(b"".join(payloads), np.uint8)
                return _up(FROM_8K, g711.decode(codes, audio.law(self.codec)))

    def hears_db(self, hertz: float, first: int, last: int) -> float:
        """How loud a tone was in some ticks [dBFS]."""
        return tone_db(self.heard(first, last), hertz)


class Studio:
    """An AudioMixer and its phones. Ticks are counted from 0."""

    def __init__(self, *phones: Phone, folders: Sequence[Path] = ()) -> None:
        self.mixer = AudioMixer(folders)
        self.phones = {phone.leg: phone for phone in phones}
        self.tick = 0
        self.events: list[tuple[int, contract.Event]] = []
        self.results: list[Result] = []
        self._commands: list[contract.Command | Loss] = []
        for phone in phones:
            self.tell(contract.ConfigureLeg(phone.leg, phone.negotiated))

    def tell(self, *commands: contract.Command | Loss) -> None:
        """For the next tick."""
        self._commands.extend(commands)

    def seat(self, *seats: Seat | str, conference: str = "1", loudest: int = 8) -> None:
        """A new plan of a conference."""
        given = tuple(Seat(seat) if isinstance(seat, str) else seat for seat in seats)
        self.tell(contract.SetPlan(Plan(conference, given, loudest)))

    def close(self, leg: str) -> None:
        """The leg hangs up; its phone keeps what it has."""
        self.tell(contract.CloseLeg(leg))
        del self.phones[leg]

    def run(self, ticks: int) -> None:
        """So many times 20 ms."""
        everybody = dict(self.phones)
        for _ in range(ticks):
            received = [Received(phone.leg, phone.units(), phone.level) for phone in self.phones.values()]
            commands, self._commands = self._commands, []
            result = self.mixer.tick(Job(commands, received))
            self.results.append(result)
            self.events.extend((self.tick, event) for event in result.events)
            for legs, payload, samples, marker, level in result.outgoing:
                for leg in legs:
                    everybody[leg].packets.append((self.tick, payload, samples, marker))
                    everybody[leg].levels.append(level)
            self.tick += 1

    def ended(self) -> list[tuple[int, str]]:
        """(tick, play) of all plays that ended."""
        return [(tick, event.play) for tick, event in self.events if isinstance(event, contract.PlayEnded)]

    def talking(self) -> list[tuple[int, tuple[str, ...]]]:
        """(tick, legs) of all told talkers."""
        return [(tick, event.legs) for tick, event in self.events if isinstance(event, contract.Talking)]


def tones(count: int) -> list[float]:
    """Frequencies that no codec confuses, all below 3.4 kHz."""
    return [400.0 + 210.0 * number for number in range(count)]


def group(count: int, codecs: Iterable[str] = ("opus",), amplitude: float = 0.03) -> list[Phone]:
    """Phones with a tone each, the codecs in turn."""
    names = list(codecs)
    return [
        Phone(f"leg{number}", names[number % len(names)], hertz, amplitude)
        for number, hertz in enumerate(tones(count))
    ]
