"""Encodings cut packets at common instants, and a leg that changes encoding misses nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bridge.codec import opus
from bridge.media import encoders
from bridge.media.encoders import Form, LossStep, OctetEncoding, OpusEncoding, OpusSettings
from bridge.sdp.audio import NegotiatedAudio
from mixer.pcm import FRAME
from tests.media.phones import negotiated
from tests.mixer.sounds import sine


def form_of(negotiated: NegotiatedAudio, loss: int, settings: OpusSettings) -> Form:
    form = encoders.form_of(negotiated, loss, settings)
    assert form is not None
    return form


def codes(tick: int) -> bytes:
    return bytes([tick % 256]) * 160


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60])
def test_octets_are_cut_without_loss(ptime_ms: int) -> None:
    encoding = OctetEncoding(form_of(negotiated("PCMU", ptime_ms), 0, OpusSettings()))
    packets = [encoding.push(codes(tick), tick).payloads for tick in range(60)]
    sent = [payload for each in packets for payload in each]
    assert {len(payload) for payload in sent} == {8 * ptime_ms}
    assert b"".join(sent) == b"".join(codes(tick) for tick in range(60))


@pytest.mark.parametrize("ptime_ms", [30, 40, 60])
@pytest.mark.parametrize("change", [2, 3, 4])
def test_a_new_encoding_takes_over_in_the_midst_of_a_packet(ptime_ms: int, change: int) -> None:
    form = form_of(negotiated("PCMU", ptime_ms), 0, OpusSettings())
    first, second = OctetEncoding(form), OctetEncoding(form)
    sent = [payload for tick in range(change) for payload in first.push(codes(tick), tick).payloads]
    second.continue_from(first)
    for tick in range(change, 12):
        sent += second.push(codes(tick), tick).payloads
    assert b"".join(sent) == b"".join(codes(tick) for tick in range(12))


def test_an_encoding_that_begins_in_the_midst_of_a_packet_fills_it_with_silence() -> None:
    encoding = OctetEncoding(Form("PCMA", 2880))
    assert encoding.push(codes(1), 1).payloads == []
    (payload,) = encoding.push(codes(2), 2).payloads
    assert payload == b"\xd5" * 160 + codes(1) + codes(2)


def test_forms() -> None:
    settings = OpusSettings(bitrate=40_000)
    assert form_of(negotiated("opus", 30), 0, settings).samples == FRAME
    assert form_of(negotiated("opus", 120), 0, settings).samples == 2880
    assert form_of(negotiated("opus", opus_bitrate=20_000), 0, settings).bitrate == 20_000
    assert form_of(negotiated("opus", opus_bitrate=100), 0, settings).bitrate == 6_000
    assert form_of(negotiated("opus", opus_bitrate=90_000), 0, settings).bitrate == 40_000
    narrow = form_of(negotiated("opus", opus_max_rate=8000), 0, settings)
    assert (narrow.bandwidth, narrow.bitrate) == (opus.Bandwidth.NARROW, 24_000)
    assert form_of(negotiated("opus"), 10, settings).loss == 0
    assert form_of(negotiated("opus", opus_fec=True), 10, settings).loss == 10
    assert form_of(negotiated("PCMU", 5), 10, settings) == Form("PCMU", 480)
    unknown = replace(negotiated("PCMU"), codec="GSM")
    for nothing in (unknown, replace(unknown, codec="CN"), negotiated("opus", sends=False)):
        assert encoders.form_of(nothing, 0, settings) is None


def test_the_loss_step_goes_up_at_once_and_down_slowly() -> None:
    step = LossStep()
    assert not step.report(0.005)
    assert step.report(0.08)
    assert step.percent == 10
    assert step.report(0.5)
    assert step.percent == 20
    assert not step.report(0.0)
    assert not step.report(0.0)
    assert not step.report(0.3)  # that begins the count again
    assert not step.report(0.0)
    assert not step.report(0.0)
    assert step.report(0.0)
    assert step.percent == 0


def test_dtx_still_sends_each_packet_and_marks_where_sound_comes_back() -> None:
    settings = OpusSettings()
    encoding = OpusEncoding(
        form_of(negotiated("opus", opus_dtx=True, opus_bitrate=16_000), 0, settings), settings
    )
    frame = np.zeros(FRAME, np.float32)
    address = opus.address(frame)
    quiet = [encoding.push(frame, address, tick) for tick in range(60)]
    assert all(len(packets.payloads) == 1 for packets in quiet)
    assert min(len(packets.payloads[0]) for packets in quiet) <= 2
    frame[:] = sine(300, 0.02, 0.3)
    marks = [encoding.push(frame, address, 60 + tick).marker for tick in range(10)]
    assert marks.count(True) == 1
