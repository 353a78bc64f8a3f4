"""G.711 by table is G.711: known values, the nearest code, levels without decoding."""

from __future__ import annotations

import numpy as np
import pytest

from bridge.codec import g711
from bridge.codec.g711 import Law
from mixer.pcm import power
from tests.mixer.sounds import sine, snr_db

# Codes and 16-bit values from ITU-T G.711 tables 1 and 2 (13- and 14-bit values shifted up).
KNOWN = {
    Law.MU: {
        0xFF: 0,
        0x7F: 0,
        0x80: 32124,
        0x00: -32124,
        0xFE: 8,
        0x7E: -8,
        0xF0: 120,
        0xEF: 132,
        0x8F: 16764,
    },
    Law.A: {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24, 0xC5: 264, 0x80: 5504},
}


@pytest.mark.parametrize("law", list(Law))
def test_known_values(law: Law) -> None:
    for code, value in KNOWN[law].items():
        decoded = g711.decode(np.array([code], np.uint8), law)[0]
        assert round(float(decoded) * 32768) == value, hex(code)


@pytest.mark.parametrize("law", list(Law))
def test_every_code_comes_back(law: Law) -> None:
    codes = np.arange(256, dtype=np.uint8)
    values = g711.decode(codes, law)
    again = g711.decode(g711.encode(values, law), law)
    assert np.array_equal(values, again)


@pytest.mark.parametrize("law", list(Law))
def test_the_nearest_code_is_taken(law: Law) -> None:
    values = np.sort(g711.decode(np.arange(256, dtype=np.uint8), law))
    samples = np.linspace(-0.97, 0.97, 4001, dtype=np.float32)
    errors = np.abs(g711.decode(g711.encode(samples, law), law) - samples)
    best = np.abs(values[:, np.newaxis] - samples).min(axis=0)
    assert np.all(errors <= best + 2 / 32768)


@pytest.mark.parametrize("law", list(Law))
def test_round_trip_of_a_tone(law: Law) -> None:
    for amplitude in (0.5, 0.05, 0.01):
        tone = sine(1010, 0.5, amplitude, 8000)
        assert snr_db(tone, g711.decode(g711.encode(tone, law), law), 0) > 33


@pytest.mark.parametrize("law", list(Law))
def test_level_from_codes(law: Law) -> None:
    rows = g711.codes([bytes(range(160)), bytes([g711.SILENCE[law]] * 160), bytes(range(96, 256))])
    assert rows.shape == (3, 160)
    assert g711.power(rows, law) == pytest.approx(power(g711.decode(rows, law)), rel=1e-4)


@pytest.mark.parametrize("law", list(Law))
def test_silence_and_overload(law: Law) -> None:
    silence = g711.encode(np.zeros(4, np.float32), law)
    assert np.abs(g711.decode(silence, law)).max() < 0.0003
    loud = g711.decode(g711.encode(np.array([3.0, -3.0], np.float32), law), law)
    assert loud == pytest.approx([0.98, -0.98], abs=0.01)
