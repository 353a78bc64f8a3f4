"""RTCP feedback: what a receiver asks of a sender (RFC 4585, RFC 5104, REMB, transport-wide congestion control).

Every count and length is checked against what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from bridge.errors import ProtocolError

TRANSPORT_FEEDBACK: Final = 205

_WORD = Struct("!I")
_TWO_WORDS = Struct("!II")
_NACK_ITEM = Struct("!HH")
_TWCC = Struct("!HHI")
_DELTA_BYTES = (0, 1, 2, 0)  # by status symbol: not received, small, large, reserved


@dataclass(frozen=True, slots=True)
class Nack:
    """Generic NACK (RFC 4585 section 6.2.1): (first missing number, bit mask of the 16 behind it) as sent."""

    ssrc: int
    media_ssrc: int
    items: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class BitrateRequest:
    """TMMBR (RFC 5104 section 4.2.1): (source, bit/s) each."""

    ssrc: int
    items: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TransportWide:
    """Transport-wide congestion feedback: what is covered, not the arrival times. `count` is consistent with it."""

    ssrc: int
    media_ssrc: int
    base: int
    count: int


@dataclass(frozen=True, slots=True)
class PictureLoss:
    """PLI (RFC 4585 section 6.3.1)."""

    ssrc: int
    media_ssrc: int


@dataclass(frozen=True, slots=True)
class FullIntra:
    """FIR (RFC 5104 section 4.3.1): (source, command number) each."""

    ssrc: int
    items: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class EstimatedBitrate:
    """REMB: the receiver's estimate [bit/s] for these sources. 0 is legal: the floor is the user's business."""

    ssrc: int
    bitrate: int
    sources: tuple[int, ...]


Feedback = Nack | BitrateRequest | TransportWide | PictureLoss | FullIntra | EstimatedBitrate


def parse(packet_type: int, fmt: int, body: bytes) -> Feedback | None:
    """The body of a feedback packet, `packet_type` 205 (transport) or 206 (payload), format `fmt` (RFC 4585 section
    6.1); None for a format that we do not read. Raises ProtocolError("rtcp-feedback")."""
    if len(body) < 8:
        raise ProtocolError("rtcp-feedback", f"{len(body)} bytes")
    ssrc, media_ssrc = _TWO_WORDS.unpack_from(body)
    read = _transport if packet_type == TRANSPORT_FEEDBACK else _payload
    return read(fmt, ssrc, media_ssrc, body[8:])


def _transport(fmt: int, ssrc: int, media_ssrc: int, control: bytes) -> Feedback | None:
    match fmt:
        case 1:
            if not control or len(control) & 3:
                raise ProtocolError("rtcp-feedback", "NACK without items")
            return Nack(ssrc, media_ssrc, tuple(_NACK_ITEM.iter_unpack(control)))
        case 3:
            return BitrateRequest(ssrc, _bitrate_items(control))
        case 15:
            return _transport_wide(ssrc, media_ssrc, control)
        case _:
            return None


def _bitrate_items(control: bytes) -> tuple[tuple[int, int], ...]:
    """TMMBR items: SSRC, then 6 bits of exponent, 17 of mantissa, 9 of overhead."""
    if not control or len(control) & 7:
        raise ProtocolError("rtcp-feedback", "TMMBR without items")
    return tuple(
        (ssrc, (word >> 9 & 0x1FFFF) << (word >> 26)) for ssrc, word in _TWO_WORDS.iter_unpack(control)
    )


def _transport_wide(ssrc: int, media_ssrc: int, control: bytes) -> TransportWide:
    """Check that the status chunks tell of as many packets as announced, and that their deltas are there.

    draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1: run length chunks, one and two bit vectors; a small
    delta is one octet, a large one two.
    """
    if len(control) < _TWCC.size:
        raise ProtocolError("rtcp-feedback", "transport-wide feedback cut")
    base, count, _ = _TWCC.unpack_from(control)
    at, seen, delta_bytes = _TWCC.size, 0, 0
    while seen < count:
        if at + 2 > len(control):
            raise ProtocolError("rtcp-feedback", f"{count} packets announced")
        packets, octets = _status(control[at] << 8 | control[at + 1], count - seen)
        at += 2
        seen += packets
        delta_bytes += octets
    if at + delta_bytes > len(control):
        raise ProtocolError("rtcp-feedback", "deltas cut")
    return TransportWide(ssrc, media_ssrc, base, count)


def _status(chunk: int, wanted: int) -> tuple[int, int]:
    """How many packets a status chunk tells of, `wanted` at most, and how many octets of delta they have."""
    if chunk < 0x8000:
        packets = min(chunk & 0x1FFF, wanted)
        if not packets:
            raise ProtocolError("rtcp-feedback", "run of no packets")
        return packets, packets * _DELTA_BYTES[chunk >> 13 & 3]
    if chunk & 0x4000:
        symbols = [chunk >> shift & 3 for shift in range(12, -2, -2)][:wanted]
    else:
        symbols = [chunk >> shift & 1 for shift in range(13, -1, -1)][:wanted]
    return len(symbols), sum(_DELTA_BYTES[symbol] for symbol in symbols)


def _payload(fmt: int, ssrc: int, media_ssrc: int, control: bytes) -> Feedback | None:
    match fmt:
        case 1:
            return PictureLoss(ssrc, media_ssrc)
        case 4:
            if not control or len(control) & 7:
                raise ProtocolError("rtcp-feedback", "FIR without items")
            return FullIntra(
                ssrc, tuple((source, word >> 24) for source, word in _TWO_WORDS.iter_unpack(control))
            )
        case 15 if control[:4] == b"REMB":
            return _estimated_bitrate(ssrc, control)
        case _:
            return None


def _estimated_bitrate(ssrc: int, control: bytes) -> EstimatedBitrate:
    """REMB (draft-alvestrand-rmcat-remb-03 section 2.2)."""
    if len(control) < 8:
        raise ProtocolError("rtcp-feedback", "REMB cut")
    count = control[4]
    if len(control) < 8 + 4 * count:
        raise ProtocolError("rtcp-feedback", f"REMB for {count} sources")
    bitrate = ((control[5] & 3) << 16 | control[6] << 8 | control[7]) << (control[5] >> 2)
    return EstimatedBitrate(
        ssrc, bitrate, tuple(_WORD.unpack_from(control, 8 + 4 * index)[0] for index in range(count))
    )
