"""Serves the web application on one address: our own entrance, uvicorn's HTTP behind it, in the loop of the bridge."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from bridge.certificate import CertificateFiles, ServerCertificate
from bridge.web.connection import HttpConnection
from bridge.web.entrance import Entrance, EntranceLimits, Places, VisitorPlace
from bridge.web.rules import MOST_BODY

GRACE_S: Final = 2  # for answers under way, and event streams that were told of the end
_BACKLOG: Final = 512
_KEEP_ALIVE_S: Final = 15  # between two requests on a connection


class WebPort:
    """One listening address. Raises OSError when it is taken, or the certificate cannot be used.

    `certificate`: None = plain HTTP. `proxies`: who may say in X-Forwarded-For where a request comes from. `count`
    gets the names of what is refused or dropped.
    """

    def __init__(
        self,
        app: ASGIApp,
        address: str,
        port: int,
        certificate: CertificateFiles | None,
        limits: EntranceLimits,
        count: Callable[[str], None],
    ) -> None:
        self._certificate = ServerCertificate(certificate) if certificate is not None else None
        self._socket = _bind(address, port)
        self._places = Places(limits, count)
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=MOST_BODY,
            ws_per_message_deflate=False,
            log_config=None,
            log_level=logging.CRITICAL,  # what goes wrong is counted and told by the application's rim
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            proxy_headers=bool(limits.proxies),
            forwarded_allow_ips=sorted(limits.proxies),
        )
        self._server = _Server(self._config)

    @property
    def port(self) -> int:
        """The port that is served."""
        return int(self._socket.getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections there are, handshakes included."""
        return self._places.taken

    async def serve(self) -> None:
        """Serve until `stop`; run it as a task of the owner's group."""
        context = self._certificate.context if self._certificate is not None else None
        entrance = Entrance(self._socket, context, self._places, self._connection)
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(entrance.accept())
            self._server.when_stopping = accepting.cancel
            await self._server.serve()

    def stop(self) -> None:
        """Let `serve` return: nobody new comes in, who is in has a moment to hear the end of it."""
        self._server.should_exit = True

    def close(self) -> None:
        """Free the address, served or not."""
        self._socket.close()

    def reload_certificate(self) -> str | None:
        """Read the certificate again; new handshakes use it. Returns what is wrong with it: then the old one stays."""
        return self._certificate.reload() if self._certificate is not None else None

    def _connection(self, place: VisitorPlace) -> asyncio.Protocol:
        return HttpConnection(self._config, self._server.server_state, place)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its way of accepting: the bridge has its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.when_stopping: Callable[[], object] = lambda: None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        self.servers = []
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.when_stopping()
        await super().shutdown(sockets)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()  # it had its moment, and does not read


def _bind(address: str, port: int) -> socket.socket:
    """A listening socket, not blocking; an IPv6 one takes no IPv4. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if ":" in address:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
