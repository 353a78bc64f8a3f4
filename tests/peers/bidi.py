"""WebDriver BiDi, as far as tests need it: commands over a WebSocket, and what the browser tells of its own accord."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


class BiDi:
    """One session; to be used within one event loop. `on_event` is called with an event's method and parameters."""

    def __init__(self, socket: ClientConnection, on_event: Callable[[str, Any], None]) -> None:
        self._socket = socket
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int, on_event: Callable[[str, Any], None]) -> BiDi:
        """Connect to a browser on loopback that listens on that port."""
        socket = await connect(
            f"ws://127.0.0.1:{port}/session", max_size=None, ping_interval=None, proxy=None
        )
        bidi = cls(socket, on_event)
        await bidi.call("session.new", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})
        return bidi

    async def call(self, method: str, parameters: Mapping[str, Any], timeout: float = 40.0) -> Any:
        """Give a command and return its result. Raises RuntimeError when it is refused, TimeoutError."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        async with asyncio.timeout(timeout):
            message = await answer
        if message["type"] == "error":
            raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
        return message["result"]

    async def close(self) -> None:
        """End the session; the browser lives on."""
        await self._socket.close()
        await self._reader

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for raw in self._socket:
                message = json.loads(raw)
                if message["type"] == "event":
                    self._on_event(message["method"], message["params"])
                elif (answer := self._waiting.pop(message["id"], None)) and not answer.done():
                    answer.set_result(message)
