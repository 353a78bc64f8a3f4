"""The rim of SIP: sockets for UDP, TCP and TLS, over IPv4 and IPv6 (RFC 3261 section 18).

Nothing is parsed here but the framing of streams. What floods is dropped before anything looks into it; each
drop has a name in `drops`. Every queue is bounded: a datagram that the kernel does not take is dropped (the
transaction layer sends again), a stream peer that does not read is cut off.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPV6_V6ONLY,
    SO_RCVBUF,
    SO_REUSEADDR,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
    socket,
)

from bridge.certificate import CertificateFiles, ServerCertificate
from bridge.sip.connection import Carrier, Connection, ConnectionLimits, plain_address, same
from bridge.sip.datagram import DatagramEndpoint
from bridge.sip.flow import Flow
from bridge.sip.limits import Gate, Rates, is_loopback
from bridge.sip.outgoing import Outgoing
from bridge.sip.websocket import SocketFlow, Wire

_BACKLOG = 512
_RECEIVE_BUFFER = 4_194_304  # bytes: a second of a large burst, as far as the kernel's limit lets us
_SWEEP_S = 1.0
_ACCEPT_PAUSE_S = 1.0  # after accept fails for lack of files: no spinning
_STOP_S = 1.0  # for connections to send what is queued


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen: `protocol` is "udp", "tcp" or "tls", `host` an address without brackets, port 0 any."""

    protocol: str
    host: str
    port: int
    certificate: CertificateFiles | None = None


class Transports:
    """All sockets of SIP. To be used on one running loop; `start` first, `stop` at the end.

    `on_message` gets each message or datagram and the flow it came by; `on_flow_lost` each TCP or TLS flow that
    ended, however it ended. `may_reach` judges the address that an outgoing connection would go to.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, Flow], None],
        on_flow_lost: Callable[[Flow], None],
        rates: Rates | None = None,
        limits: ConnectionLimits | None = None,
        client_tls: ssl.SSLContext | None = None,
        may_reach: Callable[[str], bool] = lambda address: True,
    ) -> None:
        self.deliver = on_message
        self.limits = limits or ConnectionLimits()
        self.drops: Counter[str] = Counter()  # name -> how often
        self._on_flow_lost = on_flow_lost
        self._rates = rates or Rates()
        self._serials = count(1)
        self._datagrams: dict[int, DatagramEndpoint] = {}
        self._connections: dict[int, Carrier] = {}
        self._outgoing = Outgoing(
            self, self._datagrams, self._connections, self._serials, client_tls, may_reach
        )
        self._sources: Counter[str] = Counter()  # accepted connections by address, in handshake or up
        self._certificates: list[ServerCertificate] = []
        self._bound: list[Listener] = []
        self._listening: list[socket] = []
        self._greeting: set[socket] = set()  # accepted, and not yet shaken hands with
        self._accepted = 0  # the sum of `_sources`
        self._all_closed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- life -------------------------------------------------------------------------------------------------

    async def start(self, listeners: Sequence[Listener]) -> None:
        """Open all listeners. Raises OSError if one cannot be opened (none is, then); ValueError if it is wrong."""
        self._loop = asyncio.get_running_loop()
        self._gate = Gate(self._rates, self._loop.time())
        accepting: list[tuple[socket, Listener, ssl.SSLContext | None]] = []
        try:
            for listener in listeners:
                context = self._server_context(listener)
                sock = _bind(listener)
                bound = replace(listener, port=sock.getsockname()[1])
                self._bound.append(bound)
                if bound.protocol == "udp":
                    await self._open_datagrams(sock)
                else:
                    self._listening.append(sock)
                    sock.listen(_BACKLOG)
                    accepting.append((sock, bound, context))
        except (OSError, ValueError):
            await self.stop()
            raise
        # The one task that is not in a group: it holds the group, and `stop` awaits it.
        self._task = asyncio.create_task(self._run(accepting), name="sip-transports")

    async def stop(self) -> None:
        """Close everything. Connections get a second to send what is queued, then they are cut off."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        for endpoint in self._datagrams.values():
            endpoint.close()
        self._datagrams.clear()
        for sock in (*self._listening, *self._greeting):
            sock.close()
        self._listening.clear()
        self._greeting.clear()
        self._bound.clear()
        await self._close_connections()

    async def _close_connections(self) -> None:
        if not self._connections:
            return
        self._all_closed.clear()
        for connection in list(self._connections.values()):
            connection.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._all_closed.wait()
        except TimeoutError:
            for connection in list(self._connections.values()):
                connection.abort()
            await self._all_closed.wait()

    async def watch(self) -> None:
        """Wait as long as the listeners run: returns after `stop`, raises what broke them otherwise."""
        task = self._task
        if task is not None:
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    @property
    def bound(self) -> tuple[Listener, ...]:
        """The listeners with the ports that they really have."""
        return tuple(self._bound)

    @property
    def connections(self) -> int:
        """How many connections are up."""
        return len(self._connections)

    def reload_certificates(self) -> list[str]:
        """Read all certificates again; new handshakes use them. Returns what is wrong, for each that was kept."""
        wrong = [problem for each in self._certificates if (problem := each.reload()) is not None]
        self.drops["certificate-refused"] += len(wrong)
        return wrong

    def know(self, host: str) -> None:
        """Say that the peer at this address has a call up: it keeps its share in a flood (see `limits.Gate`)."""
        self._gate.know(host, self._loop.time())

    def attach(
        self, secure: bool, local: tuple[str, int], remote: tuple[str, int], wire: Wire
    ) -> SocketFlow | None:
        """Take a WebSocket that the web has accepted; None if its source has too many, or all together are too many."""
        if self._task is None or not self._may_enter(remote[0]):
            return None
        self._sources[remote[0]] += 1
        self._accepted += 1
        made = SocketFlow(self, secure, local, remote, next(self._serials), wire)
        self.opened(made)
        return made

    # -- sending ----------------------------------------------------------------------------------------------

    def send(self, data: bytes, flow: Flow) -> bool:
        """Send on a flow; False if it is gone or full. A datagram leaves from the address it was received at."""
        if flow.protocol == "udp":
            endpoint = self._datagrams.get(flow.id)
            return endpoint is not None and endpoint.send(data, flow.remote)
        connection = self._connections.get(flow.id)
        return connection is not None and connection.write(data)

    async def connect(self, protocol: str, host: str, port: int) -> Flow:
        """Return a flow to `host` (name or address): one that is up, or a new one, shared by all who want it now.

        Raises OSError (TimeoutError, ssl.SSLError too) if none can be had within 10 s: no address, refused, no
        listener of the family for udp, a certificate that does not fit the name for tls, `may_reach` says no.
        """
        return await self._outgoing.connect(protocol, host, port)

    # -- what connections call --------------------------------------------------------------------------------

    def opened(self, connection: Carrier) -> None:
        """Take note of a connection whose flow is ready."""
        self._connections[connection.flow.id] = connection

    def closed(self, connection: Carrier) -> None:
        """Take note of a connection that is gone, and tell it above."""
        if self._connections.pop(connection.flow.id, None) is None:
            return
        if connection.target is None:
            self._leave(connection.flow.remote[0])
        if not self._connections:
            self._all_closed.set()
        self._on_flow_lost(connection.flow)

    def admit(self, host: str) -> bool:
        """Whether one more message from `host` may come in now; it counts where not."""
        refused = self._gate.admit(host, self._loop.time())
        if refused is not None:
            self.drops[refused] += 1
        return refused is None

    def count(self, name: str) -> None:
        """Count a drop by its name."""
        self.drops[name] += 1

    # -- listening --------------------------------------------------------------------------------------------

    def _server_context(self, listener: Listener) -> ssl.SSLContext | None:
        if listener.protocol not in ("udp", "tcp", "tls"):
            raise ValueError(f"unknown protocol {listener.protocol!r}")
        if listener.protocol != "tls":
            return None
        if listener.certificate is None:
            raise ValueError("a tls listener needs a certificate")
        certificate = ServerCertificate(listener.certificate)
        self._certificates.append(certificate)
        return certificate.context

    async def _open_datagrams(self, sock: socket) -> None:
        serial = next(self._serials)
        _, endpoint = await self._loop.create_datagram_endpoint(
            lambda: DatagramEndpoint(self, serial), sock=sock
        )
        self._datagrams[serial] = endpoint

    async def _run(self, accepting: Sequence[tuple[socket, Listener, ssl.SSLContext | None]]) -> None:
        """Hold all tasks until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep_for_ever())
            for each in accepting:
                group.create_task(self._accept(group, *each))

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.sweep(self._loop.time())

    def sweep(self, now: float) -> None:
        """Cut off the connections that are over a time limit. Runs once a second; `now`: monotonic seconds."""
        for connection in list(self._connections.values()):
            late = connection.overdue(now)
            if late is not None:
                self.drops[late] += 1
                connection.abort()

    async def _accept(
        self, group: asyncio.TaskGroup, sock: socket, listener: Listener, context: ssl.SSLContext | None
    ) -> None:
        """Accept on one listener. The limits are checked before a handshake costs anything."""
        while True:
            try:
                accepted, name = await self._loop.sock_accept(sock)
            except OSError:
                self.drops["accept-failed"] += 1
                await asyncio.sleep(_ACCEPT_PAUSE_S)
                continue
            host = plain_address(name)[0]
            if not self._may_enter(host):
                accepted.close()
                continue
            self._sources[host] += 1
            self._accepted += 1
            self._greeting.add(accepted)
            group.create_task(self._greet(accepted, host, listener.protocol, context))

    def _may_enter(self, host: str) -> bool:
        limit = self.limits.per_loopback if is_loopback(host) else self.limits.per_source
        if self._sources[host] >= limit:
            self.drops["connections-source"] += 1
            return False
        if self._accepted >= self.limits.in_all and not self._make_room():
            self.drops["connections-total"] += 1
            return False
        return True

    def _make_room(self) -> bool:
        """Cut off the unknown peer that was silent for longest; False if all that are up are known."""
        now = self._loop.time()
        unknown = [
            each
            for each in self._connections.values()
            if each.target is None and not self._gate.is_known(each.flow.remote[0], now)
        ]
        if not unknown:
            return False
        min(unknown, key=lambda each: (each.served, each.heard_at)).abort()
        self.drops["made-room"] += 1
        return True

    async def _greet(self, sock: socket, host: str, protocol: str, context: ssl.SSLContext | None) -> None:
        """Shake hands, as server; the connection then lives by itself."""
        connection = Connection(self, protocol, next(self._serials))
        try:
            sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                functools.partial(same, connection),
                sock,
                ssl=context,
                ssl_handshake_timeout=self.limits.handshake_s if context else None,
            )
        except OSError:
            self.drops["handshake"] += 1
        finally:
            self._greeting.discard(sock)
            # Once it was opened, `closed` counts it out.
            if not connection.opened:
                sock.close()
                self._leave(host)

    def _leave(self, host: str) -> None:
        self._accepted -= 1
        self._sources[host] -= 1
        if not self._sources[host]:
            del self._sources[host]


def _bind(listener: Listener) -> socket:
    """Make a bound socket, not blocking; an IPv6 one takes no IPv4. Raises OSError."""
    sock = socket(
        AF_INET6 if ":" in listener.host else AF_INET,
        SOCK_DGRAM if listener.protocol == "udp" else SOCK_STREAM,
    )
    try:
        if ":" in listener.host:
            sock.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
        if listener.protocol == "udp":
            sock.setsockopt(SOL_SOCKET, SO_RCVBUF, _RECEIVE_BUFFER)
        else:
            sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind((listener.host, listener.port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
