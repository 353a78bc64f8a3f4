"""The WebSocket that phones in browsers speak SIP over (RFC 7118): checked and bounded here, understood elsewhere.

SIP is a sibling of this floor: what it needs of a socket, and what a socket needs of it, are the protocols below; the
composition root joins them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from fastapi import APIRouter, WebSocket
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect

from bridge.bucket import Bucket

PATH: Final = "/ws"
SUBPROTOCOL: Final = "sip"
MOST_PER_S: Final = 50  # messages of one socket; beyond, it is closed
MOST_QUEUED: Final = 262_144  # bytes that its peer has not taken; beyond, it is cut off
RETRY_S: Final = 0.1  # how often a socket whose source is over its rate asks again

_POLICY: Final = 1008
_RESTART: Final = 1012

Address = tuple[str, int]


class Line(Protocol):
    """What SIP gives for a socket."""

    def received(self, frame: bytes) -> bool:
        """Take one frame; False: offer it again later, and read no more until then."""

    def lost(self) -> None:
        """The socket is closed."""


class Attach(Protocol):
    """SIP's way in."""

    def __call__(self, secure: bool, local: Address, remote: Address, wire: SocketWire) -> Line | None:
        """A line for a socket, or None where there are too many. `secure`: over TLS."""


class SocketWire:
    """One socket, as SIP has it: what is sent waits here until the peer takes it."""

    def __init__(self, socket: WebSocket, count: Callable[[str], None]) -> None:
        self._socket = socket
        self._count = count
        # Bounded by MOST_QUEUED bytes; a peer that lets it grow beyond is cut off.
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._closing = False
        self._more = asyncio.Event()
        self._task = asyncio.current_task()

    def send(self, message: bytes) -> bool:
        """Send one frame; False if the socket is on its way out, or its peer does not read."""
        if self._closing:
            return False
        self._queued += len(message)
        if self._queued > MOST_QUEUED:
            self._count("web-slow-reader")
            self.abort()
            return False
        self._queue.append(message)
        self._more.set()
        return True

    def close(self) -> None:
        """Close after what is queued was sent."""
        self._closing = True
        self._more.set()

    def abort(self) -> None:
        """Close now."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()

    async def drain(self) -> None:
        """Send what is queued, for ever, until it is to be closed."""
        while self._queue or not self._closing:
            if not self._queue:
                self._more.clear()
                await self._more.wait()
                continue
            message = self._queue.popleft()
            try:
                await self._socket.send_text(message.decode())
            except UnicodeDecodeError:
                await self._socket.send_bytes(message)
            except WebSocketDisconnect:
                return
            self._queued -= len(message)
        await self._socket.close(_RESTART)


def sip_router(attach: Attach, count: Callable[[str], None]) -> APIRouter:
    """The route of SIP's socket. `count` gets the names of what is refused."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def no_socket() -> None:
        raise HTTPException(400, "a WebSocket only")

    @router.websocket(PATH)
    async def sip(socket: WebSocket) -> None:
        if SUBPROTOCOL not in socket.scope["subprotocols"]:
            await _refuse(socket, 400, "the subprotocol is sip")
            return
        wire = SocketWire(socket, count)
        local, remote = socket.scope["server"], socket.scope["client"]
        line = attach(socket.scope["scheme"] == "wss", local, (remote[0], remote[1]), wire)
        if line is None:
            count("web-sockets")
            await _refuse(socket, 503, "too many sockets")
            return
        try:
            await socket.accept(SUBPROTOCOL)
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(wire.drain())
                await _read(socket, line, count)
                sending.cancel()
        finally:
            line.lost()

    return router


async def _read(socket: WebSocket, line: Line, count: Callable[[str], None]) -> None:
    """Hand up frame by frame until the socket is closed, or sends too many."""
    loop = asyncio.get_running_loop()
    pace = Bucket(MOST_PER_S, MOST_PER_S, loop.time())
    while True:
        message = await socket.receive()
        if message["type"] != "websocket.receive":
            return
        if not pace.take(loop.time()):
            count("web-socket-flood")
            await socket.close(_POLICY)
            return
        text = message.get("text")
        frame = message["bytes"] if text is None else text.encode()
        while not line.received(frame):
            await asyncio.sleep(RETRY_S)


async def _refuse(socket: WebSocket, status: int, why: str) -> None:
    await socket.send_denial_response(JSONResponse({"status": "failed", "result": why}, status))
