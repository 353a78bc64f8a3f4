"""RTCP feedback: what a receiver asks of a sender (RFC 4585, RFC 5104, REMB, transport-wide congestion control).

Every count and length is checked against what is there. What a receiver of pictures asks for is written here as well;
transport-wide feedback is written by `bridge.rtp.congestion`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import Final

from bridge.errors import ProtocolError

TRANSPORT_FEEDBACK: Final = 205
PAYLOAD_FEEDBACK: Final = 206

_HEADER = Struct("!BBHII")
_WORD = Struct("!I")
_TWO_WORDS = Struct("!II")
_NACK_ITEM = Struct("!HH")
_TWCC = Struct("!HHI")
_LARGE_DELTA = Struct("!h")
_SMALL, _LARGE = 1, 2  # status symbols with a delta of one octet and of two; 0: not received, 3: reserved
_OVERHEAD: Final = 40  # octets a packet that a bit rate asked for is told with: IPv4, UDP and RTP


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
class BitrateNotice:
    """TMMBN (RFC 5104 section 4.2.2): (who asked, bit/s) each; the answer to a TMMBR."""

    ssrc: int
    items: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TransportWide:
    """Transport-wide congestion feedback on the packets `base` to `base` + `count` - 1 (modulo 2^16).

    `received`: (place behind `base`, arrival) of each that came, the arrival in 250 us of the peer's clock; it wraps
    after 2^32 of them. `feedback`: number of this feedback (modulo 256).
    """

    ssrc: int
    media_ssrc: int
    base: int
    count: int
    feedback: int
    received: tuple[tuple[int, int], ...]


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


Request = Nack | BitrateRequest | BitrateNotice | PictureLoss | FullIntra | EstimatedBitrate
"""What can be written as well."""

Feedback = Request | TransportWide


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
        case 4:
            return BitrateNotice(ssrc, _bitrate_items(control) if control else ())
        case 15:
            return _transport_wide(ssrc, media_ssrc, control)
        case _:
            return None


def _bitrate_items(control: bytes) -> tuple[tuple[int, int], ...]:
    """Items of TMMBR and TMMBN: SSRC, then 6 bits of exponent, 17 of mantissa, 9 of overhead."""
    if not control or len(control) & 7:
        raise ProtocolError("rtcp-feedback", "TMMBR or TMMBN without items")
    return tuple(
        (ssrc, (word >> 9 & 0x1FFFF) << (word >> 26)) for ssrc, word in _TWO_WORDS.iter_unpack(control)
    )


def _transport_wide(ssrc: int, media_ssrc: int, control: bytes) -> TransportWide:
    """Check that the status chunks tell of as many packets as announced, and that their deltas are there.

    draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1: run length chunks, one and two bit vectors; a small
    delta is one octet, a large one two. The work is bounded by the length, whatever is announced: a packet that did not
    come costs nothing.
    """
    if len(control) < _TWCC.size:
        raise ProtocolError("rtcp-feedback", "transport-wide feedback cut")
    base, count, clock = _TWCC.unpack_from(control)
    at, seen, octets = _TWCC.size, 0, 0
    symbols: list[tuple[int, int]] = []  # (place, symbol) of those that came
    while seen < count:
        if at + 2 > len(control):
            raise ProtocolError("rtcp-feedback", f"{count} packets announced")
        chunk = control[at] << 8 | control[at + 1]
        at += 2
        if chunk < 0x8000:
            symbol, packets = chunk >> 13 & 3, min(chunk & 0x1FFF, count - seen)
            if not packets:
                raise ProtocolError("rtcp-feedback", "run of no packets")
            if symbol in (_SMALL, _LARGE):
                octets += packets * symbol
                if at + octets > len(control):
                    raise ProtocolError("rtcp-feedback", "deltas cut")
                symbols += [(place, symbol) for place in range(seen, seen + packets)]
            seen += packets
            continue
        if chunk & 0x4000:
            told = [chunk >> shift & 3 for shift in range(12, -2, -2)]
        else:
            told = [chunk >> shift & 1 for shift in range(13, -1, -1)]
        for place, symbol in enumerate(told[: count - seen], seen):
            if symbol in (_SMALL, _LARGE):
                octets += symbol
                symbols.append((place, symbol))
        seen += len(told)
    if at + octets > len(control):
        raise ProtocolError("rtcp-feedback", "deltas cut")
    received = _arrivals(symbols, control, at, (clock >> 8) << 8)
    return TransportWide(ssrc, media_ssrc, base, count, clock & 0xFF, received)


def _arrivals(
    symbols: list[tuple[int, int]], control: bytes, at: int, tick: int
) -> tuple[tuple[int, int], ...]:
    """Add up the deltas from `at` on; each is there."""
    received = []
    for place, symbol in symbols:
        tick += control[at] if symbol == _SMALL else _LARGE_DELTA.unpack_from(control, at)[0]
        at += symbol
        received.append((place, tick & 0xFFFFFFFF))
    return tuple(received)


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


# -- writing --


def serialise(packet: Request) -> bytes:
    """One packet as bytes. Bit rates are rounded down to what can be told.

    Raises ValueError for what cannot be written: nothing asked for, more than 255 sources.
    """
    match packet:
        case Nack(ssrc, media_ssrc, items):
            return _framed(TRANSPORT_FEEDBACK, 1, ssrc, media_ssrc, _some(items, _NACK_ITEM))
        case BitrateRequest(ssrc, items):
            return _framed(TRANSPORT_FEEDBACK, 3, ssrc, 0, _some(_limits(items), _TWO_WORDS))
        case BitrateNotice(ssrc, items):
            body = _some(_limits(items), _TWO_WORDS) if items else b""
            return _framed(TRANSPORT_FEEDBACK, 4, ssrc, 0, body)
        case PictureLoss(ssrc, media_ssrc):
            return _framed(PAYLOAD_FEEDBACK, 1, ssrc, media_ssrc, b"")
        case FullIntra(ssrc, items):
            commands = tuple((source, command << 24) for source, command in items)
            return _framed(PAYLOAD_FEEDBACK, 4, ssrc, 0, _some(commands, _TWO_WORDS))
        case EstimatedBitrate(ssrc, bitrate, sources):
            return _framed(PAYLOAD_FEEDBACK, 15, ssrc, 0, _remb(bitrate, sources))


def nack_items(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """The items of a NACK that name these sequence numbers, given in the order of sending (modulo 2^16)."""
    items: list[tuple[int, int]] = []
    for number in numbers:
        if items and 0 < (behind := (number - items[-1][0]) & 0xFFFF) <= 16:
            items[-1] = (items[-1][0], items[-1][1] | 1 << behind - 1)
        elif not items or number != items[-1][0]:
            items.append((number, 0))
    return tuple(items)


def _framed(packet_type: int, fmt: int, ssrc: int, media_ssrc: int, control: bytes) -> bytes:
    return _HEADER.pack(0x80 | fmt, packet_type, 2 + len(control) // 4, ssrc, media_ssrc) + control


def _some(items: tuple[tuple[int, int], ...], form: Struct) -> bytes:
    if not items:
        raise ValueError("nothing is asked for")
    return b"".join(form.pack(*item) for item in items)


def _limits(items: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """TMMBR's words."""
    return tuple((source, _float(bitrate, 17) << 9 | _OVERHEAD) for source, bitrate in items)


def _remb(bitrate: int, sources: tuple[int, ...]) -> bytes:
    if len(sources) > 255:
        raise ValueError(f"REMB for {len(sources)} sources")
    word = len(sources) << 24 | _float(bitrate, 18)
    return b"REMB" + _WORD.pack(word) + b"".join(map(_WORD.pack, sources))


def _float(bitrate: int, bits: int) -> int:
    """Exponent of six bits, mantissa of so many; the most that they can tell stands for what is more."""
    bitrate = min(bitrate, (1 << bits) - 1 << 63)
    exponent = max(0, bitrate.bit_length() - bits)
    return exponent << bits | bitrate >> exponent
