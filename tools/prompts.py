"""Makes the spoken prompts: `python -m tools.prompts` speaks `prompts.toml` with espeak-ng into bridge/prompts.

Each is 16-bit mono WAV at 12 kHz, without silence around it, at one loudness. A manifest beside the files keeps a
hash of what was spoken and how, and of each file: a second run makes only what has changed, and `--check` (for which
espeak-ng is not needed) tells whether files and table belong together.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tomllib
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]

TABLE = Path(__file__).with_name("prompts.toml")
FOLDER = Path(__file__).resolve().parents[1] / "bridge" / "prompts"
MANIFEST = "manifest.json"
RATE = 12_000
LEVEL_DBFS = -20.0
_PEAK = 0.9
_QUIET = 10 ** (-46 / 20)  # what is quieter than this at either end, beside the loudest moment, is silence
_MARGIN_SECONDS = 0.03
# Part of every hash: raise it when the making below changes how the files sound.
_EDITION = 1


class Prompt(NamedTuple):
    """One thing to say."""

    language: str
    name: str
    text: str  # as espeak-ng must be told to say it
    voice: str
    speed: int

    @property
    def key(self) -> str:
        """Its name in the manifest."""
        return f"{self.language}/{self.name}"

    @property
    def hash(self) -> str:
        """Changes when the file must be made again."""
        return _hash("|".join((str(_EDITION), self.text, self.voice, str(self.speed))).encode())


def read_table(path: Path = TABLE) -> list[Prompt]:
    """All prompts of the table. Raises ValueError when a language lacks one that another has."""
    table = tomllib.loads(path.read_text("utf-8"))
    voices = table.pop("voices")
    names = set().union(*(table[language] for language in voices))
    for language in voices:
        if lacking := names - set(table[language]):
            raise ValueError(f"{path.name}: [{language}] lacks {', '.join(sorted(lacking))}")
    return [
        Prompt(language, name, _spelt(text, voice["says"]), voice["voice"], voice["speed"])
        for language, voice in voices.items()
        for name, text in table[language].items()
    ]


def _spelt(text: str, says: Mapping[str, str]) -> str:
    for written, spoken in says.items():
        text = text.replace(written, spoken)
    return text


def speak(prompt: Prompt) -> Samples:
    """The prompt as espeak-ng says it, brought to our rate, trimmed and levelled."""
    command = ["espeak-ng", "-v", prompt.voice, "-s", str(prompt.speed), "--stdout", prompt.text]
    raw = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    # Written to a pipe, its header tells no length: everything behind the header's 44 bytes is sound.
    rate = int.from_bytes(raw[24:28], "little")
    samples = np.frombuffer(raw[44 : len(raw) - len(raw) % 2], "<i2") / 32768
    return _fade(_level(_trim(_resample(samples, rate))))


def _resample(samples: Samples, rate: int) -> Samples:
    """To our rate, by cutting the spectrum off; the ends are silent, so it may wrap around."""
    count = round(len(samples) * RATE / rate)
    spectrum = np.fft.rfft(samples)
    wanted = count // 2 + 1
    kept = np.zeros(wanted, complex)
    kept[: min(wanted, len(spectrum))] = spectrum[:wanted]
    return np.fft.irfft(kept, count) * (count / len(samples))


def _trim(samples: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() * _QUIET)
    margin = round(_MARGIN_SECONDS * RATE)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def _level(samples: Samples) -> Samples:
    """To -20 dBFS RMS; the few peaks that would not fit are bent, not cut."""
    scaled = samples * (10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(samples**2)))
    knee = _PEAK / 2
    over = np.maximum(np.abs(scaled) - knee, 0)
    bent = knee + (_PEAK - knee) * np.tanh(over / (_PEAK - knee))
    levelled: Samples = np.where(over > 0, np.sign(scaled) * bent, scaled)
    return levelled


def _fade(samples: Samples) -> Samples:
    ramp = np.linspace(0, 1, RATE // 100)
    samples[: len(ramp)] *= ramp
    samples[-len(ramp) :] *= ramp[::-1]
    return samples


def wav(samples: Samples) -> bytes:
    """Mono 16-bit WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def make(prompts: list[Prompt], folder: Path, again: bool = False) -> Iterator[str]:
    """Make what is not there or has changed (`again`: all), remove what is no longer wanted; yields what was done."""
    manifest = {} if again else _read_manifest(folder)
    made: dict[str, dict[str, str]] = {}
    for prompt in prompts:
        path = folder / f"{prompt.key}.wav"
        entry = manifest.get(prompt.key, {})
        if (
            entry.get("spoken") != prompt.hash
            or not path.exists()
            or _hash(path.read_bytes()) != entry["file"]
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            content = wav(speak(prompt))
            path.write_bytes(content)
            entry = {"spoken": prompt.hash, "file": _hash(content)}
            yield f"made {prompt.key}"
        made[prompt.key] = entry
    for path in sorted(folder.glob("*/*.wav")):
        if f"{path.parent.name}/{path.stem}" not in made:
            path.unlink()
            yield f"removed {path.parent.name}/{path.stem}"
    (folder / MANIFEST).write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


def check(prompts: list[Prompt], folder: Path) -> Iterator[str]:
    """What does not fit between table, manifest and files."""
    manifest = _read_manifest(folder)
    for prompt in prompts:
        path, entry = folder / f"{prompt.key}.wav", manifest.pop(prompt.key, {})
        if not path.exists():
            yield f"{prompt.key}: no file"
        elif entry.get("spoken") != prompt.hash:
            yield f"{prompt.key}: the file says something else than the table"
        elif entry["file"] != _hash(path.read_bytes()):
            yield f"{prompt.key}: the file was changed by hand"
    yield from (f"{key}: not in the table" for key in manifest)


def _read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / MANIFEST
    read: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}
    return read


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="only tell whether table and files belong together"
    )
    parser.add_argument("--again", action="store_true", help="make all, also what has not changed")
    arguments = parser.parse_args()
    prompts = read_table()
    if arguments.check:
        faults = list(check(prompts, FOLDER))
        print("\n".join(faults) or f"{len(prompts)} prompts are as the table says")
        return 1 if faults else 0
    for line in make(prompts, FOLDER, arguments.again):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
