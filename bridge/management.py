"""The management port: figures, health, drain, and what an operator may do. Loopback unless configured otherwise.

Requests that change something must be JSON and name a host that this port answers to: a web page that somebody on
this machine happens to read can then not send them behind his back.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.metrics import Metrics


class Operations(Protocol):
    """What an operator may ask of the running bridge."""

    def ready(self) -> str | None:
        """None when new calls are taken, else the name of what stands against it."""

    def healthy(self) -> str | None:
        """None when all parts live, else the name of the part that does not."""

    def drain(self) -> None:
        """Take no new calls from now on."""

    def conferences(self) -> list[dict[str, Any]]:
        """Numbers and head counts of the conferences that live now; no names."""

    def people(self, number: str) -> list[dict[str, Any]] | None:
        """Everybody in a conference and its lobby; None when there is none of this number."""

    def command(self, number: str, name: str, leg: str | None) -> str | None:
        """Do something to a conference, or to one leg in it; None when asked for, else why it was not."""

    def dial(self, number: str, uri: str) -> str | None:
        """Call somebody into a room; returns None when the call is under way, else why it is not."""


class LocalHost:
    """Middleware: the Host header must be a literal address, localhost, or one of `hosts` (against DNS rebinding)."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host = _without_port(headers.get(b"host", b"").decode("latin-1").lower())
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if host not in self._hosts:
            await JSONResponse({"error": "unknown host"}, 421)(scope, receive, send)
        elif scope["method"] != "GET" and kind != b"application/json":
            await JSONResponse({"error": "send application/json"}, 415)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def application(operations: Operations, metrics: Metrics, hosts: frozenset[str]) -> Starlette:
    """The routes of the management port as an ASGI application."""

    async def metrics_text(_: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    async def healthz(_: Request) -> Response:
        trouble = operations.healthy()
        return JSONResponse({"healthy": trouble is None, "trouble": trouble}, 200 if trouble is None else 503)

    async def readyz(_: Request) -> Response:
        trouble = operations.ready()
        return JSONResponse({"ready": trouble is None, "trouble": trouble}, 200 if trouble is None else 503)

    async def conferences(_: Request) -> Response:
        return JSONResponse(operations.conferences())

    async def people(request: Request) -> Response:
        found = operations.people(request.path_params["number"])
        return JSONResponse({"error": "no-such-conference"}, 404) if found is None else JSONResponse(found)

    async def command(request: Request) -> Response:
        asked = request.path_params
        trouble = operations.command(asked["number"], asked["name"], asked.get("leg"))
        if trouble is not None:
            return JSONResponse({"error": trouble}, 404)
        return JSONResponse({"done": True}, 202)

    async def dial(request: Request) -> Response:
        body = await _small_json(request)
        uri = body.get("uri") if isinstance(body, dict) else None
        if not isinstance(uri, str) or not uri.isascii():
            return JSONResponse({"error": 'send {"uri": "sip:..."}'}, 400)
        trouble = operations.dial(request.path_params["number"], uri)
        return JSONResponse({"dialling": trouble is None, "error": trouble}, 202 if trouble is None else 409)

    async def drain(_: Request) -> Response:
        operations.drain()
        return JSONResponse({"draining": True}, 202)

    return Starlette(
        routes=[
            Route("/metrics", metrics_text),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/conferences", conferences),
            Route("/conferences/{number}", people),
            Route("/conferences/{number}/dial", dial, methods=["POST"]),
            Route("/conferences/{number}/{name}", command, methods=["POST"]),
            Route("/conferences/{number}/participants/{leg}/{name}", command, methods=["POST"]),
            Route("/drain", drain, methods=["POST"]),
        ],
        middleware=[Middleware(LocalHost, hosts=hosts)],
    )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


async def _small_json(request: Request) -> Any:
    """The body as JSON, or None when it is none or over 4 kB."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > 4096:
            return None
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(body)
    return None


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the bridge has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ManagementPort:
    """Serves the management application on one address until stopped. Raises OSError when the address is taken."""

    def __init__(self, app: Starlette, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((address, port))
        except OSError:
            self._socket.close()
            raise
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                limit_concurrency=50,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=1,
            )
        )

    @property
    def port(self) -> int:
        """The port that is served."""
        return int(self._socket.getsockname()[1])

    async def serve(self) -> None:
        """Serve until `stop`; run it as a task of the owner's group."""
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Let `serve` return."""
        self._server.should_exit = True

    def close(self) -> None:
        """Free the address, served or not."""
        self._socket.close()
