"""AV1 out of RTP (RTP Payload Format For AV1, version 1.0): temporal units whose headers were checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp.av1_headers import Sequence, frame_header, parse_sequence
from bridge.rtp.coded import Coded, Limits, check_size

_CONTINUES: Final = 0x80  # Z: the first element is the rest of one in the packet before
_CONTINUED: Final = 0x40  # Y: the last one goes on in the next packet
_NEW_SEQUENCE: Final = 0x08  # N

_SEQUENCE_HEADER: Final = 1
_DELIMITER: Final = 2
_FRAME_HEADERS: Final = (3, 6, 7)
_DROPPED: Final = (_DELIMITER, 8, 15)  # tile lists and padding are nobody's
_HAS_EXTENSION: Final = 0x04
_HAS_SIZE: Final = 0x02

_DELIMITED: Final = b"\x12\0"  # how every temporal unit begins
_MOST_UNITS: Final = 256  # OBUs of a temporal unit
_MOST_SEQUENCES: Final = 4  # headers of sequences among them; to read them takes long
_MOST_PICTURES: Final = 8  # of a temporal unit: layers, and some that are never shown


def elements(payload: bytes) -> list[bytes]:
    """The OBUs, or pieces of them, in a payload (section 4.4). Raises ProtocolError("av1-aggregation")."""
    found: list[bytes] = []
    count = payload[0] >> 4 & 3
    at, end = 1, len(payload)
    while at < end:
        size = end - at
        if len(found) + 1 != count:
            size, at = _leb128(payload, at, "av1-aggregation")
        if not size or at + size > end:
            raise ProtocolError("av1-aggregation", f"element of {size} bytes")
        found.append(payload[at : at + size])
        at += size
    if not found or (count and len(found) != count):
        raise ProtocolError("av1-aggregation", f"{len(found)} elements instead of {count}")
    return found


def _leb128(octets: bytes, at: int, name: str) -> tuple[int, int]:
    """A number of at most four octets, and what follows (AV1 bitstream, section 4.10.5)."""
    value = 0
    for place, octet in enumerate(octets[at : at + 4]):
        value |= (octet & 0x7F) << 7 * place
        if octet < 0x80:
            return value, at + place + 1
    raise ProtocolError(name, "size without end")


def _first_kind(payload: bytes) -> int:
    """The type of the OBU that the first element begins with, 0 if there is none."""
    at = 1
    if payload[0] >> 4 & 3 != 1:
        try:
            _, at = _leb128(payload, 1, "av1-aggregation")
        except ProtocolError:
            return 0
    return payload[at] >> 3 & 15 if at < len(payload) else 0


def depacketise(payloads: Iterable[bytes]) -> list[bytes]:
    """The OBUs in the payloads of one temporal unit. Raises ProtocolError: av1-aggregation, av1-fragment."""
    found: list[bytes] = []
    pieces: list[bytes] = []
    for payload in payloads:
        if len(found) > _MOST_UNITS:
            break
        head = payload[0]
        if bool(head & _CONTINUES) != bool(pieces):
            raise ProtocolError("av1-fragment", "not ended" if pieces else "not begun")
        given = elements(payload)
        for place, element in enumerate(given):
            pieces.append(element)
            if head & _CONTINUED and place == len(given) - 1:
                break
            found.append(b"".join(pieces))
            pieces = []
    if pieces:
        raise ProtocolError("av1-fragment", "not ended")
    if len(found) > _MOST_UNITS:
        raise ProtocolError("av1-aggregation", f"{len(found)} units and more")
    return found


def _split(unit: bytes) -> tuple[bytes, bytes]:
    """Header, without a size, and body of an OBU (AV1 bitstream, section 5.3). Raises ProtocolError("av1-obu")."""
    head = unit[0]
    at = 2 if head & _HAS_EXTENSION else 1
    if head & 0x80 or len(unit) < at:
        raise ProtocolError("av1-obu", "header")
    start = unit[:at]
    if head & _HAS_SIZE:
        size, at = _leb128(unit, at, "av1-obu")
        if at + size != len(unit):
            raise ProtocolError("av1-obu", f"{size} bytes of {len(unit)}")
    return start, unit[at:]


def _sized(start: bytes, body: bytes) -> bytes:
    size = len(body)
    octets = bytearray()
    while size > 0x7F:
        octets.append(size & 0x7F | 0x80)
        size >>= 7
    octets.append(size)
    return bytes((start[0] | _HAS_SIZE,)) + start[1:] + octets + body


class Av1Reader:
    """Reads the temporal units of one source, all layers as they come."""

    __slots__ = ("_limits", "_sequence")

    number_mask = 0

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sequence: Sequence | None = None

    def read(self, payloads: Iterable[bytes]) -> Coded | None:
        """See `FrameReader`. Raises ProtocolError: av1-obu, over-level, those of `depacketise` and `av1_headers`."""
        found = [_DELIMITED]
        key = announced = False
        pictures = sequences = 0
        for unit in depacketise(payloads):
            start, body = _split(unit)
            kind = start[0] >> 3 & 15
            if kind in _DROPPED:
                continue
            if kind == _SEQUENCE_HEADER:
                self._sequence = None
                sequences += 1
                if sequences > _MOST_SEQUENCES:
                    raise ProtocolError("av1-sequence", "too many in one unit")
                sequence = parse_sequence(body)
                check_size(sequence.width, sequence.height, self._limits)
                self._sequence = sequence
                announced = True
            elif kind in _FRAME_HEADERS:
                if self._sequence is None:
                    raise ProtocolError("av1-unknown-sequence")
                new, width, height = frame_header(body, self._sequence)
                check_size(width, height, self._limits)
                if not pictures:
                    key = new and announced
                pictures += 1
                if pictures > _MOST_PICTURES:
                    raise ProtocolError("av1-frame", "too many in one unit")
            found.append(_sized(start, body))
        if not pictures:
            return None
        whole = b"".join(found)
        if key and self._sequence is not None:
            return Coded(whole, True, self._sequence.width, self._sequence.height)
        return Coded(whole, False)

    def begins(self, payload: bytes) -> bool:
        """Only of a key frame it is certain."""
        return self.begins_key(payload)

    def continues(self, payload: bytes) -> bool:
        """It begins with the rest of a unit."""
        return payload[0] & _CONTINUES != 0

    def begins_key(self, payload: bytes) -> bool:
        """A new coded video sequence; not all senders say so, but all send its header first."""
        if payload[0] & _CONTINUES:
            return False
        return payload[0] & _NEW_SEQUENCE != 0 or _first_kind(payload) == _SEQUENCE_HEADER

    def number(self, payload: bytes) -> int | None:
        """Only an extension that nobody negotiates tells."""
        return None
