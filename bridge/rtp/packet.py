"""RTP packets on the wire (RFC 3550 section 5.1), the header extensions that we read, and telling RTCP from RTP.

Five thousand packets a second go through `parse`: the usual packet of a phone (no padding, no CSRC, no extension) takes
the short way, that of a browser (extensions of one-byte headers) one that is nearly as short, all else the long one.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from bridge.errors import ProtocolError

HEADER_BYTES = 12

_HEADER = Struct("!BBHII")
unpack_header = _HEADER.unpack_from
_pack_header = _HEADER.pack
_unpack_extension = Struct("!HH").unpack_from

_PADDING = 0x20
_EXTENSION = 0x10
_CSRC_COUNT = 0x0F
ONE_BYTE_PROFILE = 0xBEDE
_TWO_BYTE_PROFILE = 0x100  # the upper 12 bits; the lower four are application bits (RFC 8285 section 4.3)


class RtpPacket(NamedTuple):
    """One parsed packet.

    `timestamp` and `sequence` are as on the wire (32 and 16 bits). `payload` is without padding and may be empty
    (keep-alive). `level` is the audio level in -dBov, 0 (loudest) to 127 (RFC 6464), `transport_number` the
    transport-wide sequence number (transport-cc, 16 bits); each None when the packet does not say.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    level: int | None = None
    transport_number: int | None = None


_new_packet = tuple.__new__


def is_rtcp(datagram: bytes) -> bool:
    """Whether a datagram on a port shared by RTP and RTCP is RTCP (RFC 5761 section 4)."""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


def header(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int) -> bytes:
    """The fixed header of a packet to send: version 2, no padding, no extension, no CSRC."""
    return _pack_header(0x80, payload_type | 0x80 if marker else payload_type, sequence, timestamp, ssrc)


def parse(datagram: bytes, level_id: int = 0, feedback_id: int = 0) -> RtpPacket:
    """Read one datagram as RTP. `level_id`, `feedback_id`: the negotiated ids of the audio level and of the
    transport-wide sequence number, 0 = none.

    Raises ProtocolError: rtp-short, rtp-version, rtp-rtcp-range, rtp-csrc, rtp-extension, rtp-padding.
    """
    if len(datagram) < HEADER_BYTES:
        raise ProtocolError("rtp-short", f"{len(datagram)} bytes")
    first, second, sequence, timestamp, ssrc = unpack_header(datagram)
    if 192 <= second <= 223:
        raise ProtocolError("rtp-rtcp-range", f"type {second}")
    if first == 0x80:
        start, end = HEADER_BYTES, len(datagram)
        level = number = None
    elif first >> 6 != 2:
        raise ProtocolError("rtp-version", f"version {first >> 6}")
    else:
        start, end, level, number = _bounds(datagram, first, level_id, feedback_id)
    return _new_packet(
        RtpPacket,
        (second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, datagram[start:end], level, number),
    )


_Told = tuple[int | None, int | None]  # level, transport-wide number
_NOTHING_TOLD: Final[_Told] = (None, None)


def _bounds(
    datagram: bytes, first: int, level_id: int, feedback_id: int
) -> tuple[int, int, int | None, int | None]:
    """Where the payload of a packet that is not the usual one begins and ends, and what its extension says."""
    start, end, begin, profile = bounds(datagram, first)
    if not profile or not (level_id or feedback_id):
        told = _NOTHING_TOLD
    elif profile == ONE_BYTE_PROFILE:
        told = _one_byte_elements(datagram, begin, start, level_id or -1, feedback_id or -1)
    else:
        told = _two_byte_elements(datagram, begin, start, level_id or -1, feedback_id or -1)
    return start, end, *told


def bounds(datagram: bytes, first: int) -> tuple[int, int, int, int]:
    """Where the payload of a packet with this first octet begins and ends; where the elements of its extension begin
    (they end where the payload begins), and the profile of these (RFC 8285), 0 = it has none that can be read.

    Raises ProtocolError: rtp-csrc, rtp-extension, rtp-padding.
    """
    end = len(datagram)
    start = HEADER_BYTES + 4 * (first & _CSRC_COUNT)
    begin = profile = 0
    if start > end:
        raise ProtocolError("rtp-csrc", "list longer than the packet")
    if first & _EXTENSION:
        if start + 4 > end:
            raise ProtocolError("rtp-extension", "header cut")
        profile, words = _unpack_extension(datagram, start)
        begin = start + 4
        start = begin + 4 * words
        if start > end:
            raise ProtocolError("rtp-extension", "longer than the packet")
        if profile != ONE_BYTE_PROFILE and profile >> 4 != _TWO_BYTE_PROFILE:
            profile = 0
    if first & _PADDING:
        # RFC 3550 section 5.1: the last octet counts itself, so zero cannot be.
        count = datagram[-1] if start < end else 0
        if count == 0 or start + count > end:
            raise ProtocolError("rtp-padding", f"count {count}")
        end -= count
    return start, end, begin, profile


def _one_byte_elements(datagram: bytes, at: int, end: int, level_id: int, feedback_id: int) -> _Told:
    """What the elements of RFC 8285 section 4.2 say.

    One that runs over the end of the extension ends the search: the packet itself is still good.
    """
    level = number = None
    while at < end:
        head = datagram[at]
        at += 1
        if not head:  # padding between elements
            continue
        identifier = head >> 4
        after = at + (head & 0x0F) + 1
        if identifier == 15 or after > end:  # nothing after id 15 is to be read
            break
        if identifier == level_id:
            level = datagram[at] & 0x7F
        elif identifier == feedback_id and after == at + 2:
            number = datagram[at] << 8 | datagram[at + 1]
        at = after
    return level, number


def _two_byte_elements(datagram: bytes, at: int, end: int, level_id: int, feedback_id: int) -> _Told:
    """The same with two-byte headers (RFC 8285 section 4.3), where an element may be empty."""
    level = number = None
    while at < end:
        identifier = datagram[at]
        at += 1
        if not identifier:  # padding between elements
            continue
        if at >= end or at + 1 + datagram[at] > end:
            break
        length = datagram[at]
        at += 1
        if identifier == level_id and length:
            level = datagram[at] & 0x7F
        elif identifier == feedback_id and length == 2:
            number = datagram[at] << 8 | datagram[at + 1]
        at += length
    return level, number
