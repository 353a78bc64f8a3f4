"""The web application on a real socket of loopback, for tests, and raw requests to it."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from bridge.certificate import CertificateFiles, self_made
from bridge.web.application import application
from bridge.web.entrance import EntranceLimits
from bridge.web.rules import Neighbourhood
from bridge.web.serving import WebPort

WAIT_S = 5.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    """A port that serves; `counts` are the names of what was refused, `faults` what nobody expected."""

    def __init__(
        self,
        routers: Iterable[APIRouter] = (),
        *,
        limits: EntranceLimits | None = None,
        ours: Neighbourhood | None = None,
        certificate: CertificateFiles | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: list[BaseException] = []
        app = application(routers, ours or Neighbourhood(), self.count, self.faults.append)
        self.port = WebPort(app, "127.0.0.1", 0, certificate, limits or EntranceLimits(), self.count)

    def count(self, name: str) -> None:
        self.counts[name] += 1

    async def connect(
        self, context: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = "localhost" if context else None
        return await asyncio.open_connection("127.0.0.1", self.port.port, ssl=context, server_hostname=name)

    async def ask(
        self, method: str, path: str, body: bytes = b"", context: ssl.SSLContext | None = None, **headers: str
    ) -> Answer:
        """One request on a connection of its own; `headers` with _ for -."""
        told = {"host": "localhost", "connection": "close"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if body:
            told["content-length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items() if value)]
        return await self.say("\r\n".join(lines).encode() + b"\r\n\r\n" + body, context)

    async def post(self, path: str, body: object, **headers: str) -> Answer:
        """Send JSON."""
        return await self.ask(
            "POST", path, json.dumps(body).encode(), None, **{"content_type": "application/json", **headers}
        )

    async def say(self, request: bytes, context: ssl.SSLContext | None = None) -> Answer:
        """Send bytes, and read one answer."""
        reader, writer = await self.connect(context)
        try:
            writer.write(request)
            async with asyncio.timeout(WAIT_S):
                return await read_answer(reader)
        finally:
            await close(writer)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer with a length, or up to the end."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        body = b""
        while length := int(await reader.readline(), 16):
            body += await reader.readexactly(length)
            await reader.readline()
    else:
        body = b""
    return Answer(int(status.split()[1]), headers, body)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close, whatever state it is in."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def running(site: Site | None = None) -> AsyncIterator[Site]:
    """A site that serves meanwhile; at the end nothing of it is left."""
    site = site or Site()
    serving = asyncio.create_task(site.port.serve())
    await asyncio.sleep(0)
    try:
        yield site
    finally:
        site.port.stop()
        await serving
        site.port.close()


def trusting(certificate: CertificateFiles) -> ssl.SSLContext:
    """A client that trusts one certificate, whatever name it is for."""
    context = ssl.create_default_context(cafile=str(certificate.chain))
    context.check_hostname = False
    return context


def self_signed(folder: Path) -> CertificateFiles:
    """A certificate for localhost."""
    folder.mkdir(parents=True, exist_ok=True)
    return CertificateFiles(
        *self_made(folder, ["localhost", "127.0.0.1"], datetime.datetime.now(datetime.UTC))
    )
