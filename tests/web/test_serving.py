"""Nobody can use the web up: slow ones are cut off, many of one source kept out; certificates change in life."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fastapi import APIRouter
from starlette.responses import StreamingResponse

from bridge.web.entrance import EntranceLimits
from bridge.web.serving import WebPort
from tests.web.site import WAIT_S, Site, close, read_answer, running, self_signed, trusting

QUICK = EntranceLimits(whole_s=0.2, handshake_s=0.2)
REQUEST = b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other end closes."""
    async with asyncio.timeout(WAIT_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not check():
            await asyncio.sleep(0.005)


async def test_requests_one_after_the_other_on_one_connection() -> None:
    async with running() as site:
        reader, writer = await site.connect()
        for _ in range(3):
            writer.write(REQUEST)
            assert (await read_answer(reader)).status == 200
        writer.write(REQUEST * 2)
        assert [(await read_answer(reader)).status for _ in range(2)] == [200, 200]
        assert site.port.connections == 1
        await close(writer)
        await until(lambda: site.port.connections == 0)
        assert not site.counts and not site.faults


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-a: b\r\n",
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        REQUEST + b"GET",
    ],
)
async def test_who_does_not_come_to_an_end_is_cut_off(begun: bytes) -> None:
    async with running(Site(limits=QUICK)) as site:
        reader, writer = await site.connect()
        writer.write(begun)
        assert b"HTTP/1.1 200" in await ended(reader) or not begun.startswith(REQUEST)
        await until(lambda: site.port.connections == 0)
        assert site.counts == {"web-slow-request": 1}
        await close(writer)


async def test_many_slow_ones_of_a_source_keep_nobody_out() -> None:
    """Twenty may be slow; one more, and the oldest has to go. Who has brought a whole request is not slow."""
    async with running(Site(limits=EntranceLimits(slow_per_source=20))) as site:
        reader, good = await site.connect()
        good.write(REQUEST)
        assert (await read_answer(reader)).status == 200
        slow = [await site.connect() for _ in range(50)]
        assert (await site.ask("GET", "/api/openapi.json")).status == 200
        await until(lambda: site.port.connections == 20)
        assert site.counts == {"web-connections-slow": 31}
        good.write(REQUEST)
        assert (await read_answer(reader)).status == 200
        for each in (good, *(writer for _, writer in slow)):
            await close(each)


async def test_handshakes_of_a_source_are_slow_ones_too(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    limits = EntranceLimits(slow_per_source=5)
    async with running(Site(limits=limits, certificate=certificate)) as site:
        slow = [await site.connect() for _ in range(30)]
        answer = await site.ask("GET", "/api/openapi.json", context=trusting(certificate))
        assert answer.status == 200
        await until(lambda: site.port.connections <= 5)
        for _, writer in slow:
            await close(writer)
        await until(lambda: site.port.connections == 0)
        assert not site.faults


async def test_who_does_not_read_is_cut_off() -> None:
    router = APIRouter()

    @router.get("/endless")
    async def endless() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)

        return StreamingResponse(chunks())

    async with running(Site([router], limits=QUICK)) as site:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", site.port.port))
        await loop.sock_sendall(sock, REQUEST.replace(b"/api/openapi.json", b"/endless"))
        await until(lambda: site.counts["web-slow-reader"] == 1 and site.port.connections == 0)
        assert not site.faults
        sock.close()


async def test_an_end_with_streams_that_are_open() -> None:
    """They get a moment to end by themselves; what is still there then is closed."""
    router = APIRouter()
    begun = asyncio.Event()

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def events() -> AsyncIterator[bytes]:
            yield b"data: x\n\n"
            begun.set()
            await asyncio.Event().wait()

        return StreamingResponse(events(), media_type="text/event-stream")

    site = Site([router])
    async with running(site):
        number = site.port.port
        reader, writer = await site.connect()
        writer.write(REQUEST.replace(b"/api/openapi.json", b"/stream"))
        await begun.wait()
    assert b"data: x" in await ended(reader)
    await close(writer)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", number)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_told_so_with_all_headers(noise: bytes) -> None:
    async with running() as site:
        reader, writer = await site.connect()
        writer.write(noise + b"\r\n\r\n")
        answer = await read_answer(reader)
        assert answer.status == 400 and "content-security-policy" in answer.headers
        assert await ended(reader) == b""
        await close(writer)


def test_a_port_that_is_taken_is_told_and_leaks_nothing() -> None:
    async def app(*_: object) -> None: ...

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            WebPort(app, "127.0.0.1", taken.getsockname()[1], None, EntranceLimits(), print)


# -- TLS ----------------------------------------------------------------------------------------------------------


async def test_over_tls_browsers_are_told_to_stay_there(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    async with running(Site(certificate=certificate)) as site:
        answer = await site.ask("GET", "/api/openapi.json", context=trusting(certificate))
        assert answer.headers["strict-transport-security"].startswith("max-age=63072000")
    async with running() as site:
        assert "strict-transport-security" not in (await site.ask("GET", "/api/openapi.json")).headers


async def test_who_does_not_shake_hands_is_cut_off(tmp_path: Path) -> None:
    async with running(Site(certificate=self_signed(tmp_path), limits=QUICK)) as site:
        for hello in (b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"):
            reader, writer = await site.connect()
            writer.write(hello)
            await ended(reader)
            await close(writer)
        await until(lambda: site.port.connections == 0)
        assert site.counts["web-handshake"] == 3


async def test_a_new_certificate_is_used_at_once_and_a_broken_one_never(tmp_path: Path) -> None:
    first = self_signed(tmp_path / "a")
    first_trusted = trusting(first)
    second = self_signed(tmp_path / "b")
    async with running(Site(certificate=first)) as site:
        reader, writer = await site.connect(first_trusted)
        first.chain.write_bytes(second.chain.read_bytes())
        first.key.write_bytes(second.key.read_bytes())
        assert site.port.reload_certificate() is None
        assert (await site.ask("GET", "/api/openapi.json", context=trusting(second))).status == 200
        with pytest.raises(ssl.SSLError):
            await site.connect(first_trusted)
        first.chain.write_text("junk")
        problem = site.port.reload_certificate()
        assert problem is not None and problem.startswith(str(first.chain))
        assert (await site.ask("GET", "/api/openapi.json", context=trusting(second))).status == 200
        writer.write(REQUEST)
        assert (await read_answer(reader)).status == 200, "connections that are up stay up"
        await close(writer)


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    async def app(*_: object) -> None: ...

    certificate = self_signed(tmp_path)
    certificate.chain.write_text("junk")
    with pytest.raises(OSError):
        WebPort(app, "127.0.0.1", 0, certificate, EntranceLimits(), print)
