"""Spoken prompts and tones: recordings from folders, and what is synthesised where there is none.

A prompt is `<folder>/<language>/<name>.wav`, 16-bit mono at 8, 12, 16, 24 or 48 kHz. The first folder that has it
counts; a language that lacks it falls back to English. Tones, music and the silence before a welcome are made here if
no file is there; anything else that is missing is a short tone, and counted.
"""

from __future__ import annotations

import wave
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mixer.pcm import FRAME, RATE, Samples, amplitude, raised_cosine
from mixer.resample import whole

Recording = npt.NDArray[np.int16]  # 48 kHz; half the memory of float32, and prompts are 16-bit anyway
FALLBACK_LANGUAGE = "en"
MUSIC = "music"
TONE = "tone-"
_LONGEST_S = 120  # of one file; the rest is not played
_KEPT = 256  # recordings kept in memory; the oldest is dropped
_EDGE = 240  # 5 ms: every recording begins and ends at 0
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


def _pcm(sound: Samples) -> Recording:
    return np.asarray(np.clip(sound * 32767.0, -32768, 32767), np.int16)


def _soften(sound: Samples) -> Samples:
    """Fade both ends."""
    edge = min(_EDGE, len(sound) // 2)
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
        parts.append(_soften(note))
    return _pcm(np.concatenate(parts))


def music() -> Recording:
    """A soft pattern that loops without a seam (each note rings into the next, the last into the first)."""
    notes = [note for chord in _MUSIC for note in chord]
    step = round(_MUSIC_NOTE_S * RATE)
    sound = np.zeros(len(notes) * step, np.float32)
    position = np.arange(3 * step, dtype=np.float32) / RATE
    envelope = np.exp(-position * 1.8) * (1 - np.exp(-position * 60))
    envelope[-step:] *= raised_cosine(step)[::-1]
    for number, frequency in enumerate(notes):
        ring = np.sin(2 * np.pi * frequency * position) + 0.25 * np.sin(4 * np.pi * frequency * position)
        places = (number * step + np.arange(len(position))) % len(sound)
        sound[places] += ring * envelope
    return _pcm(sound * np.float32(amplitude(_MUSIC_LEVEL) / np.abs(sound).max()))


def read(path: Path) -> Recording:
    """A wav file as 48 kHz. Raises ValueError for one that is not 16-bit mono at a rate we know, OSError, EOFError."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getnchannels() != 1 or file.getsampwidth() != 2:
                raise ValueError(f"{path} is not 16-bit mono")
            rate = file.getframerate()
            octets = file.readframes(_LONGEST_S * rate)
    except wave.Error as error:
        raise ValueError(f"{path}: {error}") from error
    samples = np.frombuffer(octets, "<i2").astype(np.float32) / np.float32(32768)
    if not len(samples):
        raise ValueError(f"{path} is empty")
    return _pcm(_soften(whole(samples, rate).copy()))


class Prompts:
    """The store: finds, reads and keeps recordings. `counters`: "prompt-missing", "prompt-bad"."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._kept: dict[tuple[str, str], Recording] = {}
        self.counters: Counter[str] = Counter()

    def get(self, name: str, language: str) -> Recording:
        """The recording of prompt `name`; always something to play, of whole frames."""
        key = (name, language)
        recording = self._kept.get(key)
        if recording is None:
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            recording = self._kept[key] = self._find(name, language)
        return recording

    def _find(self, name: str, language: str) -> Recording:
        if _plain(name) and _plain(language):
            for folder_language in dict.fromkeys((language, FALLBACK_LANGUAGE)):
                for folder in self._folders:
                    recording = self._read(folder / folder_language / f"{name}.wav")
                    if recording is not None:
                        return recording
        if name == MUSIC:
            return music()
        notes = _TONES.get(name)
        if notes is None:
            if not name.startswith(TONE):
                self.counters["prompt-missing"] += 1
            notes = _TONE_MISSING
        return _whole_frames(tone(notes))

    def _read(self, path: Path) -> Recording | None:
        try:
            return _whole_frames(read(path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            self.counters["prompt-bad"] += 1
            return None


def _plain(name: str) -> bool:
    """Whether a name may be part of a path."""
    return name.replace("-", "").replace("_", "").isalnum() and name.isascii()


def _whole_frames(recording: Recording) -> Recording:
    missing = -len(recording) % FRAME
    return np.concatenate((recording, np.zeros(missing, np.int16))) if missing else recording
