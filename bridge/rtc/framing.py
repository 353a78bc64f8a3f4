"""Datagrams on a stream: two octets of length before each (RFC 4571), for ICE over TCP (RFC 6544)."""

from __future__ import annotations

from typing import Final

from bridge.errors import ProtocolError

MAX_FRAME: Final = 2_047  # octets, as long as a datagram may be over UDP


def frame(datagram: bytes) -> bytes:
    """One datagram as it goes onto the stream. Raises ProtocolError: frame-too-long."""
    if len(datagram) > MAX_FRAME:
        raise ProtocolError("frame-too-long", f"{len(datagram)} bytes")
    return len(datagram).to_bytes(2, "big") + datagram


class Framer:
    """Cuts one stream into datagrams. Holds less than one frame, MAX_FRAME octets at most, between two pushes."""

    __slots__ = ("_broken", "_held")

    def __init__(self) -> None:
        self._held = b""
        self._broken = False

    @property
    def pending(self) -> bool:
        """Whether part of a frame has come."""
        return bool(self._held)

    def push(self, octets: bytes) -> list[bytes]:
        """What has become whole by these octets; empty frames are left out.

        Raises ProtocolError("frame-too-long") and never reads on: the caller closes the connection.
        """
        if self._broken:
            raise ProtocolError("frame-too-long", "after a frame that was too long")
        stream = self._held + octets if self._held else octets
        frames: list[bytes] = []
        at, size = 0, len(stream)
        while at + 2 <= size:
            length = stream[at] << 8 | stream[at + 1]
            if length > MAX_FRAME:
                self._broken = True
                self._held = b""
                raise ProtocolError("frame-too-long", f"{length} bytes announced")
            end = at + 2 + length
            if end > size:
                break
            if length:
                frames.append(stream[at + 2 : end])
            at = end
        self._held = stream[at:]
        return frames
