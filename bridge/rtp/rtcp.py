"""RTCP: reading and writing compound and reduced-size packets (RFC 3550 section 6, RFC 5506).

Reading checks every count and length against what is there. Reports, descriptions and feedback (`rtcp_feedback`) come
out as frozen dataclasses; what we do not know comes out as `Other`, so that the rest of a compound is still read.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp import rtcp_feedback
from bridge.rtp.rtcp_feedback import Feedback, Request

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
DESCRIPTION: Final = 202
GOODBYE: Final = 203
CNAME: Final = 1

_HEADER = Struct("!BBH")
_WORD = Struct("!I")
_SENDER = Struct("!IQIII")
_BLOCK = Struct("!IIIIII")
_MAX_BLOCKS = 31
_TRANSPORT_WIDE = 205, 15  # type and format of the feedback that browsers give on each packet


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
class Other:
    """A well-framed packet of a type or format that we do not read."""

    packet_type: int
    count: int


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Bye | App | Feedback | Other


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
        if first & 0x20:
            # Browsers pad transport-wide feedback by single octets, and say so, all the same.
            step = 1 if (packet_type, first & 0x1F) == _TRANSPORT_WIDE else 4
            body = datagram[at + 4 : _without_padding(datagram, end, step)]
        else:
            body = datagram[at + 4 : end]
        packets.append(_packet(packet_type, first & 0x1F, body))
        at = end
    return packets


def _without_padding(datagram: bytes, end: int, step: int) -> int:
    """Where a padded packet's body ends. Only the last packet may be padded, by multiples of `step`, which should be
    four (RFC 3550 section 6.4.1)."""
    count = datagram[end - 1]
    if end != len(datagram) or count == 0 or count % step:
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
        case 205 | 206:
            return rtcp_feedback.parse(packet_type, count, body) or Other(packet_type, count)
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


# -- writing --


def serialise(packet: SenderReport | ReceiverReport | SourceDescription | Bye | Request) -> bytes:
    """One packet as bytes. A compound is their concatenation, SR or RR first, SDES with a CNAME second.

    Raises ValueError for what cannot be written (more than 31 blocks or sources, an item over 255 octets; feedback that
    asks for nothing).
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
        case _:
            return rtcp_feedback.serialise(packet)


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
