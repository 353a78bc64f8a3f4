"""RTCP: reading and writing compound and reduced-size packets (RFC 3550 section 6, RFC 4585, 5104, 5506).

Reading checks every count and length against what is there. Report blocks, feedback and descriptions come out as
frozen dataclasses; what we do not know comes out as `Other`, so that the rest of a compound is still read.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from bridge.errors import ProtocolError

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
DESCRIPTION: Final = 202
GOODBYE: Final = 203
APPLICATION: Final = 204
TRANSPORT_FEEDBACK: Final = 205
PAYLOAD_FEEDBACK: Final = 206
CNAME: Final = 1

_HEADER = Struct("!BBH")
_WORD = Struct("!I")
_TWO_WORDS = Struct("!II")
_SENDER = Struct("!IQIII")
_BLOCK = Struct("!IIIIII")
_NACK_ITEM = Struct("!HH")
_TWCC = Struct("!HHI")
_MAX_BLOCKS = 31
_DELTA_BYTES = (0, 1, 2, 0)  # by status symbol: not received, small, large, reserved


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How a source is received (RFC 3550 section 6.4.1).

    `fraction_lost` in 256ths; `lost` may be negative; `jitter` in ticks of the source's RTP clock; `last_sr` the
    middle 32 bits of its NTP timestamp, `delay` since then in 1/65536 s (both 0 when there was none).
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_sr: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR. `ntp`: 64 bit NTP timestamp. `packets`, `octets`: sent since the start, modulo 2^32."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RR."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """SDES: for each source its items (type, text as sent; foreign text is never trusted)."""

    chunks: tuple[tuple[int, tuple[tuple[int, bytes], ...]], ...]


@dataclass(frozen=True, slots=True)
class Bye:
    """BYE: these sources have left."""

    sources: tuple[int, ...]
    reason: bytes = b""


@dataclass(frozen=True, slots=True)
class App:
    """APP: read, never acted upon."""

    ssrc: int
    subtype: int
    name: bytes
    data: bytes


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


@dataclass(frozen=True, slots=True)
class Other:
    """A well-framed packet of a type or format that we do not read."""

    packet_type: int
    count: int


RtcpPacket = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Bye
    | App
    | Nack
    | BitrateRequest
    | TransportWide
    | PictureLoss
    | FullIntra
    | EstimatedBitrate
    | Other
)


# -- reading --


def parse_compound(datagram: bytes, reduced: bool = True) -> list[RtcpPacket]:
    """Read every packet of a datagram, in order. `reduced`: the first need not be SR or RR (RFC 5506).

    Raises ProtocolError, and then nothing of the datagram counts: rtcp-short, rtcp-version, rtcp-length, rtcp-padding,
    rtcp-first, rtcp-report, rtcp-sdes, rtcp-bye, rtcp-app, rtcp-feedback.
    """
    size = len(datagram)
    if size < 4:
        raise ProtocolError("rtcp-short", f"{size} bytes")
    if not reduced and datagram[1] not in (SENDER_REPORT, RECEIVER_REPORT):
        raise ProtocolError("rtcp-first", f"type {datagram[1]}")
    packets: list[RtcpPacket] = []
    at = 0
    while at < size:
        if size - at < 4:
            raise ProtocolError("rtcp-length", "packet cut")
        first, packet_type, words = _HEADER.unpack_from(datagram, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2:
            raise ProtocolError("rtcp-version", f"version {first >> 6}")
        if end > size:
            raise ProtocolError("rtcp-length", f"{words} words announced")
        body = datagram[at + 4 : _without_padding(datagram, end) if first & 0x20 else end]
        packets.append(_packet(packet_type, first & 0x1F, body))
        at = end
    return packets


def _without_padding(datagram: bytes, end: int) -> int:
    """Where a padded packet's body ends. Only the last packet may be padded (RFC 3550 section 6.4.1)."""
    count = datagram[end - 1]
    if end != len(datagram) or count == 0 or count & 3:
        raise ProtocolError("rtcp-padding", f"count {count}")
    # A count greater than the body cuts it to nothing, and the length checks of its type speak.
    return end - count


def _packet(packet_type: int, count: int, body: bytes) -> RtcpPacket:
    """One packet's body by its type."""
    match packet_type:
        case 200:
            return _sender_report(count, body)
        case 201:
            if len(body) < 4:
                raise ProtocolError("rtcp-report", "no SSRC")
            return ReceiverReport(_WORD.unpack_from(body)[0], _blocks(count, body, 4))
        case 202:
            return SourceDescription(_chunks(count, body))
        case 203:
            return _bye(count, body)
        case 204:
            if len(body) < 8:
                raise ProtocolError("rtcp-app", f"{len(body)} bytes")
            return App(_WORD.unpack_from(body)[0], count, body[4:8], body[8:])
        case 205:
            return _transport_feedback(count, body)
        case 206:
            return _payload_feedback(count, body)
        case _:
            return Other(packet_type, count)


def _sender_report(count: int, body: bytes) -> SenderReport:
    if len(body) < _SENDER.size:
        raise ProtocolError("rtcp-report", f"{len(body)} bytes")
    ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
    return SenderReport(ssrc, ntp, timestamp, packets, octets, _blocks(count, body, _SENDER.size))


def _blocks(count: int, body: bytes, at: int) -> tuple[ReportBlock, ...]:
    """The report blocks; what follows them is a profile's extension and left alone."""
    if at + count * _BLOCK.size > len(body):
        raise ProtocolError("rtcp-report", f"{count} blocks announced")
    blocks = []
    for index in range(count):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, at + index * _BLOCK.size)
        lost = loss & 0xFFFFFF
        if lost & 0x800000:
            lost -= 0x1000000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _chunks(count: int, body: bytes) -> tuple[tuple[int, tuple[tuple[int, bytes], ...]], ...]:
    """SDES chunks: an SSRC and items up to a zero, filled up to the next word (RFC 3550 section 6.5)."""
    chunks = []
    at = 0
    for _ in range(count):
        if at + 4 > len(body):
            raise ProtocolError("rtcp-sdes", "chunk cut")
        ssrc = _WORD.unpack_from(body, at)[0]
        at += 4
        items = []
        while True:
            if at >= len(body):
                raise ProtocolError("rtcp-sdes", "no end of items")
            kind = body[at]
            if kind == 0:
                at = (at | 3) + 1
                break
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                raise ProtocolError("rtcp-sdes", "item over the packet")
            items.append((kind, body[at + 2 : at + 2 + body[at + 1]]))
            at += 2 + body[at + 1]
        chunks.append((ssrc, tuple(items)))
    return tuple(chunks)


def _bye(count: int, body: bytes) -> Bye:
    at = 4 * count
    if at > len(body):
        raise ProtocolError("rtcp-bye", f"{count} sources announced")
    sources = tuple(_WORD.unpack_from(body, 4 * index)[0] for index in range(count))
    if at == len(body):
        return Bye(sources)
    length = body[at]
    if at + 1 + length > len(body):
        raise ProtocolError("rtcp-bye", "reason over the packet")
    return Bye(sources, body[at + 1 : at + 1 + length])


def _feedback_head(body: bytes) -> tuple[int, int]:
    """Sender and media source of a feedback packet (RFC 4585 section 6.1)."""
    if len(body) < 8:
        raise ProtocolError("rtcp-feedback", f"{len(body)} bytes")
    ssrc, media_ssrc = _TWO_WORDS.unpack_from(body)
    return ssrc, media_ssrc


def _transport_feedback(fmt: int, body: bytes) -> RtcpPacket:
    ssrc, media_ssrc = _feedback_head(body)
    control = body[8:]
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
            return Other(TRANSPORT_FEEDBACK, fmt)


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


def _payload_feedback(fmt: int, body: bytes) -> RtcpPacket:
    ssrc, media_ssrc = _feedback_head(body)
    control = body[8:]
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
            return Other(PAYLOAD_FEEDBACK, fmt)


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


def serialise(packet: SenderReport | ReceiverReport | SourceDescription | Bye) -> bytes:
    """One packet as bytes. A compound is their concatenation, SR or RR first, SDES with a CNAME second.

    Raises ValueError for what cannot be written (more than 31 blocks or sources, an item over 255 octets).
    """
    match packet:
        case SenderReport():
            sender = _SENDER.pack(
                packet.ssrc, packet.ntp, packet.rtp_timestamp, packet.packets, packet.octets
            )
            return _framed(SENDER_REPORT, len(packet.blocks), sender + _pack_blocks(packet.blocks))
        case ReceiverReport():
            body = _WORD.pack(packet.ssrc) + _pack_blocks(packet.blocks)
            return _framed(RECEIVER_REPORT, len(packet.blocks), body)
        case SourceDescription():
            return _framed(DESCRIPTION, len(packet.chunks), b"".join(map(_pack_chunk, packet.chunks)))
        case Bye():
            body = b"".join(map(_WORD.pack, packet.sources))
            if packet.reason:
                body += _counted(packet.reason)
            return _framed(GOODBYE, len(packet.sources), body)


def _framed(packet_type: int, count: int, body: bytes) -> bytes:
    """Header before, zeros to the word boundary behind."""
    if count > _MAX_BLOCKS:
        raise ValueError(f"{count} parts in one RTCP packet")
    body += bytes(-len(body) & 3)
    return _HEADER.pack(0x80 | count, packet_type, len(body) // 4) + body


def _pack_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    """Report blocks; the cumulative loss is held within its 24 bits."""
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(-0x800000, min(0x7FFFFF, block.lost)) & 0xFFFFFF,
            block.highest,
            block.jitter,
            block.last_sr,
            block.delay,
        )
        for block in blocks
    )


def _counted(text: bytes) -> bytes:
    if len(text) > 255:
        raise ValueError(f"{len(text)} octets in one RTCP item")
    return bytes((len(text),)) + text


def _pack_chunk(chunk: tuple[int, tuple[tuple[int, bytes], ...]]) -> bytes:
    """An SDES chunk: items, a zero, zeros to the word boundary."""
    ssrc, items = chunk
    body = _WORD.pack(ssrc) + b"".join(bytes((kind,)) + _counted(text) for kind, text in items) + b"\0"
    return body + bytes(-len(body) & 3)
