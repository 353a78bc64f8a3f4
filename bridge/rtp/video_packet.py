"""RTP packets of pictures: what their header extensions say beside (RFC 8285), and nothing that only sound has."""

from __future__ import annotations

from typing import NamedTuple

from bridge.errors import ProtocolError
from bridge.rtp.packet import HEADER_BYTES, ONE_BYTE_PROFILE, bounds, unpack_header

_LONGEST_NAME = 64  # [bytes]; RFC 8851 would have names of layers short


class ExtensionIds(NamedTuple):
    """The negotiated ids of header extensions, 0 = none: transport-wide number, mid (RFC 8843), rid and repaired rid
    (RFC 8852), rotation (3GPP TS 26.114, "CVO")."""

    feedback: int = 0
    mid: int = 0
    rid: int = 0
    repaired_rid: int = 0
    orientation: int = 0


class VideoPacket(NamedTuple):
    """One parsed packet, as `packet.RtpPacket`.

    `rotation`: degrees clockwise that make the picture upright, 0, 90, 180 or 270. `mid`, `rid`, `repaired_rid`: names
    of the stream, of its layer, and of the layer that a retransmission is of. None or "" when the packet does not say.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    transport_number: int | None = None
    rotation: int | None = None
    mid: str = ""
    rid: str = ""
    repaired_rid: str = ""


_new_packet = tuple.__new__


def parse(datagram: bytes, ids: ExtensionIds) -> VideoPacket:
    """Read one datagram as RTP. An element of the extension that makes no sense is passed over.

    Raises ProtocolError as `packet.parse`.
    """
    if len(datagram) < HEADER_BYTES:
        raise ProtocolError("rtp-short", f"{len(datagram)} bytes")
    first, second, sequence, timestamp, ssrc = unpack_header(datagram)
    if 192 <= second <= 223:
        raise ProtocolError("rtp-rtcp-range", f"type {second}")
    if first == 0x80:
        told: _Told = (None, None, "", "", "")
        start, end = HEADER_BYTES, len(datagram)
    elif first >> 6 != 2:
        raise ProtocolError("rtp-version", f"version {first >> 6}")
    else:
        start, end, begin, profile = bounds(datagram, first)
        told = _elements(datagram, begin, start, profile, ids) if profile else (None, None, "", "", "")
    return _new_packet(
        VideoPacket,
        (second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, datagram[start:end], *told),
    )


_Told = tuple[int | None, int | None, str, str, str]


def _elements(datagram: bytes, at: int, end: int, profile: int, ids: ExtensionIds) -> _Told:
    """What the elements of RFC 8285 sections 4.2 and 4.3 say; one that runs over the end ends the search."""
    feedback_id, mid_id, rid_id, repaired_id, orientation_id = ids
    one_byte = profile == ONE_BYTE_PROFILE
    number = rotation = None
    mid = rid = repaired = ""
    while at < end:
        head = datagram[at]
        at += 1
        if not head:  # padding between elements
            continue
        if one_byte:
            identifier = head >> 4
            after = at + (head & 0x0F) + 1
            if identifier == 15:  # nothing behind it is to be read
                break
        else:
            identifier = head
            if at >= end:
                break
            after = at + 1 + datagram[at]
            at += 1
        if after > end:
            break
        if not identifier:  # with a length: nobody's
            pass
        elif identifier == feedback_id:
            if after == at + 2:
                number = datagram[at] << 8 | datagram[at + 1]
        elif identifier == orientation_id:
            if after > at:
                rotation = 90 * (datagram[at] & 3)
        elif identifier == mid_id:
            mid = _name(datagram[at:after])
        elif identifier == rid_id:
            rid = _name(datagram[at:after])
        elif identifier == repaired_id:
            repaired = _name(datagram[at:after])
        at = after
    return number, rotation, mid, rid, repaired


def _name(octets: bytes) -> str:
    """A name in visible ASCII, "" if it is none."""
    if len(octets) > _LONGEST_NAME or not octets.isascii():
        return ""
    name = octets.decode("ascii")
    return name if name.isprintable() else ""
