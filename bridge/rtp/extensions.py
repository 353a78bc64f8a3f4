"""Header extensions of the packets that we send (RFC 8285): audio level (RFC 6464), mid (RFC 8843 section 15), and the
transport-wide number (draft-holmer-rmcat-transport-wide-cc-extensions-01)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

LEVELS: Final = 128
_VOICE_LEVEL: Final = 50  # [-dBov]; what is louder is told to be voice (RFC 6464: the V bit)
_ONE_BYTE, _TWO_BYTE = b"\xbe\xde", b"\x10\x00"
_LAST_ONE_BYTE_ID: Final = 14
_LONGEST_ONE_BYTE: Final = 16


@lru_cache(maxsize=256)
def extensions(level_id: int, mid_id: int, mid: str) -> tuple[bytes, ...] | None:
    """The extension of a packet for each level of its sound, 0 to 127 [-dBov]; None if there is nothing to tell.

    `level_id`, `mid_id`: negotiated ids, 0 = not told. `mid`: of at most 255 octets.
    """
    name = mid.encode()[:255] if mid_id else b""
    if not level_id and not name:
        return None
    wide = max(level_id, mid_id) > _LAST_ONE_BYTE_ID or len(name) > _LONGEST_ONE_BYTE
    named = _element(mid_id, name, wide) if name else b""
    if not level_id:
        return (_block(named, wide),) * LEVELS
    return tuple(
        _block(_element(level_id, bytes((level | (level < _VOICE_LEVEL) << 7,)), wide) + named, wide)
        for level in range(LEVELS)
    )


@lru_cache(maxsize=256)
def numbered(mid_id: int, mid: str, feedback_id: int) -> tuple[bytes, bytes]:
    """The extension of a packet in two parts, between which two octets of the transport-wide number go.

    `mid_id`, `feedback_id`: negotiated ids, 0 = not told; `mid`: of at most 255 octets. Without number all is in the
    first part; without anything to tell both are empty.
    """
    name = mid.encode()[:255] if mid_id else b""
    wide = max(feedback_id, mid_id if name else 0) > _LAST_ONE_BYTE_ID or len(name) > _LONGEST_ONE_BYTE
    named = _element(mid_id, name, wide) if name else b""
    if not feedback_id:
        return (_block(named, wide), b"") if name else (b"", b"")
    number = _element(feedback_id, bytes(2), wide)
    whole = _block(number + named, wide)
    at = 4 + len(number)
    return whole[: at - 2], whole[at:]


def _element(identifier: int, value: bytes, wide: bool) -> bytes:
    head = (identifier, len(value)) if wide else (identifier << 4 | len(value) - 1,)
    return bytes(head) + value


def _block(elements: bytes, wide: bool) -> bytes:
    elements += bytes(-len(elements) & 3)
    return (_TWO_BYTE if wide else _ONE_BYTE) + (len(elements) // 4).to_bytes(2, "big") + elements
