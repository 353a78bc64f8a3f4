"""One TCP or TLS connection: bytes in, whole messages up; bounded in what it holds and how long it waits."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol, cast

from bridge.sip.flow import Flow
from bridge.sip.framing import PONG, KeepAlive, StreamFramer

_RETRY_S = 0.1  # how often a connection over its rate asks again


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a connection, a source and all of them may use. Times in seconds, sizes in bytes."""

    per_source: int = 20
    per_loopback: int = 1_000  # of one address of this machine: load tests
    in_all: int = 2_000
    whole_s: float = 30.0  # for a first whole message, and for the rest of one that has begun
    idle_s: float = 3_900.0  # without a byte: longer than a refresh (RFC 4028) and than keep-alives
    handshake_s: float = 9.0  # TLS
    most_queued: int = 262_144  # written and not yet taken by the peer: beyond, it is cut off
    most_body: int = 65_536


class Carrier(Protocol):
    """What the transports need of a connection, whatever it is made of."""

    @property
    def flow(self) -> Flow:
        """Its flow."""

    @property
    def target(self) -> tuple[str, str, int] | None:
        """What `Transports.connect` was asked for, None if the other end came to us."""

    @property
    def served(self) -> bool:
        """Whether it ever brought a whole message."""

    @property
    def heard_at(self) -> float:
        """When the last byte came [monotonic seconds]."""

    def write(self, data: bytes) -> bool:
        """Send; False if it is gone."""

    def overdue(self, now: float) -> str | None:
        """The name of the time limit that it broke, None if it is in time. `now`: monotonic seconds."""

    def close(self) -> None:
        """Close after what is queued was sent."""

    def abort(self) -> None:
        """Close now; what is queued is lost."""


class Owner(Protocol):
    """What a connection needs of the transports."""

    limits: ConnectionLimits

    def opened(self, connection: Carrier) -> None:
        """Take note of a connection whose flow is ready."""
        ...

    def closed(self, connection: Carrier) -> None:
        """Take note of a connection that is gone."""
        ...

    def admit(self, host: str) -> bool:
        """Whether one more message from `host` may come in now."""
        ...

    def deliver(self, message: bytes, flow: Flow) -> None:
        """Take one whole message."""
        ...

    def count(self, name: str) -> None:
        """Count a drop by its name."""
        ...


class Connection(asyncio.Protocol):
    """The loop's side of one connection. `target` is what `Transports.connect` was asked for, None if accepted."""

    def __init__(
        self, owner: Owner, protocol: str, serial: int, target: tuple[str, str, int] | None = None
    ) -> None:
        self.flow = Flow(protocol, ("", 0), ("", 0), serial)
        self.target = target
        self.opened = False  # whether the owner was told of it
        self.served = False  # whether it ever brought a whole message
        self.heard_at = 0.0  # when the last byte came [monotonic s]
        self._owner = owner
        self._framer = StreamFramer(owner.limits.most_body)
        self._loop = asyncio.get_running_loop()
        self._waiting_since = 0.0  # when it began to owe us the message that is due
        # Messages over the rate. Bounded by one read: nothing more is read until it is empty.
        self._held: deque[bytes] = deque()
        self._retry: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    # -- called by the loop -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember both ends and tell the owner."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._owner.limits.most_queued)
        self.flow = Flow(
            self.flow.protocol,
            plain_address(transport.get_extra_info("sockname")),
            plain_address(transport.get_extra_info("peername")),
            self.flow.id,
        )
        self.heard_at = self._waiting_since = self._loop.time()
        self.opened = True
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Cut out messages and hand them up; answer keep-alives; close where framing is lost."""
        self.heard_at = self._loop.time()
        began = not self._framer.pending
        for item in self._framer.push(data):
            began = True
            if item is KeepAlive.PING:
                self.write(PONG)
            elif isinstance(item, bytes):
                self.served = True
                self._held.append(item)
        if began:
            self._waiting_since = self.heard_at
        if self._framer.fault is not None:
            self._owner.count(f"stream-{self._framer.fault.name}")
        if self._retry is None:
            self._pass_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer and tell the owner."""
        if self._retry is not None:
            self._retry.cancel()
        self._held.clear()
        self._transport = None
        self._owner.closed(self)

    # -- called by the transports -----------------------------------------------------------------------------

    def write(self, data: bytes) -> bool:
        """Send; False if the connection is gone, or the peer does not read: then it is cut off."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() + len(data) > self._owner.limits.most_queued:
            self._owner.count("slow-reader")
            transport.abort()
            return False
        transport.write(data)
        return True

    def overdue(self, now: float) -> str | None:
        """Return the name of the time limit that it broke, None if it is in time. `now`: monotonic seconds."""
        limits = self._owner.limits
        owes = self._framer.pending or (not self.served and self.target is None)
        if owes and now - self._waiting_since >= limits.whole_s:
            return "slow-sender"
        if now - self.heard_at >= limits.idle_s:
            return "idle"
        return None

    def close(self) -> None:
        """Close after what is queued was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now; what is queued is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _pass_on(self) -> None:
        """Hand up what the rate allows. The rest waits, and the peer with it: a stream cannot skip a message."""
        self._retry = None
        while self._held and self._transport is not None:
            if not self._owner.admit(self.flow.remote[0]):
                self._transport.pause_reading()
                self._retry = self._loop.call_later(_RETRY_S, self._pass_on)
                return
            self._owner.deliver(self._held.popleft(), self.flow)
        if self._transport is None or self._transport.is_closing():
            return
        if self._framer.fault is not None:
            self._transport.close()
        elif not self._transport.is_reading():
            self._transport.resume_reading()


def plain_address(name: tuple[str, int] | tuple[str, int, int, int] | None) -> tuple[str, int]:
    """Return (address, port) of a socket name, without zone; ("", 0) for a socket that is gone."""
    return (name[0].partition("%")[0], name[1]) if name else ("", 0)


def same(connection: Connection) -> Connection:
    """Serve as the protocol factory for a connection that is made already."""
    return connection
