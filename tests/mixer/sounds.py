"""Tones and measures that the tests of everything with sound share."""

from __future__ import annotations

import numpy as np

from mixer.pcm import RATE, Samples


def sine(frequency: float, seconds: float, amplitude: float = 0.25, rate: int = RATE) -> Samples:
    """A tone of `amplitude` (linear, peak)."""
    position = np.arange(round(seconds * rate))
    return (amplitude * np.sin(2 * np.pi * frequency * position / rate)).astype(np.float32)


def voice(seconds: float, seed: int = 1) -> Samples:
    """Harmonics in syllables: what the speech coder takes for speech."""
    position = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(120 * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * position))) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.abs(np.sin(2 * np.pi * 2.1 * position))
    sound += 0.01 * np.random.default_rng(seed).standard_normal(len(position))
    return np.asarray(0.1 * sound, np.float32)


def tone_db(sound: Samples, frequency: float, rate: int = RATE) -> float:
    """The peak amplitude of one frequency in a sound [dBFS], under a window that keeps neighbours 70 dB away."""
    window = np.blackman(len(sound))
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(sound)) / rate)
    amplitude = 2 * abs(np.sum(sound * window * turn)) / window.sum()
    return float(20 * np.log10(max(amplitude, 1e-9)))


def clicks_db(sound: Samples, rate: int = RATE) -> float:
    """The loudest sample above 5 kHz [dBFS]: what a discontinuity in low tones leaves there."""
    spectrum = np.fft.rfft(sound * np.hanning(len(sound)))
    spectrum[np.fft.rfftfreq(len(sound), 1 / rate) < 5000] = 0
    return float(20 * np.log10(max(np.abs(np.fft.irfft(spectrum, len(sound))).max(), 1e-9)))


def snr_db(wanted: Samples, got: Samples, delay: int) -> float:
    """Signal to noise of `got`, which is `wanted` `delay` samples later, with the best gain."""
    got = got[delay : delay + len(wanted)]
    wanted = wanted[: len(got)]
    gain = float(np.dot(wanted, got) / np.dot(wanted, wanted))
    noise = got - gain * wanted
    return float(10 * np.log10(np.dot(got, got) / max(float(np.dot(noise, noise)), 1e-20)))
