"""Opus through libopus: round trips, loss, live settings, and that no payload of a peer raises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bridge.codec.opus import (
    MAX_SAMPLES,
    Application,
    Bandwidth,
    OpusDecoder,
    OpusEncoder,
    address,
    says_nothing,
    version,
)
from mixer.pcm import FRAME, RATE, Samples
from tests.mixer.sounds import sine, snr_db, tone_db, voice

SHARED = Path(__file__).parents[2] / ".." / "shared" / "vectors"


def encode(encoder: OpusEncoder, sound: Samples, samples: int = FRAME) -> list[bytes]:
    frames = np.ascontiguousarray(sound[: len(sound) // samples * samples].reshape(-1, samples))
    return [encoder.encode(address(frame), samples) for frame in frames]


def decode(decoder: OpusDecoder, payload: bytes) -> Samples:
    room = np.zeros(MAX_SAMPLES, np.float32)
    return room[: decoder.decode(payload, address(room), MAX_SAMPLES)]


def test_the_library_is_there() -> None:
    assert version().startswith("libopus")


@pytest.mark.parametrize(("application", "delay"), [(Application.LOW_DELAY, 120), (Application.VOIP, 0)])
@pytest.mark.parametrize("samples", [480, 960, 1920, 2880])
def test_round_trip(application: Application, delay: int, samples: int) -> None:
    tone = sine(440, 1.2, 0.3)
    decoder = OpusDecoder()
    payloads = encode(OpusEncoder(application, 48_000, 5), tone, samples)
    out = np.concatenate([decode(decoder, payload) for payload in payloads])
    assert len(out) == len(tone)
    if application is Application.LOW_DELAY:  # the speech coder has a high-pass that turns the phase
        assert snr_db(tone[9600:38400], out[9600:], delay) > 20
    assert tone_db(out[9600:], 440) == pytest.approx(tone_db(tone[9600:], 440), abs=0.5)


def test_loss_is_concealed_and_fades() -> None:
    decoder = OpusDecoder()
    for payload in encode(OpusEncoder(Application.VOIP, 32_000, 5), voice(0.6)):
        last = decode(decoder, payload)
    levels = []
    room = np.zeros(FRAME, np.float32)
    for _ in range(30):
        decoder.conceal(address(room), FRAME)
        levels.append(float(np.abs(room).max()))
    assert levels[0] > 0.2 * float(np.abs(last).max())
    assert levels[-1] < 0.2 * levels[0]


def test_fec_gives_back_what_was_lost() -> None:
    sound = voice(1.5)
    with_fec = encode(OpusEncoder(Application.VOIP, 40_000, 5, fec=True, loss_percent=20), sound)
    lost = 30
    wanted = OpusDecoder()
    whole = [decode(wanted, payload) for payload in with_fec]

    def after_loss(use_fec: bool) -> float:
        decoder = OpusDecoder()
        for payload in with_fec[:lost]:
            decode(decoder, payload)
        room = np.zeros(FRAME, np.float32)
        if use_fec:
            decoder.recover(with_fec[lost + 1], address(room), FRAME)
        else:
            decoder.conceal(address(room), FRAME)
        return float(np.sum((room - whole[lost]) ** 2))

    assert after_loss(True) < 0.7 * after_loss(False)


def test_recovery_without_fec_in_the_packet_is_concealment() -> None:
    decoder = OpusDecoder()
    payloads = encode(OpusEncoder(Application.LOW_DELAY, 40_000, 5), sine(440, 0.4, 0.3))
    for payload in payloads[:-1]:
        decode(decoder, payload)
    room = np.zeros(FRAME, np.float32)
    decoder.recover(payloads[-1], address(room), FRAME)
    assert np.abs(room).max() > 0.1
    decoder.recover(b"", address(room), FRAME)
    decoder.recover(b"\xff\xff", address(room), 480)


def test_settings_change_live() -> None:
    encoder = OpusEncoder(Application.LOW_DELAY, 64_000, 3)
    sound = voice(0.4)
    rich = sum(map(len, encode(encoder, sound)))
    encoder.set_bitrate(16_000)
    assert sum(map(len, encode(encoder, sound))) < 0.5 * rich


def test_bandwidth_follows_the_peer() -> None:
    assert Bandwidth.for_rate(8000) is Bandwidth.NARROW
    assert Bandwidth.for_rate(16000) is Bandwidth.WIDE
    assert Bandwidth.for_rate(48000) is Bandwidth.FULL
    hiss = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.1
    decoder = OpusDecoder()
    payloads = encode(OpusEncoder(Application.VOIP, 24_000, 5, Bandwidth.NARROW), hiss)
    out = np.concatenate([decode(decoder, payload) for payload in payloads])[9600:]
    spectrum = np.abs(np.fft.rfft(out)) ** 2
    frequency = np.fft.rfftfreq(len(out), 1 / RATE)
    assert spectrum[frequency > 6000].sum() < 0.01 * spectrum.sum()


def test_dtx_says_nothing_in_pauses() -> None:
    encoder = OpusEncoder(Application.VOIP, 24_000, 5, dtx=True)
    sizes = [len(payload) for payload in encode(encoder, np.zeros(RATE, np.float32))]
    assert min(sizes) <= 2
    assert sum(size <= 2 for size in sizes) > len(sizes) // 2


def test_an_encoder_that_begins_anew_is_understood_by_a_new_decoder() -> None:
    sound = sine(440, 1.0, 0.3)
    errors = []
    for anew in (True, False):
        encoder, settled, fresh = OpusEncoder(Application.LOW_DELAY, 40_000, 4), OpusDecoder(), OpusDecoder()
        for payload in encode(encoder, sound[:24000]):
            decode(settled, payload)
        if anew:
            encoder.begin_anew()
        pairs = [(decode(settled, p), decode(fresh, p)) for p in encode(encoder, sound[24000:28800])]
        errors.append(sum(float(np.sum((a - b)[240:] ** 2)) for a, b in pairs))
    assert errors[0] < 0.3 * errors[1]


def test_the_voice_flag_is_read() -> None:
    speech = voice(1.0)
    for application, bitrate in ((Application.VOIP, 32_000), (Application.VOIP, 12_000)):
        encoder = OpusEncoder(application, bitrate, 5)
        assert not any(map(says_nothing, encode(encoder, speech)[3:10]))
        assert all(map(says_nothing, encode(encoder, np.zeros(RATE, np.float32))[10:]))
    celt = encode(OpusEncoder(Application.LOW_DELAY, 40_000, 5), speech)
    assert not any(map(says_nothing, celt))
    assert says_nothing(b"")
    assert says_nothing(b"\x78")


def test_bad_payloads_are_counted() -> None:
    decoder = OpusDecoder()
    assert len(decode(decoder, b"")) == 0
    assert len(decode(decoder, b"\x7b")) == 0  # code 3 without a count
    assert decoder.bad_payloads == 2


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the shared vectors are not here")
def test_shared_vectors() -> None:
    entries = [each for each in json.loads((SHARED / "manifest.json").read_text()) if each["kind"] == "opus"]
    assert entries
    for entry in entries:
        decoder = OpusDecoder()
        decoded = decode(decoder, (SHARED / entry["file"]).read_bytes()[12:])
        outcome = "accept" if len(decoded) else "reject-packet"
        assert outcome in entry["expect"].split("|"), entry["name"]
        tone = encode(OpusEncoder(Application.VOIP, 32_000, 5), sine(440, 0.2, 0.3))
        assert np.abs(np.concatenate([decode(decoder, p) for p in tone])).max() > 0.2, entry["name"]
