"""What the callers say, encoded once before the calls begin: loops of 20 ms payloads; b"" is a frame not sent (DTX)."""

from __future__ import annotations

import wave
from enum import Enum
from pathlib import Path

import numpy as np

from bridge.codec import g711, g722
from bridge.codec.opus import Application, OpusDecoder, OpusEncoder, address
from mixer.pcm import FRAME, RATE, Samples

Loop = tuple[bytes, ...]

PROMPTS = Path(__file__).resolve().parents[2] / "bridge" / "prompts"
SPEECH_SECONDS = 8
BEEP_HZ = 1000
BEEP_SECONDS = 0.08
OPUS_BITRATE = 32_000
OPUS_COMPLEXITY = 5


class Codec(Enum):
    """A codec by its SDP name, with the payload type that we offer it as and its RTP clock [Hz]."""

    OPUS = ("opus", 111, 48_000)
    G722 = ("G722", 9, 8_000)
    PCMU = ("PCMU", 0, 8_000)
    PCMA = ("PCMA", 8, 8_000)

    @property
    def sdp_name(self) -> str:
        """As rtpmap writes it."""
        return self.value[0]

    @property
    def payload_type(self) -> int:
        """The number that we offer it as."""
        return self.value[1]

    @property
    def clock(self) -> int:
        """The RTP clock [Hz]."""
        return self.value[2]

    @property
    def law(self) -> g711.Law:
        """Its companding law; raises ValueError for those that have none."""
        return g711.Law(self.sdp_name)


def voice(number: int, folder: Path = PROMPTS) -> Samples:
    """Speech at 48 kHz, `SPEECH_SECONDS` of it without long pauses: another stretch of the prompts for each number."""
    files = sorted(folder.glob("*/*.wav"), key=lambda path: (path.stem, path.parent.name))
    chosen: list[Samples] = []
    length, index = 0, number * 17
    while length < SPEECH_SECONDS * RATE:
        with wave.open(str(files[index % len(files)])) as file:
            raw = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            part = _to_48k((raw / 32768).astype(np.float32), file.getframerate())
        chosen.append(part)
        length, index = length + len(part), index + 1
    return np.concatenate(chosen)[: SPEECH_SECONDS * RATE]


def beep() -> Samples:
    """A second at 48 kHz that begins with a beep."""
    pcm = np.zeros(RATE, np.float32)
    steps = np.arange(round(BEEP_SECONDS * RATE)) / RATE
    pcm[: len(steps)] = 0.5 * np.sin(2 * np.pi * BEEP_HZ * steps)
    return pcm


def silence(seconds: int = 2) -> Samples:
    """Digital silence at 48 kHz."""
    return np.zeros(seconds * RATE, np.float32)


def encode(pcm: Samples, codec: Codec, dtx: bool = False) -> Loop:
    """48 kHz sound to a loop of payloads. `dtx`: what holds no sound is not sent (but for Opus: nothing at all is)."""
    frames = [pcm[start : start + FRAME] for start in range(0, len(pcm) - FRAME + 1, FRAME)]
    if codec is not Codec.OPUS:
        octets = _wide(pcm) if codec is Codec.G722 else _telephone(pcm, codec.law)
        loop = tuple(octets[index * 160 : index * 160 + 160] for index in range(len(frames)))
        return tuple(b"" for _ in loop) if dtx else loop
    encoder = OpusEncoder(Application.VOIP, OPUS_BITRATE, OPUS_COMPLEXITY, dtx=dtx)
    payloads = (encoder.encode(address(np.ascontiguousarray(frame))) for frame in frames)
    # One or two octets are DTX's own word for "do not send this" (RFC 7587 section 3.1.3).
    return tuple(b"" if dtx and len(payload) <= 2 else payload for payload in payloads)


def levels(pcm: Samples) -> tuple[int, ...]:
    """How loud each 20 ms of 48 kHz sound are [-dBov, 0 to 127], as RFC 6464 tells it."""
    power = np.square(pcm[: len(pcm) // FRAME * FRAME]).reshape(-1, FRAME).mean(axis=1)
    return tuple(int(level) for level in np.clip(-10 * np.log10(power + 1e-13), 0, 127).round())


def decode(payloads: list[bytes], codec: Codec) -> list[Samples]:
    """Each payload in turn to sound at the codec's clock."""
    if codec is Codec.G722:
        wide = g722.G722Decoder()
        return [wide.decode(payload)[::2] for payload in payloads]  # its clock says 8000, it samples 16000
    if codec is not Codec.OPUS:
        return [g711.decode(np.frombuffer(payload, np.uint8), codec.law) for payload in payloads]
    decoder, buffer = OpusDecoder(), np.zeros(5760, np.float32)
    memory = address(buffer)
    return [buffer[: decoder.decode(payload, memory, len(buffer))].copy() for payload in payloads]


def _telephone(pcm: Samples, law: g711.Law) -> bytes:
    return g711.encode(_resample(pcm, len(pcm) // 6), law).tobytes()


def _wide(pcm: Samples) -> bytes:
    low, encoder = _resample(pcm, len(pcm) // 3), g722.G722Encoder()
    starts = range(0, len(low) - g722.FRAME + 1, g722.FRAME)
    return b"".join(encoder.encode(low[start : start + g722.FRAME]) for start in starts)


def _to_48k(samples: Samples, rate: int) -> Samples:
    return _resample(samples, len(samples) * RATE // rate)


def _resample(samples: Samples, count: int) -> Samples:
    """To another number of samples by way of the spectrum; the ends are taken to meet."""
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(count // 2 + 1, complex)
    size = min(len(kept), len(spectrum))
    kept[:size] = spectrum[:size]
    return np.asarray(np.fft.irfft(kept, count) * (count / len(samples)), np.float32)
