"""Slow ones keep nobody out (S-07), readers that do not read hurt nobody (S-09), who is sent away has nothing left, and
the bridge drains (L-05) and ends with streams that are open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.peers.bridge import BridgeProcess, Table, room
from tests.peers.child import LOOPBACK
from tests.peers.fetch import Connection
from tests.peers.webrtc_client import API, ApiError, Browser
from tools.load import processes

pytestmark = pytest.mark.peers

ROOM = "1001"
PIN = "246810"


@contextlib.asynccontextmanager
async def bridge(
    rooms: Sequence[Table] = (room(ROOM, "open", tones=False),), log_level: str = "info"
) -> AsyncIterator[BridgeProcess]:
    running = BridgeProcess(rooms, bridge={"log_level": log_level})
    await asyncio.to_thread(running.__enter__)
    try:
        yield running
        assert not running.faults()
    finally:
        await asyncio.to_thread(running.close)


def slow_reader(here: BridgeProcess, request: bytes) -> socket.socket:
    """A connection that has asked for something and takes next to nothing of the answer."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((LOOPBACK, here.web_port))
    sock.sendall(request)
    return sock


def is_closed(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_slow_ones_keep_nobody_out() -> None:
    async with bridge() as here, Browser(here.web, "Anna") as anna:
        await anna.join(ROOM, sound=False)
        slow = [slow_reader(here, b"GET / HTTP/1.1\r\n") for _ in range(100)]
        begin = time.monotonic()
        assert await anna.get("participants"), "who is in goes on"
        assert time.monotonic() - begin < 1.0
        async with Browser(here.web, "Berit") as berit:
            await berit.join(ROOM, sound=False)
        await asyncio.sleep(0.5)
        left = [sock for sock in slow if not is_closed(sock)]
        assert len(left) <= 20
        for sock in slow:
            sock.close()


async def test_readers_that_do_not_read_hurt_nobody() -> None:
    async with bridge() as here, Browser(here.web, "Anna") as anna:
        await anna.join(ROOM, sound=False)
        deaf = []
        for number in range(10):
            other = Browser(here.web, f"Deaf {number}")
            await other.enter(ROOM)
            path = f"{API}/{ROOM}/events?token={other.token}"
            deaf.append(slow_reader(here, f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode()))
            await other.vanish()
        before = processes.footprint(here.pid).rss_bytes
        slowest = 0.0
        for number in range(20):
            name = f"Name {number} {'x' * 200}"
            begin = time.monotonic()
            await anna.about(anna, "overlaytext", {"text": name})
            await anna.wait(lambda name=name: anna.people[anna.uuid]["overlay_text"].startswith(name[:20]))
            slowest = max(slowest, time.monotonic() - begin)
        assert slowest < 2.0
        assert processes.footprint(here.pid).rss_bytes - before < 20_000_000
        for sock in deaf:
            sock.close()
        await anna.leave()


async def test_a_drained_bridge_takes_nobody_and_ends_when_the_last_one_has_left() -> None:
    async with bridge() as here, Browser(here.web, "Anna") as anna, Browser(here.web, "Berit") as berit:
        await anna.join(ROOM, sound=False)
        await asyncio.to_thread(here.post, "/drain", {})
        with pytest.raises(ApiError) as refused:
            await berit.enter(ROOM)
        assert refused.value.status == 503
        await anna.refresh()
        assert await anna.get("participants")
        await anna.leave()
        assert await asyncio.to_thread(here.child.wait, 10) == 0


async def test_the_end_is_told_on_streams_that_are_open() -> None:
    async with bridge() as here, Browser(here.web, "Anna") as anna:
        await anna.join(ROOM, sound=False)
        await anna.wait_names("Anna")
        begin = time.monotonic()
        await asyncio.to_thread(here.stop)
        assert time.monotonic() - begin < 8.0
        while anna.streaming:
            await asyncio.sleep(0.02)
        assert anna.events[-1].kind == "disconnect"


async def test_who_is_sent_away_has_nothing_left_within_a_second() -> None:
    """Of a guest who is removed and of one who is declined: no token, no stream, no sound."""
    rooms = [room(ROOM, "open", tones=False), room("1002", "host-pin", host_pin=PIN, tones=False)]
    async with (
        bridge(rooms) as here,
        Browser(here.web, "Hanna", tone=400) as hanna,
        Browser(here.web, "Gina", tone=700) as gina,
        Browser(here.web, "Nils", tone=900) as nils,
    ):
        for each, pin in ((hanna, PIN), (gina, "none"), (nils, "none")):
            await each.join("1002", pin)
            await each.connected()
            if each is gina:
                await gina.wait_names("Gina", "Hanna")
                await hanna.ask("lock")
        await hanna.wait_names("Gina", "Hanna", "Nils")
        for each, code in ((gina, "kicked"), (nils, "declined")):
            await hanna.about(each, "disconnect")
            begin = time.monotonic()
            while each.streaming or each.state == "connected":
                await asyncio.sleep(0.02)
                assert time.monotonic() - begin < 1.0, (each.streaming, each.state)
            assert each.events[-1].data["code"] == code
            with pytest.raises(ApiError) as refused:
                await each.refresh()
            assert refused.value.status == 403
            with pytest.raises(ApiError) as asked:
                await each.enter("1002", resume=each.joined["resume"])
            assert asked.value.result["pin"] == "required", "its seat is gone"
        await hanna.wait_names("Hanna")
        await hanna.leave()


async def test_a_token_in_an_address_is_not_logged() -> None:
    async with bridge(log_level="debug") as here, Browser(here.web, "Anna") as anna:
        await anna.join(ROOM, sound=False)
        reply = await anna._http.request("GET", f"{API}/{ROOM}/participants?token={anna.token}")
        assert reply.status == 200
        async with Connection(here.web) as connection:
            async for event in connection.events(f"{API}/{ROOM}/events?token={anna.token}"):
                assert event.kind == "participant_sync_begin"
                break
        secrets = (anna.token, anna.joined["resume"])
        await anna.leave()
        await asyncio.to_thread(here.stop)
        for secret in secrets:
            assert secret not in here.output() + repr(here.audit()) + repr(here.records())
