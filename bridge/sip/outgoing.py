"""Flows that we open ourselves: which address, from which socket, and one connection where several are wanted."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from socket import SOCK_DGRAM, SOCK_STREAM
from typing import cast
from weakref import WeakValueDictionary

from bridge.sip.connection import Carrier, Connection, Owner, plain_address, same
from bridge.sip.datagram import DatagramEndpoint
from bridge.sip.flow import Flow
from bridge.sip.limits import is_loopback

_CONNECT_S = 10.0

Target = tuple[str, str, int]  # protocol, host (name or address), port


class Outgoing:
    """Finds or makes the flow to a target.

    `datagrams`, `connections`: what is open, by serial; `serials` numbers new connections, which report to `owner`.
    `client_tls`: None = the machine's usual authorities. `may_reach` judges the address that it would go to.
    """

    def __init__(
        self,
        owner: Owner,
        datagrams: Mapping[int, DatagramEndpoint],
        connections: Mapping[int, Carrier],
        serials: Iterator[int],
        client_tls: ssl.SSLContext | None,
        may_reach: Callable[[str], bool],
    ) -> None:
        self._owner = owner
        self._datagrams = datagrams
        self._connections = connections
        self._serials = serials
        self._client_tls = client_tls
        self._may_reach = may_reach
        # A lock lives as long as somebody waits for a connection to its target.
        self._opening: WeakValueDictionary[Target, asyncio.Lock] = WeakValueDictionary()

    async def connect(self, protocol: str, host: str, port: int) -> Flow:
        """See `Transports.connect`."""
        target = (protocol, host, port)
        async with asyncio.timeout(_CONNECT_S):
            if protocol == "udp":
                return self._datagram_flow(await self._addresses(target))
            async with self._opening.setdefault(target, asyncio.Lock()):
                return self._found(target) or await self._open_stream(target, await self._addresses(target))

    def _found(self, target: Target) -> Flow | None:
        for connection in self._connections.values():
            if connection.target == target:
                return connection.flow
        return None

    async def _addresses(self, target: Target) -> list[tuple[str, int]]:
        protocol, host, port = target
        kind = SOCK_DGRAM if protocol == "udp" else SOCK_STREAM
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)
        addresses = [plain_address(cast(tuple[str, int], answer[4])) for answer in answers]
        allowed = [address for address in addresses if self._may_reach(address[0])]
        if not allowed:
            raise OSError(f"no address to go to for {protocol}")
        return allowed

    def _datagram_flow(self, addresses: Iterable[tuple[str, int]]) -> Flow:
        for remote in addresses:
            fitting = [
                each for each in self._datagrams.values() if (":" in each.local[0]) == (":" in remote[0])
            ]
            if fitting:
                # From loopback one reaches loopback only, and from elsewhere all but that.
                best = max(fitting, key=lambda each: is_loopback(each.local[0]) == is_loopback(remote[0]))
                return Flow("udp", best.local, remote, best.serial)
        raise OSError("no udp listener of the address family")

    async def _open_stream(self, target: Target, addresses: Iterable[tuple[str, int]]) -> Flow:
        protocol, host, _ = target
        context: ssl.SSLContext | None = None
        if protocol == "tls":
            context = self._client_tls = self._client_tls or ssl.create_default_context()
        failure = OSError("no address")
        for address in addresses:
            connection = Connection(self._owner, protocol, next(self._serials), target)
            try:
                await asyncio.get_running_loop().create_connection(
                    functools.partial(same, connection),
                    *address,
                    ssl=context,
                    server_hostname=host if context else None,
                    ssl_handshake_timeout=self._owner.limits.handshake_s if context else None,
                )
            except OSError as error:
                failure = error
                continue
            return connection.flow
        raise failure
