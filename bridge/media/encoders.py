"""From mixed sound to payloads: one encoder for all legs that hear the same in the same form.

An *encoding* is a sound (a row of the desk, see `bridge.media.sounds`) in one *form*: codec, length of packet, bit
rate and so on. Packets longer or shorter than a tick are cut at the same global instants in all encodings, so that a
leg may change from one encoding to another at any tick without a gap. A new encoding of a sound that goes on is
primed with the frame before, so that its first packet joins what the listener had.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bridge.codec import audio, g711, g722, opus
from bridge.codec.audio import Kind
from bridge.sdp.audio import NegotiatedAudio
from mixer.pcm import FRAME, RATE, Rows, Samples

_OPUS_LENGTHS_MS = (10, 20, 40, 60)
_LENGTHS_MS = (10, 20, 30, 40, 50, 60)
_LEAST_BITRATE = 6000
_LOW_DELAY_FROM = 24_000  # [bit/s]; below it the speech coder sounds clearly better than CELT
# Loss a peer reports -> the loss its encoder is set for. Few steps: each is an encoder of its own.
_LOSS_STEPS = ((0.01, 0), (0.04, 5), (0.12, 10), (1.0, 20))
_STEADY_REPORTS = 3  # reports of less loss in a row before FEC is taken down a step


class OpusSettings(NamedTuple):
    """How our own Opus streams are coded. `bitrate` [bit/s] at full bandwidth, `complexity` 0 to 10."""

    bitrate: int = 40_000
    complexity: int = 4
    speech_complexity: int = 5


class Form(NamedTuple):
    """Everything that makes two encodings of one sound differ.

    `samples`: length of a packet at 48 kHz. The rest is Opus only: `bitrate` [bit/s], `bandwidth`, `loss` that FEC is
    made for [%] (0: no FEC), `dtx`.
    """

    codec: str
    samples: int = FRAME
    bitrate: int = 0
    bandwidth: opus.Bandwidth = opus.Bandwidth.FULL
    loss: int = 0
    dtx: bool = False


def form_of(negotiated: NegotiatedAudio, loss: int, settings: OpusSettings) -> Form | None:
    """The form of what a leg is sent, or None if that is nothing; `loss`: the FEC step it is at."""
    length = negotiated.ptime_ms
    kind = audio.kind(negotiated.codec)
    if not negotiated.sends or kind in (Kind.NOISE, None):
        return None
    if kind is not Kind.OPUS:
        return Form(negotiated.codec, RATE // 1000 * _at_most(length, _LENGTHS_MS))
    bandwidth = opus.Bandwidth.for_rate(negotiated.opus_max_rate)
    bitrate = settings.bitrate if bandwidth is opus.Bandwidth.FULL else settings.bitrate * 3 // 5
    if negotiated.opus_bitrate:
        bitrate = max(_LEAST_BITRATE, min(bitrate, negotiated.opus_bitrate))
    return Form(
        negotiated.codec,
        RATE // 1000 * _at_most(length, _OPUS_LENGTHS_MS),
        bitrate,
        bandwidth,
        loss if negotiated.opus_fec else 0,
        negotiated.opus_dtx,
    )


def _at_most(length_ms: int, allowed: tuple[int, ...]) -> int:
    return max((step for step in allowed if step <= length_ms), default=allowed[0])


class LossStep:
    """Which FEC step a listener is at: up at once when he reports loss, down after some better reports."""

    def __init__(self) -> None:
        self.percent = 0
        self._better = 0

    def report(self, fraction: float) -> bool:
        """The peer has lost this fraction of late (RFC 3550 section 6.4.1). True if the step has changed."""
        percent = next((step for limit, step in _LOSS_STEPS if fraction < limit), _LOSS_STEPS[-1][1])
        if percent == self.percent:
            self._better = 0
            return False
        if percent < self.percent:
            self._better += 1
            if self._better < _STEADY_REPORTS:
                return False
        self._better = 0
        self.percent = percent
        return True


class Packets(NamedTuple):
    """What an encoding gives in a tick: payloads in order, each of `samples` at 48 kHz."""

    payloads: list[bytes]
    samples: int
    marker: bool = False


class OctetEncoding:
    """G.711 and G.722: eight octets a millisecond, cut into packets of any length."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.legs: dict[str, None] = {}
        self.wide = g722.G722Encoder() if audio.kind(form.codec) is Kind.WIDE else None
        self.law = None if self.wide else audio.law(form.codec)
        self._octets = form.samples // 6
        self._waiting = b""

    def continue_from(self, other: OctetEncoding) -> None:
        """Begin with what `other`, of the same form, has not sent yet."""
        self._waiting = other._waiting

    def prime(self, frame: Samples) -> None:
        """The 20 ms before, at 16 kHz (G.722 only)."""
        if self.wide:
            self.wide.encode(frame)

    def push(self, codes: bytes, tick: int) -> Packets:
        """The 160 octets of tick number `tick`."""
        octets = self._octets
        if octets == len(codes):
            return Packets([codes], FRAME)
        end = (tick + 1) * len(codes)
        due = end // octets - (end - len(codes)) // octets
        waiting = self._waiting + codes
        whole = len(waiting) - end % octets
        if whole < due * octets:  # it began in the midst of a packet: what was before is silence
            waiting = self._silence() * (due * octets - whole) + waiting
            whole = due * octets
        start = whole - due * octets
        self._waiting = waiting[whole:]
        return Packets([waiting[at : at + octets] for at in range(start, whole, octets)], self.form.samples)

    def _silence(self) -> bytes:
        # G.722 has no octet that is silence in every state; this one is as near as any.
        return bytes([g711.SILENCE[self.law]]) if self.law else b"\xfa"


class OpusEncoding:
    """Opus: packets of 10, 20, 40 or 60 ms."""

    def __init__(self, form: Form, settings: OpusSettings) -> None:
        self.form = form
        self.legs: dict[str, None] = {}
        speech = form.loss > 0 or form.bitrate < _LOW_DELAY_FROM
        self._encoder = opus.OpusEncoder(
            opus.Application.VOIP if speech else opus.Application.LOW_DELAY,
            form.bitrate,
            settings.speech_complexity if speech else settings.complexity,
            form.bandwidth,
            fec=form.loss > 0,
            loss_percent=form.loss,
            dtx=form.dtx,
        )
        self._waiting = np.zeros(form.samples, np.float32)
        self._address = opus.address(self._waiting)
        self._before = np.zeros(FRAME, np.float32)  # the end of the last packet, of those longer than a frame
        self._resting = False
        self.encoded = 0

    def continue_from(self, other: OpusEncoding) -> None:
        """Begin with what `other`, of the same form, has not sent yet."""
        self._waiting[:] = other._waiting
        self._before[:] = other._before

    def begin_anew(self) -> None:
        """A listener comes from another encoding."""
        self._encoder.begin_anew()

    def prime(self, frame: Samples) -> None:
        """The 20 ms before."""
        samples = min(self.form.samples, FRAME)
        before = self._before if self.form.samples > FRAME else np.ascontiguousarray(frame[FRAME - samples :])
        self._encoder.encode(opus.address(before), samples)
        self.encoded += 1
        self._encoder.begin_anew()

    def push(self, frame: Samples, address: Any, tick: int) -> Packets:
        """The frame of tick number `tick`, which lies at `address`."""
        samples = self.form.samples
        if samples == FRAME:
            return self._packets([self._encoder.encode(address)])
        if samples < FRAME:
            steps = range(0, FRAME, samples)
            return self._packets([self._encoder.encode(address + start, samples) for start in steps])
        end = (tick + 1) * FRAME % samples or samples
        self._waiting[end - FRAME : end] = frame
        if end < samples:
            return self._packets([])
        self._before[:] = frame
        return self._packets([self._encoder.encode(self._address, samples)])

    def _packets(self, payloads: list[bytes]) -> Packets:
        self.encoded += len(payloads)
        if not self.form.dtx or not payloads:
            return Packets(payloads, self.form.samples)
        resumes = self._resting and len(payloads[0]) > 2
        self._resting = len(payloads[-1]) <= 2
        return Packets(payloads, self.form.samples, resumes)


Encoding = OctetEncoding | OpusEncoding


def make(form: Form, settings: OpusSettings) -> Encoding:
    """A new encoding, with a codec state of its own."""
    if audio.kind(form.codec) is Kind.OPUS:
        return OpusEncoding(form, settings)
    return OctetEncoding(form)


def telephone_codes(rows: Rows, law: g711.Law) -> list[bytes]:
    """Rows at 8 kHz (n, 160) as G.711."""
    codes = g711.encode(rows, law)
    return [row.tobytes() for row in codes]
