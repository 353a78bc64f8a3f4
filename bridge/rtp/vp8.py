"""VP8 in RTP (RFC 7741): frames into payloads and back, and the size that a key frame's header tells (RFC 6386)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp.coded import Coded, Limits, check_size

LIMIT: Final = 1180  # [bytes] of payload, descriptor included

_EXTENDED: Final = 0x80  # X
_START: Final = 0x10  # S: the first packet of a partition
_PARTITION: Final = 0x07
_PICTURE_NUMBER: Final = 0x80  # I
_LEVEL_INDEX: Final = 0x40  # L: TL0PICIDX
_LAYER: Final = 0x30  # T or K: an octet for both
_WIDE: Final = 0x8000  # M: a picture number of 15 bits
_DESCRIPTOR_BYTES: Final = 4  # of what we send
_KEY_HEADER_BYTES: Final = 10
_START_CODE: Final = b"\x9d\x01\x2a"


def payloads(frame: bytes, picture_id: int, limit: int = LIMIT) -> list[bytes]:
    """RTP payloads of at most `limit` bytes for one frame, of equal size but for the last one, which gets the marker.

    `picture_id`: counts frames (15 bits; the rest of it is cut off).
    """
    number = (_WIDE | picture_id & 0x7FFF).to_bytes(2, "big")
    first = bytes((_EXTENDED | _START, _PICTURE_NUMBER)) + number
    behind = bytes((_EXTENDED, _PICTURE_NUMBER)) + number
    count = -(-len(frame) // (limit - _DESCRIPTOR_BYTES)) or 1
    size = -(-len(frame) // count) or 1
    pieces = [behind + frame[at : at + size] for at in range(size, len(frame), size)]
    return [first + frame[:size], *pieces]


def descriptor(payload: bytes) -> tuple[int, int | None]:
    """How long the descriptor before the VP8 octets is, and the picture number in it (RFC 7741 section 4.2).

    Raises ProtocolError("vp8-descriptor") if it, or what it stands before, is not there.
    """
    at, number, end = 1, None, len(payload)
    if end > 1 and payload[0] & _EXTENDED:
        there = payload[1]
        at = 2
        if there & _PICTURE_NUMBER and end > 3:
            number = payload[2]
            if number & 0x80:
                number = (number & 0x7F) << 8 | payload[3]
                at = 3
            at += 1
        elif there & _PICTURE_NUMBER:
            at = end
        if there & _LEVEL_INDEX:
            at += 1
        if there & _LAYER:
            at += 1
    if at >= end:
        raise ProtocolError("vp8-descriptor", "cut")
    return at, number


def size(frame: bytes) -> tuple[int, int]:
    """Width and height in a key frame's header; upscaling is left to who shows it (RFC 6386 section 9.1).

    Raises ProtocolError: vp8-cut, vp8-start-code, vp8-size.
    """
    if len(frame) < _KEY_HEADER_BYTES:
        raise ProtocolError("vp8-cut", f"{len(frame)} bytes")
    if frame[3:6] != _START_CODE:
        raise ProtocolError("vp8-start-code")
    width, height = (frame[6] | frame[7] << 8) & 0x3FFF, (frame[8] | frame[9] << 8) & 0x3FFF
    if not width or not height:
        raise ProtocolError("vp8-size", f"{width} x {height}")
    return width, height


class Vp8Reader:
    """Reads the frames of one source; temporal layers are taken as they come."""

    __slots__ = ("_limits",)

    number_mask = 0x7FFF

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def read(self, payloads: Sequence[bytes]) -> Coded:
        """See `FrameReader`. Raises ProtocolError: vp8-partition if the first packet is not that of a frame, or a
        later one is; over-level; those of `descriptor` and `size`."""
        if not self.begins(payloads[0]):
            raise ProtocolError("vp8-partition", "not the first one")
        pieces: list[bytes] = []
        number = None
        for payload in payloads:
            at, number = descriptor(payload)
            if pieces and payload[0] & (_START | _PARTITION) == _START:
                raise ProtocolError("vp8-partition", "the first one again")
            pieces.append(payload[at:])
        frame = b"".join(pieces)
        if len(frame) < 3 or (frame[0] | frame[1] << 8 | frame[2] << 16) >> 5 > len(frame):
            raise ProtocolError("vp8-cut", "less than its first partition")
        if frame[0] & 1:
            return Coded(frame, False, number=number)
        width, height = size(frame)
        check_size(width, height, self._limits)
        return Coded(frame, True, width, height, number)

    def begins(self, payload: bytes) -> bool:
        """The descriptor says so."""
        return payload[0] & (_START | _PARTITION) == _START

    def continues(self, payload: bytes) -> bool:
        """All others."""
        return not self.begins(payload)

    def begins_key(self, payload: bytes) -> bool:
        """It does, and the frame's own first bit is 0."""
        if not self.begins(payload):
            return False
        try:
            at, _ = descriptor(payload)
        except ProtocolError:
            return False
        return not payload[at] & 1

    def number(self, payload: bytes) -> int | None:
        """PictureID; with seven bits it says too little."""
        try:
            at, number = descriptor(payload)
        except ProtocolError:
            return None
        return number if at > 3 and payload[2] & 0x80 else None
