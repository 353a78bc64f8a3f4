"""G.722 round trip, odd payloads, and that nothing raises."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from bridge.codec.g722 import FRAME, FRAME_OCTETS, RATE, G722Decoder, G722Encoder
from tests.mixer.sounds import sine, snr_db, tone_db


def test_round_trip() -> None:
    encoder, decoder = G722Encoder(), G722Decoder()
    tone = sine(1010, 1.0, 0.3, RATE)
    payloads = [encoder.encode(frame) for frame in tone.reshape(-1, FRAME)]
    assert {len(payload) for payload in payloads} == {FRAME_OCTETS}
    out = np.concatenate([decoder.decode(payload) for payload in payloads])
    assert len(out) == len(tone)
    assert max(snr_db(tone[:8000], out, delay) for delay in range(20, 26)) > 30
    assert abs(tone_db(out[4000:], 1010, RATE) - tone_db(tone[4000:], 1010, RATE)) < 0.3


def test_odd_and_empty_payloads() -> None:
    decoder = G722Decoder()
    assert len(decoder.decode(b"")) == 0
    assert decoder.bad_payloads == 1
    assert len(decoder.decode(b"\xfa")) == 2
    assert len(decoder.decode(bytes(479))) == 958
    assert len(decoder.decode(bytes(160))) == 320  # it goes on as before
    assert decoder.bad_payloads == 1


def test_too_loud_is_clipped() -> None:
    encoder = G722Encoder()
    assert len(encoder.encode(np.full(FRAME, 5.0, np.float32))) == FRAME_OCTETS


def test_av_is_imported_only_when_needed() -> None:
    code = "import bridge.codec.g722, bridge.codec.opus, bridge.media.mixing, sys; print('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


def test_encoders_start_no_threads() -> None:
    code = (
        "import os, numpy; from bridge.codec.g722 import FRAME, G722Decoder, G722Encoder\n"
        "some = [G722Encoder() for _ in range(5)]\n"
        "for each in some: G722Decoder().decode(each.encode(numpy.zeros(FRAME, numpy.float32)))\n"
        "print(len(os.listdir('/proc/self/task')))"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "1"
