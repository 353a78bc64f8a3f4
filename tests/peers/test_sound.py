"""The judges of every end-to-end test are right themselves: tones, levels, silences, G.711 and WAVs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.peers.g711 import LAWS
from tests.peers.sound import Recording, hears, read_wav, sine, stands_out_db, tones_in, write_wav


def test_each_tone_of_a_mix_is_found_with_its_level() -> None:
    mix = sine(400, 2, 8000, 0.1) + sine(700, 2, 8000, 0.2) + sine(1100, 2, 8000, 0.4)
    found = tones_in(mix, 8000)
    assert [round(tone.hz) for tone in found] == [400, 700, 1100]
    assert [tone.dbfs for tone in found] == pytest.approx([-20, -14, -8], abs=0.1)


def test_what_is_missing_and_what_is_too_much_are_told_apart() -> None:
    recording = Recording(sine(400, 2, 8000) + sine(900, 2, 8000), 8000)
    assert hears(recording, [400, 900]) == ([], [])
    missing, extra = hears(recording, [400, 1200])
    assert missing == [1200]
    assert extra == pytest.approx([900], abs=1)


def test_noise_and_silence_are_no_tones() -> None:
    noise = np.random.default_rng(1).normal(0, 0.001, 16000).astype(np.float32)
    assert tones_in(noise, 8000) == []
    assert tones_in(np.zeros(16000, np.float32), 8000) == []


def test_levels_and_silences_have_places() -> None:
    pause = np.zeros(4000, np.float32)
    recording = Recording(np.concatenate([sine(440, 1, 8000, 1.0), pause, sine(440, 1, 8000, 1.0)]), 8000)
    assert recording.level_dbfs(0, 1) == pytest.approx(-3, abs=0.1)
    assert recording.level_dbfs(1.1, 1.4) == -180
    assert recording.silences() == [pytest.approx((1.0, 1.5))]
    assert recording.longest_silence() == pytest.approx(0.5)


def test_a_soft_tone_stands_out_of_noise_and_a_missing_one_does_not() -> None:
    noise = 0.02 * np.random.default_rng(1).standard_normal(24_000).astype(np.float32)
    both = Recording(noise + sine(450, 3, 8000, 0.01), 8000)
    assert stands_out_db(both, 450) > 15
    assert stands_out_db(both, 620) < 6
    assert stands_out_db(Recording(np.zeros(24_000, np.float32), 8000), 450) < 0


@pytest.mark.parametrize("name", LAWS)
def test_g711_keeps_a_tone(name: str) -> None:
    law = LAWS[name]
    wave = sine(440, 1, 8000, 0.5)
    error = law.decode(law.encode(wave)) - wave
    assert 10 * np.log10(np.mean(wave**2) / np.mean(error**2)) > 35
    every_byte = bytes(range(256))
    # Both laws have a plus and a minus zero, or none: other than that a value has one byte.
    assert sum(a != b for a, b in zip(law.encode(law.decode(every_byte)), every_byte, strict=True)) <= 1


def test_a_wav_is_read_as_written_even_if_its_header_was_never_finished(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    wave = sine(440, 0.5, 16000)
    write_wav(path, wave, 16000)
    assert read_wav(path).rate == 16000
    assert np.allclose(read_wav(path).samples, wave, atol=1e-4)
    raw = bytearray(path.read_bytes())
    raw[40:44] = bytes(4)
    path.write_bytes(raw)
    assert np.allclose(read_wav(path).samples, wave, atol=1e-4)
    path.write_bytes(b"no sound at all")
    with pytest.raises(ValueError, match="not a WAV"):
        read_wav(path)
