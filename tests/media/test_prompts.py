"""Prompts are found, fall back, and are never missing; tones and music are made where no file is."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.media.prompts import MUSIC, Prompts, Recording, music, tone
from mixer.pcm import FRAME, RATE, Samples
from tests.mixer.sounds import clicks_db, sine, tone_db


def write(path: Path, sound: Samples, rate: int = RATE, channels: int = 1, width: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def sound_of(recording: Recording) -> Samples:
    return np.concatenate([recording.frame(number) for number in range(recording.frames)])


@pytest.mark.parametrize("rate", [8000, 12000, 16000, 24000, 48000])
def test_any_usual_rate(tmp_path: Path, rate: int) -> None:
    write(tmp_path / "en" / "hello.wav", sine(440, 0.5, 0.3, rate), rate)
    recording = Prompts([tmp_path]).get("hello", "en")
    assert recording.frames == 25
    assert recording.frame(3).shape == (FRAME,)
    assert tone_db(sound_of(recording), 440) == pytest.approx(-10.5, abs=0.3)


def test_folders_languages_and_their_order(tmp_path: Path) -> None:
    own, built_in = tmp_path / "own", tmp_path / "built-in"
    for hertz, path in (
        (300, own / "en" / "a.wav"),
        (400, built_in / "en" / "a.wav"),
        (500, built_in / "nb" / "a.wav"),
        (600, built_in / "en" / "b.wav"),
    ):
        write(path, sine(hertz, 0.2, 0.3))
    prompts = Prompts([own, built_in])

    def hertz_of(name: str, language: str) -> int:
        sound = sound_of(prompts.get(name, language))
        return max((300, 400, 500, 600), key=lambda hertz: tone_db(sound, hertz))

    assert hertz_of("a", "en") == 300
    assert hertz_of("a", "nb") == 500
    assert hertz_of("b", "nb") == 600
    assert hertz_of("a", "de") == 300
    assert not prompts.counters


def test_a_missing_prompt_is_a_short_tone_and_counted(tmp_path: Path) -> None:
    prompts = Prompts([tmp_path])
    recording = prompts.get("no-such-prompt", "en")
    assert 0 < recording.frames < 50
    assert np.abs(sound_of(recording)).max() > 0.02
    assert prompts.get("no-such-prompt", "en") is recording
    assert prompts.counters == {"prompt-missing": 2}


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "", "a b", "\N{LATIN SMALL LETTER O WITH STROKE}"]
)
def test_names_that_are_no_names(tmp_path: Path, name: str) -> None:
    write(tmp_path / "passwd.wav", sine(440, 0.2))
    prompts = Prompts([tmp_path / "folder"])
    prompts.get(name, "en")
    prompts.get("hello", name)
    assert prompts.counters["prompt-missing"] == 2


def test_files_that_are_no_prompts(tmp_path: Path) -> None:
    write(tmp_path / "en" / "stereo.wav", sine(440, 0.2), channels=2)
    write(tmp_path / "en" / "odd.wav", sine(440, 0.2), rate=11025)
    write(tmp_path / "en" / "empty.wav", sine(440, 0))
    (tmp_path / "en" / "text.wav").write_text("hello")
    (tmp_path / "en" / "folder.wav").mkdir()
    prompts = Prompts([tmp_path])
    for name in ("stereo", "odd", "empty", "text", "folder"):
        assert prompts.get(name, "en").frames
    assert prompts.counters == {"prompt-bad": 5, "prompt-missing": 5}


def test_tones_are_made_and_may_be_replaced(tmp_path: Path) -> None:
    prompts = Prompts([tmp_path])
    for name in ("tone-join", "tone-leave", "tone-knock", "tone-key", "tone-something-new"):
        recording = prompts.get(name, "nb")
        assert 1 <= recording.frames <= 50
        sound = sound_of(recording)
        assert abs(sound[0]) < 0.002
        assert 10 ** (-30 / 20) < np.abs(sound).max() < 10 ** (-20 / 20)
    assert not prompts.counters
    write(tmp_path / "en" / "tone-join.wav", sine(1234, 0.3, 0.3))
    assert tone_db(sound_of(Prompts([tmp_path]).get("tone-join", "nb")), 1234) > -12


def test_tones_do_not_click() -> None:
    sound = sound_of(tone(((440.0, 100), (0, 50), (660.0, 100))))
    padded = np.concatenate((np.zeros(4800, np.float32), sound, np.zeros(4800, np.float32)))
    assert clicks_db(padded) < -60


def test_music_is_soft_and_loops_without_a_seam() -> None:
    sound = sound_of(music())
    assert -40 < 20 * np.log10(np.abs(sound).max()) < -25
    assert clicks_db(np.tile(sound, 2)[len(sound) - RATE : len(sound) + RATE]) < -75
    seconds = np.abs(sound.reshape(-1, RATE)).max(axis=1)
    assert seconds.min() > 0.3 * seconds.max()


def test_recordings_are_kept(tmp_path: Path) -> None:
    prompts = Prompts([tmp_path])
    assert prompts.get(MUSIC, "en") is prompts.get(MUSIC, "en")
    for number in range(300):
        prompts.get(f"tone-{number}", "en")
    assert len(prompts._made) <= 64


def test_what_is_too_much_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.media.prompts._MOST_OCTETS", 50_000)
    for name in ("a", "b"):
        write(tmp_path / "en" / f"{name}.wav", sine(440, 0.3))
    prompts = Prompts([tmp_path])
    assert prompts.get("a", "en").frames == 15
    assert prompts.counters == {"prompt-bad": 1}


def test_ends_are_softened(tmp_path: Path) -> None:
    write(tmp_path / "en" / "cut.wav", np.full(4800, 0.5, np.float32))
    sound = sound_of(Prompts([tmp_path]).get("cut", "en"))
    assert abs(sound[0]) < 0.01
    assert np.abs(np.diff(sound)).max() < 0.01
