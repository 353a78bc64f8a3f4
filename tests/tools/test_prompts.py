"""Every prompt exists in every language, says what the table says, and is fit to be heard."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.media.prompts import Prompts
from bridge.rooms.announcements import FAREWELLS, REFUSALS, number
from tools.prompts import FOLDER, MANIFEST, RATE, Prompt, check, make, read_table, wav

PROMPTS = read_table()
LANGUAGES = {"nb", "en"}
NAMES = {prompt.name for prompt in PROMPTS}


def test_each_language_has_each_prompt() -> None:
    assert {prompt.language for prompt in PROMPTS} == LANGUAGES
    assert len(PROMPTS) == len(LANGUAGES) * len(NAMES)


def test_all_that_policy_says_can_be_spoken() -> None:
    spoken = {name for names in (*FAREWELLS.values(), *REFUSALS.values()) for name in names}
    spoken |= {name for count in range(1000) for name in number(count)}
    assert spoken <= NAMES


def test_the_files_are_those_of_the_table() -> None:
    assert list(check(PROMPTS, FOLDER)) == []


def test_the_mixer_can_play_them_all() -> None:
    store = Prompts([FOLDER])
    assert all(store.get(prompt.name, prompt.language).frames > 15 for prompt in PROMPTS)
    assert not store.counters


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt.key)
def test_a_prompt_is_fit_to_be_heard(prompt: Prompt) -> None:
    with wave.open(str(FOLDER / f"{prompt.key}.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    assert 0.3 < len(samples) / RATE < 15.1
    assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(-20, abs=0.5)
    assert np.abs(samples).max() < 0.91
    # It neither begins nor ends with a click or with silence.
    assert np.abs(samples[[0, -1]]).max() < 0.001
    assert np.abs(samples[: RATE // 10]).max() > 0.005


def test_the_set_is_small_enough_to_carry() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*/*.wav")) < 6.3e6


def test_a_changed_text_is_noticed_and_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.prompts.speak", lambda prompt: np.full(RATE, len(prompt.text) / 1000))
    old = [Prompt("nb", "hello", "Hei.", "nb", 150), Prompt("nb", "bye", "Ha det.", "nb", 150)]
    assert list(make(old, tmp_path)) == ["made nb/hello", "made nb/bye"]
    assert list(make(old, tmp_path)) == []
    new = [old[0]._replace(text="Hallo.")]
    assert list(check(new, tmp_path)) == [
        "nb/hello: the file says something else than the table",
        "nb/bye: not in the table",
    ]
    assert list(make(new, tmp_path)) == ["made nb/hello", "removed nb/bye"]
    (tmp_path / "nb/hello.wav").write_bytes(wav(np.zeros(9)))
    assert list(check(new, tmp_path)) == ["nb/hello: the file was changed by hand"]
    (tmp_path / "nb/hello.wav").unlink()
    assert list(check(new, tmp_path)) == ["nb/hello: no file"]
    assert list(make(new, tmp_path)) == ["made nb/hello"]
    assert (tmp_path / MANIFEST).exists()


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_prompt_is_made_as_it_was_made() -> None:
    from tools.prompts import speak

    prompt = next(prompt for prompt in PROMPTS if prompt.name == "admitted")
    with wave.open(str(FOLDER / f"{prompt.key}.wav")) as file:
        committed = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    made = speak(prompt)
    # Other versions of espeak-ng speak a little differently; length and loudness stay.
    assert len(made) / RATE == pytest.approx(len(committed) / RATE, abs=0.3)
