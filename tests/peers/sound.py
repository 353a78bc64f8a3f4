"""Who is in a recording: every peer sends a sine of its own, and a Fourier transform tells which of them arrived."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

SILENCE_DBFS = -180.0
# Speech codecs and jitter buffers leave hum and clicks below this.
_LOWEST_HZ = 60.0
# Two maxima closer than this are one tone with the skirts of its window and codec.
_APART_HZ = 40.0


class Tone(NamedTuple):
    """A sine found in a recording."""

    hz: float
    dbfs: float


class Heard(NamedTuple):
    """The answer of `hears`: both are empty when exactly the wanted tones are there."""

    missing: list[float]
    extra: list[float]


@dataclass(frozen=True, slots=True)
class Recording:
    """Mono sound: `samples` float32 in -1..1, `rate` [Hz]."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def cut(self, start: float = 0.0, end: float | None = None) -> Recording:
        """The part from `start` to `end` [s]; negative times count from the end, as in a slice."""
        last = None if end is None else round(end * self.rate)
        return Recording(self.samples[round(start * self.rate) : last], self.rate)

    def level_dbfs(self, start: float = 0.0, end: float | None = None) -> float:
        """RMS level [dB relative to a full-scale square wave]; -180 for nothing at all."""
        samples = self.cut(start, end).samples
        if not len(samples):
            return SILENCE_DBFS
        power = float(np.mean(np.square(samples, dtype=np.float64)))
        return max(SILENCE_DBFS, 10 * float(np.log10(power + 1e-20)))

    def silences(self, below_dbfs: float = -60.0, block_ms: float = 5.0) -> list[tuple[float, float]]:
        """(start, end) [s] of every stretch of blocks that are quieter than `below_dbfs`."""
        size = max(1, round(self.rate * block_ms / 1000))
        count = len(self.samples) // size
        blocks = self.samples[: count * size].reshape(count, size).astype(np.float64)
        quiet = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-20) < below_dbfs
        edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False]))))
        step = size / self.rate
        return [(float(begin * step), float(end * step)) for begin, end in edges.reshape(-1, 2)]

    def longest_silence(self, below_dbfs: float = -60.0) -> float:
        """Length [s] of the longest stretch of silence."""
        return max((end - start for start, end in self.silences(below_dbfs)), default=0.0)


def tones_in(pcm: Samples, rate: int, below_peak_db: float = 30.0, floor_dbfs: float = -50.0) -> list[Tone]:
    """The sines in `pcm` (1-D, -1..1), lowest first.

    A maximum of the spectrum counts when it is above `floor_dbfs` and at most `below_peak_db` under the loudest.
    Levels are those of a sine of full scale (0 dB). Less than a quarter of a second tells nothing: [].
    """
    if len(pcm) < rate // 4:
        return []
    window = np.blackman(len(pcm))
    spectrum = np.abs(np.fft.rfft(pcm * window)) * 2 / window.sum()
    levels = 20 * np.log10(spectrum + 1e-9)
    frequencies = np.fft.rfftfreq(len(pcm), 1 / rate)
    levels[frequencies < _LOWEST_HZ] = SILENCE_DBFS
    threshold = max(floor_dbfs, float(levels.max()) - below_peak_db)
    found: list[Tone] = []
    for index in np.argsort(-levels):
        if levels[index] < threshold:
            break
        if all(abs(frequencies[index] - tone.hz) > _APART_HZ for tone in found):
            found.append(Tone(float(frequencies[index]), float(levels[index])))
    return sorted(found)


def hears(
    recording: Recording,
    wanted: Sequence[float],
    start: float = 0.0,
    end: float | None = None,
    *,
    tolerance_hz: float = 8.0,
    below_peak_db: float = 30.0,
) -> Heard:
    """Compare the tones between `start` and `end` [s] with those `wanted` [Hz]."""
    part = recording.cut(start, end)
    found = [tone.hz for tone in tones_in(part.samples, part.rate, below_peak_db)]
    missing = [hz for hz in wanted if not any(abs(hz - other) <= tolerance_hz for other in found)]
    extra = [hz for hz in found if not any(abs(hz - other) <= tolerance_hz for other in wanted)]
    return Heard(missing, extra)


def stands_out_db(recording: Recording, hz: float) -> float:
    """How much louder a steady tone at `hz` is than all else within 40 Hz [dB]; speech and music have no such peaks.

    Below -90 dBFS nothing stands out. Two seconds of sound or more make it sharp.
    """
    window = np.blackman(len(recording.samples))
    spectrum = np.abs(np.fft.rfft(recording.samples * window)) * 2 / window.sum()
    frequencies = np.fft.rfftfreq(len(recording.samples), 1 / recording.rate)
    away = np.abs(frequencies - hz)
    # The window makes a tone three bins wide at either side.
    skirt = 4 * recording.rate / len(recording.samples)
    tone = float(spectrum[away <= skirt / 2].max())
    rest = float(spectrum[(away > skirt) & (away < 40)].max())
    return 20 * float(np.log10((tone + 1e-12) / (rest + 10 ** (-90 / 20))))


def sine(hz: float, seconds: float, rate: int, level: float = 0.3) -> Samples:
    """A sine of peak `level`."""
    steps = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hz * steps)).astype(np.float32)


def read_wav(path: Path) -> Recording:
    """Read a WAV of 16-bit integers or 32-bit floats, mixed down to mono, also one whose header was never finished.

    The wave module reads neither of the latter two. Raises ValueError for anything else.
    """
    raw = path.read_bytes()
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise ValueError(f"{path}: not a WAV")
    position, channels, rate, bits = 12, 0, 0, 0
    while position + 8 <= len(raw):
        name, size = raw[position : position + 4], int.from_bytes(raw[position + 4 : position + 8], "little")
        body = position + 8
        if name == b"fmt ":
            channels, rate, bits = struct.unpack_from("<xxHIxxxxxxH", raw, body)
        if name == b"data":
            # A writer that was killed leaves the size at 0 or beyond the end: then the rest of the file is sound.
            end = body + size if 0 < size <= len(raw) - body else len(raw)
            return Recording(_to_mono(raw[body:end], channels, bits), rate)
        position = body + size + size % 2
    raise ValueError(f"{path}: no sound in it")


def _to_mono(raw: bytes, channels: int, bits: int) -> Samples:
    kind, scale = {16: ("<i2", 32768.0), 32: ("<f4", 1.0)}[bits]
    usable = len(raw) - len(raw) % (channels * bits // 8)
    frames = np.frombuffer(raw[:usable], kind).reshape(-1, channels)
    mono: Samples = (frames.mean(axis=1) / scale).astype(np.float32)
    return mono


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    """Write mono 16-bit PCM."""
    pcm = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    header = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", len(pcm)) + pcm
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
