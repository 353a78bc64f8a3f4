"""RTP packets on the wire (RFC 3550 section 5.1), the audio level extension (RFC 6464) and telling RTCP from RTP.

Five thousand packets a second go through `parse`: the usual packet (no padding, no CSRC, no extension) takes the
short way, everything else the long one.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from bridge.errors import ProtocolError

HEADER_BYTES = 12

_HEADER = Struct("!BBHII")
_unpack_header = _HEADER.unpack_from
_pack_header = _HEADER.pack

_PADDING = 0x20
_EXTENSION = 0x10
_CSRC_COUNT = 0x0F
_ONE_BYTE_PROFILE = 0xBEDE
_TWO_BYTE_PROFILE = 0x100  # the upper 12 bits; the lower four are application bits (RFC 8285 section 4.3)


class RtpPacket(NamedTuple):
    """One parsed packet.

    `timestamp` and `sequence` are as on the wire (32 and 16 bits). `payload` is without padding and may be empty
    (keep-alive). `level` is the audio level in -dBov, 0 (loudest) to 127, or None when the packet does not say.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    level: int | None


_new_packet = tuple.__new__


def is_rtcp(datagram: bytes) -> bool:
    """Whether a datagram on a port shared by RTP and RTCP is RTCP (RFC 5761 section 4)."""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


def header(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int) -> bytes:
    """The fixed header of a packet to send: version 2, no padding, no extension, no CSRC."""
    return _pack_header(0x80, payload_type | 0x80 if marker else payload_type, sequence, timestamp, ssrc)


def parse(datagram: bytes, level_id: int = 0) -> RtpPacket:
    """Read one datagram as RTP. `level_id` is the negotiated id of the audio level extension, 0 = none.

    Raises ProtocolError: rtp-short, rtp-version, rtp-rtcp-range, rtp-csrc, rtp-extension, rtp-padding.
    """
    if len(datagram) < HEADER_BYTES:
        raise ProtocolError("rtp-short", f"{len(datagram)} bytes")
    first, second, sequence, timestamp, ssrc = _unpack_header(datagram)
    if 192 <= second <= 223:
        raise ProtocolError("rtp-rtcp-range", f"type {second}")
    if first == 0x80:
        packet = (second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, datagram[HEADER_BYTES:], None)
        return _new_packet(RtpPacket, packet)
    if first >> 6 != 2:
        raise ProtocolError("rtp-version", f"version {first >> 6}")
    payload, level = _body(datagram, first, level_id)
    return _new_packet(RtpPacket, (second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, payload, level))


def _body(datagram: bytes, first: int, level_id: int) -> tuple[bytes, int | None]:
    """Payload and level of a packet with CSRCs, an extension or padding."""
    end = len(datagram)
    start = HEADER_BYTES + 4 * (first & _CSRC_COUNT)
    if start > end:
        raise ProtocolError("rtp-csrc", "list longer than the packet")
    level = None
    if first & _EXTENSION:
        if start + 4 > end:
            raise ProtocolError("rtp-extension", "header cut")
        profile = datagram[start] << 8 | datagram[start + 1]
        begin = start + 4
        start = begin + 4 * (datagram[start + 2] << 8 | datagram[start + 3])
        if start > end:
            raise ProtocolError("rtp-extension", "longer than the packet")
        if level_id:
            level = _level(datagram, begin, start, profile, level_id)
    if first & _PADDING:
        # RFC 3550 section 5.1: the last octet counts itself, so zero cannot be.
        count = datagram[-1] if start < end else 0
        if count == 0 or start + count > end:
            raise ProtocolError("rtp-padding", f"count {count}")
        end -= count
    return datagram[start:end], level


def _level(datagram: bytes, at: int, end: int, profile: int, level_id: int) -> int | None:
    """The audio level among the extension elements (RFC 8285 section 4), None if it is not there.

    An element that runs over the end of the extension ends the search: the packet itself is still good.
    """
    two_byte = profile >> 4 == _TWO_BYTE_PROFILE
    if not two_byte and profile != _ONE_BYTE_PROFILE:
        return None
    while at < end:
        head = datagram[at]
        at += 1
        if head == 0:  # padding between elements
            continue
        if two_byte:
            if at >= end:
                return None
            identifier, length = head, datagram[at]
            at += 1
        else:
            identifier, length = head >> 4, (head & 0x0F) + 1
            if identifier == 15:  # RFC 8285 section 4.2: nothing after it is to be read
                return None
        if at + length > end:
            return None
        if identifier == level_id and length:
            return datagram[at] & 0x7F
        at += length
    return None
