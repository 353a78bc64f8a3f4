"""SIP's socket: frames go to SIP and come from it; what is too big, too fast, too many or from elsewhere is closed."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from bridge.web.rules import Neighbourhood
from bridge.web.sip_socket import MOST_QUEUED, SocketWire, sip_router
from tests.web.site import WAIT_S, Answer, Site, close, running, self_signed, trusting

SIP = Subprotocol("sip")
VECTORS = Path(__file__).parents[2] / ".." / "shared" / "vectors"
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\nOrigin: http://localhost\r\n\r\n"
)


@dataclass
class Sip:
    """SIP's side: it echoes what it gets, or is too busy to look at it for a while."""

    most: int = 100
    busy: int = 0
    frames: list[bytes] = field(default_factory=list)
    wires: list[SocketWire] = field(default_factory=list)
    came: list[tuple[bool, tuple[str, int]]] = field(default_factory=list)
    gone: int = 0
    lost_event: asyncio.Event = field(default_factory=asyncio.Event)

    def attach(
        self, secure: bool, local: tuple[str, int], remote: tuple[str, int], wire: SocketWire
    ) -> SipLine | None:
        if len(self.wires) - self.gone >= self.most:
            return None
        self.came.append((secure, remote))
        self.wires.append(wire)
        return SipLine(self, wire)


@dataclass
class SipLine:
    sip: Sip
    wire: SocketWire

    def received(self, frame: bytes) -> bool:
        if self.sip.busy:
            self.sip.busy -= 1
            return False
        self.sip.frames.append(frame)
        self.wire.send(b"SIP/2.0 200 OK\r\n\r\n")
        return True

    def lost(self) -> None:
        self.sip.gone += 1
        self.sip.lost_event.set()


def site(sip: Sip, ours: Neighbourhood | None = None) -> Site:
    made: list[Site] = []
    made.append(Site([sip_router(sip.attach, lambda name: made[0].count(name))], ours=ours))
    return made[0]


def phone(here: Site, **more: object) -> connect:
    options: dict[str, object] = {
        "subprotocols": [SIP],
        "origin": Origin(f"http://127.0.0.1:{here.port.port}"),
    }
    return connect(f"ws://127.0.0.1:{here.port.port}/ws", **(options | more))  # type: ignore[arg-type]


async def closed(socket: ClientConnection) -> int:
    """The code that the other end closes with."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed as end:
                return end.rcvd.code if end.rcvd else 1006


async def test_frames_come_and_go() -> None:
    sip = Sip()
    async with running(site(sip)) as here, phone(here) as socket:
        assert socket.subprotocol == SIP
        await socket.send("OPTIONS sip:a SIP/2.0\r\n\r\n")
        assert await socket.recv() == "SIP/2.0 200 OK\r\n\r\n"
        await socket.send(b"OPTIONS sip:b SIP/2.0\r\n\r\n")
        assert await socket.recv() == "SIP/2.0 200 OK\r\n\r\n"
        assert sip.frames == [b"OPTIONS sip:a SIP/2.0\r\n\r\n", b"OPTIONS sip:b SIP/2.0\r\n\r\n"]
        assert sip.came[0][0] is False and sip.came[0][1][0] == "127.0.0.1"
        sip.wires[0].send(b"\xff is no text")
        assert await socket.recv() == b"\xff is no text"
        await socket.close()
        await asyncio.wait_for(sip.lost_event.wait(), WAIT_S)
        assert sip.gone == 1 and not here.faults


async def test_over_tls_it_is_told_to_be_so(tmp_path: Path) -> None:
    sip = Sip()
    certificate = self_signed(tmp_path)
    here = Site([sip_router(sip.attach, print)], certificate=certificate)
    async with running(here):
        url = f"wss://localhost:{here.port.port}"
        options = {"ssl": trusting(certificate), "subprotocols": [SIP]}
        async with connect(f"{url}/ws", origin=Origin(url.replace("wss", "https")), **options) as socket:  # type: ignore[arg-type]
            await socket.send("x")
            assert await socket.recv() and sip.came[0][0] is True


async def test_the_bridge_may_close_it() -> None:
    sip = Sip()
    async with running(site(sip)) as here:
        async with phone(here) as socket:
            sip.wires[0].send(b"BYE")
            sip.wires[0].close()
            assert not sip.wires[0].send(b"late")
            assert await socket.recv() == "BYE"
            assert await closed(socket) == 1012
        async with phone(here) as socket:
            sip.wires[1].abort()
            assert await closed(socket) == 1006
        assert sip.gone == 2 and not here.faults


async def test_the_end_of_the_bridge_is_told() -> None:
    sip = Sip()
    here = site(sip)
    async with running(here):
        socket = await phone(here)
        ending = asyncio.create_task(closed(socket))
        await asyncio.sleep(0)
    assert await ending == 1012 and sip.gone == 1
    await socket.close()


async def test_a_source_over_its_rate_waits() -> None:
    sip = Sip(busy=2)
    async with running(site(sip)) as here, phone(here) as socket:
        await socket.send("x")
        assert await socket.recv() and sip.frames == [b"x"]


async def test_more_than_fifty_messages_a_second_close_it() -> None:
    sip = Sip()
    async with running(site(sip)) as here, phone(here) as socket:
        for number in range(200):
            await socket.send(str(number))
        assert await closed(socket) == 1008
        assert 50 <= len(sip.frames) <= 60 and here.counts["web-socket-flood"] == 1


async def test_long_messages_close_it_before_they_are_there() -> None:
    sip = Sip()
    async with running(site(sip)) as here, phone(here) as socket:
        await socket.send("x" * 65_536)
        assert await socket.recv()
        with suppress(ConnectionClosed):
            await socket.send("x" * 2_000_000)
        assert await closed(socket) == 1009 and len(sip.frames) == 1


async def test_pings_are_answered_and_a_flood_of_them_is_not() -> None:
    async with running(site(Sip())) as here, phone(here, ping_interval=None) as socket:
        await asyncio.wait_for(await socket.ping(), WAIT_S)
        for _ in range(100):
            await socket.ping()
        assert await closed(socket) == 1008


async def test_who_does_not_read_is_cut_off() -> None:
    sip = Sip()
    async with running(site(sip)) as here:
        reader, writer = await here.connect()
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        wire = sip.wires[0]
        sent = 0
        while wire.send(b"x" * 8_192):
            sent += 8_192
        assert sent <= MOST_QUEUED
        await asyncio.wait_for(sip.lost_event.wait(), WAIT_S)
        assert here.counts["web-slow-reader"] == 1
        await close(writer)


async def test_too_many_are_refused() -> None:
    async with running(site(Sip(most=2))) as here, phone(here), phone(here):
        with pytest.raises(InvalidStatus) as refused:
            await phone(here)
        assert refused.value.response.status_code == 503
        assert "content-security-policy" in refused.value.response.headers


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"origin": None}, 403),
        ({"origin": Origin("https://evil.example")}, 403),
        ({"subprotocols": None}, 400),
        ({"subprotocols": [Subprotocol("chat")]}, 400),
    ],
)
async def test_strangers_are_refused(change: dict[str, object], status: int) -> None:
    sip = Sip()
    async with running(site(sip)) as here:
        with pytest.raises(InvalidStatus) as refused:
            await phone(here, **change)
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body or b"")["status"] == "failed"
        assert not sip.came and not here.faults


async def test_there_is_no_other_socket() -> None:
    async with running(site(Sip())) as here:
        for path, status in (("/", 403), ("/api/x", 403), ("/ws/x", 403)):
            answer = await here.say(HANDSHAKE.replace(b"/ws", path.encode()))
            assert answer.status == status and "content-security-policy" in answer.headers
        assert (await here.ask("GET", "/ws")).status == 400


async def test_a_socket_opens_for_pages_of_named_sites() -> None:
    sip = Sip()
    ours = Neighbourhood(origins=frozenset({"https://portal.example.org"}))
    async with running(site(sip, ours)) as here, phone(here, origin=Origin("https://portal.example.org")):
        assert len(sip.came) == 1


# -- odd bytes ----------------------------------------------------------------------------------------------------


def vectors(transport: str) -> list[dict[str, str]]:
    manifest = VECTORS / "manifest.json"
    if not manifest.exists():
        return []
    return [
        each
        for each in json.loads(manifest.read_text())
        if each["kind"] == "web" and each["transport"] == transport
    ]


async def frames(reader: asyncio.StreamReader) -> tuple[list[bytes], int | None]:
    """Payloads of what comes until the close, and its code; None if the connection stays open."""
    found: list[bytes] = []
    try:
        async with asyncio.timeout(1.0):
            while True:
                head = await reader.readexactly(2)
                length = head[1] & 127
                if length == 126:
                    length = int.from_bytes(await reader.readexactly(2))
                payload = await reader.readexactly(length)
                if head[0] & 15 == 8:
                    return found, int.from_bytes(payload[:2])
                found.append(payload)
    except TimeoutError:
        return found, None
    except asyncio.IncompleteReadError:
        return found, 1006


@pytest.mark.shared
@pytest.mark.parametrize("vector", vectors("ws"), ids=lambda each: each["name"])
async def test_frames_as_attackers_send_them(vector: dict[str, str]) -> None:
    sip = Sip()
    async with running(site(sip)) as here:
        reader, writer = await here.connect()
        writer.write(HANDSHAKE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.write((VECTORS / vector["file"]).read_bytes())
        said, code = await frames(reader)
        allowed = [word.strip() for word in vector["expect"].split("|")]
        if "accept" in allowed or "first answered" in allowed:
            assert len(sip.frames) == 1 and said == [b"SIP/2.0 200 OK\r\n\r\n"] and code is None
        else:
            assert f"close {code}" in allowed and not sip.frames
        assert not here.faults
        await close(writer)


@pytest.mark.shared
@pytest.mark.parametrize("vector", vectors("http"), ids=lambda each: each["name"])
async def test_requests_as_attackers_send_them(vector: dict[str, str]) -> None:
    """Those about rooms and PINs go to the client API's own tests."""
    ours = Neighbourhood("https://mcu.example.com")
    sip = Sip()
    async with running(site(sip, ours)) as here:
        if vector["expect"] == "close":
            return  # how long it takes is in test_serving
        answer = await here.say((VECTORS / vector["file"]).read_bytes().replace(b"/api/join", JOIN))
        allowed = {word.split("-")[0] for word in vector["expect"].split("|")}
        assert str(answer.status) in allowed
        check_clean(answer)
        assert not here.faults and not sip.came


JOIN = b"/api/client/v2/conferences/1001/request_token"


def check_clean(answer: Answer) -> None:
    """An answer has all headers, tells no product, and repeats nothing of what was sent."""
    assert "content-security-policy" in answer.headers and "set-cookie" not in answer.headers
    assert "server" not in answer.headers
    for word in (b"evil", b"uvicorn", b"starlette", b"passwd"):
        assert word not in answer.body.lower()
