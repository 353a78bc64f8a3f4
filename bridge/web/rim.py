"""The rim of the web: what every request passes before anything looks into it, and every answer on its way out.

A request that the rules refuse gets no further. A body is read here, up to its limit and whole, so that nothing behind
holds half of one. A fault of ours costs the request that met it: it is told once, and who asked learns only that.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.web.headers import Pairs, protected
from bridge.web.rules import MOST_BODY, Neighbourhood, Refusal, body_refusal, head_refusal

_WITHOUT_BODY: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_FAULT: Final = Refusal(500, "a fault of this server")
_SCHEMES: Final = {"ws": "http", "wss": "https"}


class Rim:
    """The outermost application. `count` gets the name of each refusal, `on_fault` what nobody expected."""

    def __init__(
        self,
        app: ASGIApp,
        ours: Neighbourhood,
        count: Callable[[str], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._app = app
        self._ours = ours
        self._count = count
        self._on_fault = on_fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket."""
        if scope["type"] not in ("http", "websocket"):
            return  # life and death of the server are not the application's business
        answering = _Answering(scope, send)
        refusal = self._judge_head(scope)
        if refusal is None and scope["type"] == "http" and scope["method"] not in _WITHOUT_BODY:
            body = await _read(receive)
            if body is None:
                return  # it went away
            refusal = body_refusal(scope["path"], body)
            receive = _replayed(body, receive)
        if refusal is not None:
            self._count(f"web-{refusal.status}")
            await answering.refuse(refusal)
            return
        try:
            await self._app(scope, receive, answering)
        except Exception as fault:
            self._on_fault(fault)
            if not answering.begun:
                await answering.refuse(_FAULT)
            elif not answering.complete:
                raise  # the server closes the connection: that is all that can still be said

    def _judge_head(self, scope: Scope) -> Refusal | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["type"] == "websocket" and "origin" not in headers:
            return Refusal(403, "not from this site")
        scheme: str = _SCHEMES.get(scope["scheme"]) or scope["scheme"]
        # Of a socket's beginning the origin counts as of a request that changes something (RFC 6455 section 10.2).
        method = scope.get("method", "POST")
        address = scope["server"][0] if scope.get("server") else ""
        return head_refusal(method, scope["path"], scheme, headers, address, self._ours)


class _Answering:
    """The way out: puts our headers on every answer. A socket that is refused is answered by HTTP as well."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._socket = scope["type"] == "websocket"
        self._secure = scope["scheme"] in ("https", "wss")
        self._send = send
        self.begun = False
        self.complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "websocket.close" and not self.begun:
            await self.refuse(Refusal(403, "not here"))
            return
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            message = {**message, "headers": protected(list(message.get("headers", [])), self._secure)}
        self.begun = True
        self.complete = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        body = json.dumps({"status": "failed", "result": refusal.why}).encode()
        headers: Pairs = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        if refusal.status == 400:
            headers.append((b"connection", b"close"))  # what comes next on it may not begin where we think
        kind = "websocket.http.response" if self._socket else "http.response"
        await self({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
        await self({"type": f"{kind}.body", "body": body})


async def _read(receive: Receive) -> bytes | None:
    """The whole body, or as much of it as shows that it is too long; None if the asker went away."""
    body = b""
    while len(body) <= MOST_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already, then whatever comes."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again
