"""VP9 out of RTP (RFC 9628), flexible mode or not, and the sizes that frame headers tell (VP9 bitstream, section 6.2).

All spatial layers of a picture are given on together, as a superframe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp.bits import BitReader
from bridge.rtp.coded import Coded, Limits, check_size

_PICTURE_NUMBER: Final = 0x80  # I
_INTER: Final = 0x40  # P: refers to pictures before
_LAYERS: Final = 0x20  # L
_FLEXIBLE: Final = 0x10  # F
_BEGIN: Final = 0x08  # B
_END: Final = 0x04  # E
_STRUCTURE: Final = 0x02  # V

_SYNC_CODE: Final = 0x498342
_RGB: Final = 7
_MOST_FRAMES: Final = 8  # in a superframe


def descriptor(payload: bytes) -> tuple[int, int | None, int]:
    """How long the descriptor before the VP9 octets is, the picture number, and the spatial layer (section 4.2).

    Raises ProtocolError("vp9-descriptor") if it, or what it stands before, is not there.
    """
    try:
        at, number, layer = _descriptor(payload)
    except IndexError:
        at = len(payload)
    if at >= len(payload):
        raise ProtocolError("vp9-descriptor", "cut")
    return at, number, layer


def _descriptor(payload: bytes) -> tuple[int, int | None, int]:
    flags = payload[0]
    at, number, layer = 1, None, 0
    if flags & _PICTURE_NUMBER:
        number = payload[at]
        if number & 0x80:
            at += 1
            number = (number & 0x7F) << 8 | payload[at]
        at += 1
    if flags & _LAYERS:
        layer = payload[at] >> 1 & 7
        at += 1 if flags & _FLEXIBLE else 2  # TL0PICIDX
    if flags & _FLEXIBLE and flags & _INTER:
        for _ in range(3):
            at += 1
            if not payload[at - 1] & 1:
                break
        else:
            raise ProtocolError("vp9-descriptor", "more than three references")
    if flags & _STRUCTURE:
        at = _behind_structure(payload, at)
    return at, number, layer


def _behind_structure(payload: bytes, at: int) -> int:
    """Behind the scalability structure (section 4.2.1)."""
    head = payload[at]
    at += 1
    if head & 0x10:
        at += 4 * ((head >> 5) + 1)
    if head & 0x08:
        pictures = payload[at]
        at += 1
        for _ in range(pictures):
            at += 1 + (payload[at] >> 2 & 3)
    return at


def frames(octets: bytes) -> list[bytes]:
    """The frames in what an encoder gave: one, or those of a superframe (VP9 bitstream, annex B).

    Raises ProtocolError("vp9-superframe").
    """
    last = octets[-1]
    if last & 0xE0 != 0xC0:
        return [octets]
    count, width = (last & 7) + 1, (last >> 3 & 3) + 1
    index = 2 + count * width
    if len(octets) < index or octets[-index] != last:
        return [octets]
    found = []
    at, end = 0, len(octets) - index
    for place in range(end + 1, end + 1 + count * width, width):
        size = int.from_bytes(octets[place : place + width], "little")
        if not size or at + size > end:
            raise ProtocolError("vp9-superframe", f"frame of {size} bytes")
        found.append(octets[at : at + size])
        at += size
    return found


def superframe(found: Sequence[bytes]) -> bytes:
    """Frames as one, with an index behind them. Raises ProtocolError("vp9-superframe") if there are too many."""
    if len(found) == 1:
        return found[0]
    if len(found) > _MOST_FRAMES:
        raise ProtocolError("vp9-superframe", f"{len(found)} frames")
    width = (max(map(len, found)).bit_length() + 7) // 8
    head = bytes((0xC0 | width - 1 << 3 | len(found) - 1,))
    sizes = b"".join(len(frame).to_bytes(width, "little") for frame in found)
    return b"".join(found) + head + sizes + head


def header(frame: bytes) -> tuple[bool, int, int]:
    """Whether a frame refers to nothing before, and its width and height, 0 = those of what it refers to.

    Raises ProtocolError: vp9-header; vp9-profile for others than 0 (8 bits, 4:2:0).
    """
    reader = BitReader(frame[:32], "vp9-header")
    if reader.bits(2) != 2:
        raise ProtocolError("vp9-header", "no frame marker")
    if reader.bits(2):
        raise ProtocolError("vp9-profile")
    if reader.flag():  # show_existing_frame
        return False, 0, 0
    inter, shown, resilient = reader.flag(), reader.flag(), reader.flag()
    if not inter:
        _check_sync(reader)
        if reader.bits(3) == _RGB:
            raise ProtocolError("vp9-header", "RGB")
        reader.flag()
        return True, reader.bits(16) + 1, reader.bits(16) + 1
    intra_only = not shown and reader.flag()
    if not resilient:
        reader.bits(2)
    if intra_only:
        _check_sync(reader)
        reader.bits(8)
        return False, reader.bits(16) + 1, reader.bits(16) + 1
    reader.bits(8 + 12)
    if any(reader.flag() for _ in range(3)):  # that of one of its references
        return False, 0, 0
    return False, reader.bits(16) + 1, reader.bits(16) + 1


def _check_sync(reader: BitReader) -> None:
    if reader.bits(24) != _SYNC_CODE:
        raise ProtocolError("vp9-header", "no sync code")


class Vp9Reader:
    """Reads the pictures of one source, all layers as they come."""

    __slots__ = ("_limits",)

    number_mask = 0x7FFF

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def read(self, payloads: Sequence[bytes]) -> Coded:
        """See `FrameReader`. Raises ProtocolError: vp9-frame if a layer's frame has no beginning or no end;
        over-level; those of the functions here."""
        layers: list[bytes] = []
        pieces: list[bytes] = []
        number = None
        for payload in payloads:
            at, number, _ = descriptor(payload)
            flags = payload[0]
            if bool(flags & _BEGIN) == bool(pieces):
                raise ProtocolError("vp9-frame", "begins twice" if pieces else "does not begin")
            pieces.append(payload[at:])
            if flags & _END:
                layers += frames(b"".join(pieces))
                pieces = []
                if len(layers) > _MOST_FRAMES:
                    raise ProtocolError("vp9-superframe", "too many frames")
        if pieces:
            raise ProtocolError("vp9-frame", "does not end")
        key, width, height = False, 0, 0
        for place, frame in enumerate(layers):
            intra, wide, high = header(frame)
            check_size(wide, high, self._limits)
            if not place:
                key = intra
            if wide * high > width * height:
                width, height = wide, high
        return Coded(superframe(layers), key, width if key else 0, height if key else 0, number)

    def begins(self, payload: bytes) -> bool:
        """The beginning of the lowest layer."""
        return bool(payload[0] & _BEGIN) and _layer(payload) == 0

    def continues(self, payload: bytes) -> bool:
        """All others."""
        return not self.begins(payload)

    def begins_key(self, payload: bytes) -> bool:
        """It does, and refers to no picture before."""
        return not payload[0] & _INTER and self.begins(payload)

    def number(self, payload: bytes) -> int | None:
        """PictureID; with seven bits it says too little."""
        if not payload[0] & _PICTURE_NUMBER or len(payload) < 4 or not payload[1] & 0x80:
            return None
        return (payload[1] & 0x7F) << 8 | payload[2]


def _layer(payload: bytes) -> int | None:
    """The spatial layer, None if the descriptor is cut."""
    try:
        return descriptor(payload)[2]
    except ProtocolError:
        return None
