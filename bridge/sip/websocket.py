"""One WebSocket that carries SIP (RFC 7118): a message a frame in, a message a frame out.

The socket itself is the web's; it comes in here as a `Wire`, and what this floor gives back is a flow like any other
connection's. What a frame holds after its message is left unread, as in a datagram.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from bridge.sip.connection import Owner
from bridge.sip.flow import Flow
from bridge.sip.framing import PONG

PING: Final = 2 * PONG


class Wire(Protocol):
    """The socket, as the web has it."""

    def send(self, message: bytes) -> bool:
        """Send one frame; False if the socket is gone, or its peer does not read: then it is cut off."""

    def close(self) -> None:
        """Close after what is queued was sent."""

    def abort(self) -> None:
        """Close now."""


class SocketFlow:
    """A connection to the transports, over a socket that somebody else holds.

    `secure`: over TLS. `local`, `remote`: (address, port) of both ends, the remote one as far as it is known behind a
    proxy. Whoever holds the socket calls `received` and `lost`.
    """

    target = None

    def __init__(
        self,
        owner: Owner,
        secure: bool,
        local: tuple[str, int],
        remote: tuple[str, int],
        serial: int,
        wire: Wire,
    ) -> None:
        self.flow = Flow("wss" if secure else "ws", local, remote, serial)
        self.served = False  # whether it ever brought a whole message
        self._owner = owner
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._came_at = self._loop.time()
        self._open = True

    # -- called by who holds the socket -----------------------------------------------------------------------------

    def received(self, frame: bytes) -> bool:
        """Take one frame; False if its sender is over its rate: offer it again later, and read no more until then."""
        if not self._open:
            return True
        self.heard_at = self._loop.time()
        if not frame.strip(PONG):
            if frame.startswith(PING):
                self.write(PONG)  # RFC 5626 section 3.5.1
            return True
        if not self._owner.admit(self.flow.remote[0]):
            return False
        self.served = True
        self._owner.deliver(frame, self.flow)
        return True

    def lost(self) -> None:
        """The socket is closed, whoever closed it."""
        if self._open:
            self._open = False
            self._owner.closed(self)

    # -- called by the transports -----------------------------------------------------------------------------------

    def write(self, data: bytes) -> bool:
        """Send; False if it is gone."""
        return self._open and self._wire.send(data)

    def overdue(self, now: float) -> str | None:
        """The name of the time limit that it broke, None if it is in time. `now`: monotonic seconds."""
        limits = self._owner.limits
        if not self.served and now - self._came_at >= limits.whole_s:
            return "slow-sender"
        return "idle" if now - self.heard_at >= limits.idle_s else None

    def close(self) -> None:
        """Close after what is queued was sent."""
        self._wire.close()

    def abort(self) -> None:
        """Close now; what is queued is lost."""
        self._wire.abort()
        self.lost()
