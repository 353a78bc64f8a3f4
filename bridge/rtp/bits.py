"""Bits out of octets: what picture headers are made of (fixed fields, Exp-Golomb codes)."""

from __future__ import annotations

from typing import Final

from bridge.errors import ProtocolError

_WINDOW_BYTES: Final = 5  # 32 zeros behind at most 7 bits that were read before


class BitReader:
    """Reads from the highest bit of the first octet on.

    Every method raises ProtocolError with the name given here, when the octets end or a value is out of its bounds.
    """

    __slots__ = ("_at", "_end", "_name", "_octets")

    def __init__(self, octets: bytes, name: str) -> None:
        self._octets = octets
        self._name = name
        self._at = 0
        self._end = 8 * len(octets)

    def bits(self, count: int) -> int:
        """The next `count` bits, 0 to 64, as a number."""
        at = self._at
        end = at + count
        if end > self._end:
            raise ProtocolError(self._name, "cut")
        self._at = end
        return int.from_bytes(self._octets[at >> 3 : end + 7 >> 3]) >> (-end & 7) & (1 << count) - 1

    def flag(self) -> bool:
        """The next bit."""
        return self.bits(1) == 1

    def golomb(self, most: int) -> int:
        """An unsigned Exp-Golomb code, 0 to `most` (ITU-T H.264 section 9.1)."""
        at = self._at
        place = at >> 3
        width = 8 * _WINDOW_BYTES - (at & 7)
        piece = self._octets[place : place + _WINDOW_BYTES].ljust(_WINDOW_BYTES, b"\0")
        window = int.from_bytes(piece) & (1 << width) - 1
        zeros = width - window.bit_length()
        if zeros > 32:
            raise ProtocolError(self._name, "code too long")
        self._at = at + zeros
        value = self.bits(zeros + 1) - 1
        if value > most:
            raise ProtocolError(self._name, f"{value} over {most}")
        return value

    def signed_golomb(self, most: int) -> int:
        """A signed Exp-Golomb code, -`most` to `most` (section 9.1.1)."""
        value = self.golomb(2 * most)
        return value + 1 >> 1 if value & 1 else -(value >> 1)
