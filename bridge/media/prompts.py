"""Spoken prompts and tones: recordings from folders, and what is synthesised where there is none.

A prompt is `<folder>/<language>/<name>.wav`, 16-bit mono at 8, 12, 16, 24 or 48 kHz. The first folder that has it
wins; a language that lacks it in all folders falls back to English. Names that begin with "tone-" and "music" are made
here if no file is there; anything else that is missing is a short tone, and counted.

All files are read when the store is made, and kept as they are; a frame at a time goes to 48 kHz while it plays. So a
tick never waits for a disk or for the resampling of a long recording.
"""

from __future__ import annotations

import wave
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mixer.pcm import FRAME, RATE, Samples, amplitude, raised_cosine
from mixer.resample import RATES, from_rate

FALLBACK_LANGUAGE = "en"
MUSIC = "music"
TONE = "tone-"
_LONGEST_S = 120  # of one file; the rest is not played
_MOST_OCTETS = 64_000_000  # of all files together; what is over is left out and counted
_KEPT_TONES = 64  # synthesised ones kept in memory; the oldest is dropped
_EDGE_S = 0.005  # every recording begins and ends at 0
_SCALE = np.float32(1 / 32768)
_MUSIC_RATE = 12_000  # a quarter of the memory; it has nothing above 2 kHz
_TONE_LEVEL = -26.0
# Notes of a tone: frequency [Hz] (0 = pause) and length [ms].
_TONES: dict[str, tuple[tuple[float, int], ...]] = {
    "tone-join": ((523.3, 90), (784.0, 140)),
    "tone-leave": ((784.0, 90), (523.3, 140)),
    "tone-knock": ((440.0, 70), (0, 70), (440.0, 70), (0, 70), (440.0, 70)),
    "tone-key": ((880.0, 50),),
    "tone-refused": ((311.1, 180), (0, 40), (233.1, 260)),
    "tone-wait": ((440.0, 120),),
    # Some endpoints open their audio late, and would swallow the first words (behaviours of room systems).
    "welcome-silence": ((0, 2000),),
}
_TONE_MISSING = ((392.0, 150),)
# A slow arpeggio over four chords, 16 s: each row a chord, each note a quarter of it.
_MUSIC = (
    (261.6, 329.6, 392.0, 523.3),
    (220.0, 261.6, 329.6, 440.0),
    (174.6, 220.0, 261.6, 349.2),
    (196.0, 246.9, 293.7, 392.0),
)
_MUSIC_NOTE_S = 1.0
_MUSIC_LEVEL = -30.0


class Recording:
    """Something to play, in frames of 20 ms. `seamless`: its end goes on in its beginning."""

    def __init__(self, samples: npt.NDArray[np.int16], rate: int, seamless: bool = False) -> None:
        """`samples` at `rate` [Hz], which must be 48 kHz or one of `mixer.resample.RATES`, else ValueError."""
        if not len(samples) or (rate != RATE and rate not in RATES):
            raise ValueError(f"a recording of {len(samples)} samples at {rate} Hz")
        self._interpolator = from_rate(rate) if rate != RATE else None
        self._step = rate // (RATE // FRAME)
        history = self._interpolator.history if self._interpolator else 0
        before = samples[len(samples) - history :] if seamless else np.zeros(history, np.int16)
        missing = -len(samples) % self._step
        self._samples = np.concatenate((before, samples, np.zeros(missing, np.int16)))
        self.frames = (len(samples) + missing) // self._step

    def frame(self, number: int) -> Samples:
        """Frame `number` (0 to `frames` - 1) at 48 kHz, a fresh array."""
        start = number * self._step
        if self._interpolator is None:
            return self._samples[start : start + self._step] * _SCALE
        extended = self._samples[start : start + self._interpolator.history + self._step] * _SCALE
        return np.asarray(self._interpolator.run(extended[np.newaxis])[0], np.float32)


def _pcm(sound: Samples) -> npt.NDArray[np.int16]:
    return np.asarray(np.clip(sound * 32767.0, -32768, 32767), np.int16)


def _soften(sound: Samples, rate: int) -> Samples:
    """Fade both ends, in place."""
    edge = min(round(_EDGE_S * rate), len(sound) // 2)
    rise = raised_cosine(edge)
    sound[:edge] *= rise
    sound[len(sound) - edge :] *= rise[::-1]
    return sound


def tone(notes: Sequence[tuple[float, int]], level: float = _TONE_LEVEL) -> Recording:
    """Sine notes with soft ends, one after the other; `level` [dBFS of the peak]."""
    parts = []
    for frequency, length_ms in notes:
        position = np.arange(length_ms * RATE // 1000, dtype=np.float32) / RATE
        note = np.sin(2 * np.pi * frequency * position).astype(np.float32) * np.float32(amplitude(level))
        parts.append(_soften(note, RATE))
    return Recording(_pcm(np.concatenate(parts)), RATE)


@cache
def music() -> Recording:
    """A soft pattern that loops without a seam (each note rings into the next, the last into the first)."""
    notes = [note for chord in _MUSIC for note in chord]
    step = round(_MUSIC_NOTE_S * _MUSIC_RATE)
    sound = np.zeros(len(notes) * step, np.float32)
    position = np.arange(3 * step, dtype=np.float32) / _MUSIC_RATE
    envelope = np.exp(-position * 1.8) * (1 - np.exp(-position * 60))
    envelope[-step:] *= raised_cosine(step)[::-1]
    for number, frequency in enumerate(notes):
        ring = np.sin(2 * np.pi * frequency * position) + 0.25 * np.sin(4 * np.pi * frequency * position)
        places = (number * step + np.arange(len(position))) % len(sound)
        sound[places] += ring * envelope
    return Recording(
        _pcm(sound * np.float32(amplitude(_MUSIC_LEVEL) / np.abs(sound).max())), _MUSIC_RATE, seamless=True
    )


def read(path: Path) -> Recording:
    """A wav file. Raises ValueError for one that is not 16-bit mono at a rate we know, OSError, EOFError."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getnchannels() != 1 or file.getsampwidth() != 2:
                raise ValueError(f"{path} is not 16-bit mono")
            rate = file.getframerate()
            octets = file.readframes(_LONGEST_S * rate)
    except wave.Error as error:
        raise ValueError(f"{path}: {error}") from error
    samples = np.frombuffer(octets, "<i2").astype(np.int16)
    edge = min(round(_EDGE_S * rate), len(samples) // 2)
    ends = _soften(np.concatenate((samples[:edge], samples[len(samples) - edge :])) * np.float32(1), rate)
    samples[:edge], samples[len(samples) - edge :] = ends[:edge], ends[edge:]
    return Recording(samples, rate)


class Prompts:
    """The store. `counters`: "prompt-missing", "prompt-bad"."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.counters: Counter[str] = Counter()
        self._found: dict[tuple[str, str], Recording] = {}  # by language and name
        self._made: dict[str, Recording] = {}
        left = _MOST_OCTETS
        for folder in folders:
            for path in sorted(folder.glob("*/*.wav")):
                key = (path.parent.name, path.stem)
                if key not in self._found:
                    left -= self._read(path, key, left)
        if folders:
            music()  # made now, not in a tick

    def _read(self, path: Path, key: tuple[str, str], left: int) -> int:
        """Take a file; returns its octets."""
        try:
            size = path.stat().st_size
            if size > left:
                raise ValueError(f"{path} is too much")
            self._found[key] = read(path)
        except (OSError, ValueError, EOFError):
            self.counters["prompt-bad"] += 1
            return 0
        return size

    def get(self, name: str, language: str) -> Recording:
        """The recording of prompt `name`; always something to play."""
        for folder in (language, FALLBACK_LANGUAGE):
            recording = self._found.get((folder, name))
            if recording is not None:
                return recording
        return music() if name == MUSIC else self._tone(name)

    def _tone(self, name: str) -> Recording:
        if name not in _TONES and not name.startswith(TONE):
            self.counters["prompt-missing"] += 1
        recording = self._made.get(name)
        if recording is None:
            if len(self._made) >= _KEPT_TONES:
                del self._made[next(iter(self._made))]
            recording = self._made[name] = tone(_TONES.get(name, _TONE_MISSING))
        return recording
