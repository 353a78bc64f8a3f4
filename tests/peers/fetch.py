"""HTTP/1.1 as a browser's `fetch` and `EventSource` speak it: one connection kept for requests, one for each stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import h11


class Reply(NamedTuple):
    """An answer; `body` is read as JSON where it is any, else text."""

    status: int
    body: Any


class ServerEvent(NamedTuple):
    """A server-sent event; `data` is read as JSON where it is any, else text."""

    id: str
    kind: str
    data: Any


class Connection:
    """A connection to `origin` ("http://host:port"), made at the first request, and again when the server closed it."""

    def __init__(self, origin: str) -> None:
        place = urlsplit(origin)
        self._place = place.netloc
        self._host, self._port = place.hostname or "", place.port or 80
        self._protocol = h11.Connection(h11.CLIENT)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection if there is one."""
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Ask, and read the whole answer. Raises OSError when the server is not there."""
        try:
            status = await self._ask(method, path, body, headers or {})
            raw = b"".join([part async for part in self._parts()])
        except h11.RemoteProtocolError as fault:
            await self.close()
            raise ConnectionError(str(fault)) from fault
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        else:
            await self.close()
        return Reply(status, _value(raw.decode()))

    async def events(self, path: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[ServerEvent]:
        """The events of a stream until it ends. Raises ConnectionError when it is refused or breaks off."""
        try:
            status = await self._ask("GET", path, None, {"Accept": "text/event-stream", **(headers or {})})
            if status != 200:
                raise ConnectionError(f"{path}: {status}")
            rest = b""
            async for part in self._parts():
                *whole, rest = (rest + part).replace(b"\r\n", b"\n").split(b"\n\n")
                for block in whole:
                    if event := _event(block.decode()):
                        yield event
        except h11.RemoteProtocolError as fault:
            raise ConnectionError(str(fault)) from fault

    async def _ask(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> int:
        if self._streams is not None and self._streams[0].at_eof():
            await self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
            self._protocol = h11.Connection(h11.CLIENT)
        content = b"" if body is None else json.dumps(body).encode()
        lines = {"Host": self._place, **headers}
        if method != "GET":
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        request = h11.Request(method=method, target=path, headers=list(lines.items()))
        parts: list[h11.Event] = [request, *([h11.Data(data=content)] if content else []), h11.EndOfMessage()]
        self._streams[1].write(b"".join(self._protocol.send(part) or b"" for part in parts))
        response = await self._next()
        while isinstance(response, h11.InformationalResponse):
            response = await self._next()
        if not isinstance(response, h11.Response):
            raise ConnectionError("no answer")
        return response.status_code

    async def _parts(self) -> AsyncIterator[bytes]:
        while isinstance(part := await self._next(), h11.Data):
            yield bytes(part.data)

    async def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self._streams is None:
            raise ConnectionError("closed")
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(await self._streams[0].read(65_536))
        return event


def _event(block: str) -> ServerEvent | None:
    """The event of some lines; None when they are a comment (a heartbeat)."""
    fields = [line.partition(":") for line in block.split("\n") if not line.startswith(":")]
    found: dict[str, str] = {}
    for name, _, value in fields:
        value = value.removeprefix(" ")
        found[name] = f"{found[name]}\n{value}" if name == "data" and name in found else value
    if "data" not in found:
        return None
    return ServerEvent(found.get("id", ""), found.get("event", "message"), _value(found["data"]))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
