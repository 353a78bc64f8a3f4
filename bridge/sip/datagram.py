"""One UDP socket: datagrams in and out, dropped by name where they flood or cannot be sent."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from bridge.sip.connection import plain_address
from bridge.sip.flow import Flow

# Bytes that the kernel has not taken; beyond, a datagram is dropped: SIP sends again.
_MOST_UNSENT = 1_048_576
_LARGEST = 65_507  # bytes of payload that UDP can carry over IPv4
_PADDING = b"\r\n\0 "  # what keep-alives of phones consist of


class Owner(Protocol):
    """What a datagram socket needs of the transports."""

    def admit(self, host: str) -> bool:
        """Whether one more datagram from `host` may come in now."""
        ...

    def deliver(self, message: bytes, flow: Flow) -> None:
        """Take one datagram."""
        ...

    def count(self, name: str) -> None:
        """Count a drop by its name."""
        ...


class DatagramEndpoint(asyncio.DatagramProtocol):
    """The loop's side of one UDP socket. `serial` is the id of its flows, `local` its address and port."""

    def __init__(self, owner: Owner, serial: int) -> None:
        self.serial = serial
        self.local = ("", 0)
        self._owner = owner
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket and where it is bound."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.local = plain_address(transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand up one datagram, if its source is in its rate and it is no keep-alive."""
        if not self._owner.admit(addr[0]):
            return
        if not data.strip(_PADDING):
            self._owner.count("keep-alive")
            return
        self._owner.deliver(data, Flow("udp", self.local, plain_address(addr), self.serial))

    def error_received(self, exc: Exception) -> None:
        """Count what the kernel reports; the transaction layer's timers do the rest."""
        self._owner.count("udp-error")

    def send(self, data: bytes, remote: tuple[str, int]) -> bool:
        """Send one datagram from this socket's address; False if it was dropped here."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if len(data) > _LARGEST:
            self._owner.count("udp-too-large")
            return False
        # Every loop's datagram transports know this, though their interface does not promise it.
        if cast(asyncio.WriteTransport, transport).get_write_buffer_size() > _MOST_UNSENT:
            self._owner.count("udp-full")
            return False
        try:
            transport.sendto(data, remote)
        except (OSError, ValueError, TypeError):  # an address of the other family, or none at all
            self._owner.count("udp-error")
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()
