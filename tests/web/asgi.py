"""An application asked in the same loop, without sockets: requests, and streams that are read event by event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from starlette.types import ASGIApp, Message, Scope


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        """What the API says, of an answer in its shape."""
        assert self.json["status"] == ("success" if self.status == 200 else "failed"), self.json
        return self.json["result"]


def scope_of(method: str, path: str, headers: Mapping[str, str], source: str) -> Scope:
    where, _, query = path.partition("?")
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": where, "raw_path": where.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": (source, 40000), "server": ("127.0.0.1", 8080),
    }  # fmt: skip


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    source: str = "127.0.0.9",
) -> Reply:
    """One request with its whole answer. `body`: bytes as they are, anything else as JSON."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"host": "127.0.0.1", **(headers or {})}
    if content:
        given.setdefault("content-type", "application/json")
    asked, sent = False, []

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope_of(method, path, given, source), receive, send)
    start, *parts = sent
    return Reply(
        start["status"],
        {name.decode(): value.decode("latin-1") for name, value in start["headers"]},
        b"".join(part.get("body", b"") for part in parts),
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of a stream."""

    id: str
    name: str
    data: Any


@dataclass
class Stream:
    """An event stream that is read as it comes; `stalled`: from now on nothing of it is read."""

    app: ASGIApp
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 0
    events: list[Heard] = field(default_factory=list)
    heartbeats: int = 0
    stalled: bool = False
    closed: bool = False

    async def __aenter__(self) -> Stream:
        self._gone = asyncio.Event()
        self._rest = b""
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(0.001)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gone.set()
        await self._task

    async def _run(self) -> None:
        async def receive() -> Message:
            await self._gone.wait()
            return {"type": "http.disconnect"}

        headers = {"host": "127.0.0.1", **self.headers}
        await self.app(scope_of("GET", self.path, headers, "127.0.0.9"), receive, self._take)
        self.closed = True

    async def _take(self, message: Message) -> None:
        if self.stalled:
            await asyncio.Event().wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        *whole, self._rest = (self._rest + message.get("body", b"")).split(b"\n\n")
        for each in whole:
            self._read(each.decode())

    def _read(self, text: str) -> None:
        if text.startswith(":"):
            self.heartbeats += 1
            return
        fields = dict(line.split(": ", 1) for line in text.split("\n"))
        if "event" in fields:
            self.events.append(Heard(fields["id"], fields["event"], json.loads(fields["data"])))

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def of(self, name: str) -> list[Any]:
        """The data of all events of a name."""
        return [event.data for event in self.events if event.name == name]

    def roster(self) -> dict[str, dict[str, Any]]:
        """The list of people that a client has after these events."""
        people: dict[str, dict[str, Any]] = {}
        for event in self.events:
            match event.name:
                case "participant_sync_begin":
                    people = {}
                case "participant_create" | "participant_update":
                    people[event.data["uuid"]] = event.data
                case "participant_delete":
                    del people[event.data["uuid"]]
        return people
