"""Keeps: browsers (an independent WebRTC stack) share one port with each other; who proves nothing gets nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.media import contract
from bridge.media.endpoint import Receiver
from bridge.media.settings import MediaSettings
from bridge.media.shared_port import SharedPort
from bridge.message import Message
from mixer.plan import Plan, Seat
from tests.media.local import LocalMedia
from tests.media.ports import free_range, has_ipv6
from tests.media.rtp_phone import RtpPhone, talk
from tests.media.web_peer import WebPeer


class Hall:
    """LocalMedia with browsers on its one port."""

    def __init__(self, addresses: tuple[str, ...] = ("127.0.0.1",), port: int = 0) -> None:
        first, last = free_range(4)
        told = MediaSettings(port_first=first, port_last=last, rtc_addresses=addresses, rtc_port=port)
        self.events: list[contract.Event] = []
        self.peers: dict[str, WebPeer] = {}
        self.media = LocalMedia(told, self.events.append, lambda _: None)

    async def open(self, leg: str, address: str = "127.0.0.1") -> contract.LegOpened:
        self.media.place(leg, "1001")
        self.media.send(contract.OpenLeg(leg, address, shared=True))
        await asyncio.sleep(0.01)
        opened = self.told(contract.LegOpened)[-1]
        assert isinstance(opened, contract.LegOpened) and opened.leg == leg
        return opened

    async def connected(self, count: int) -> None:
        """Wait until we have told of so many connections; the peers may know a moment before."""
        async with asyncio.timeout(5.0):
            while len(self.told(contract.Connected)) < count:
                await asyncio.sleep(0.01)

    async def join(self, leg: str, hz: float, address: str = "127.0.0.1") -> WebPeer:
        peer = self.peers[leg] = WebPeer(hz, address)
        self.media.send(await peer.join(await self.open(leg, address)))
        return peer

    def plan(self, *legs: str) -> None:
        self.media.send(contract.SetPlan(Plan("1001", tuple(Seat(leg) for leg in legs))))

    def told(self, kind: type[Message]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def drops(self) -> dict[str, int]:
        assert self.media._audio is not None
        return dict(self.media._audio.drops)

    async def close(self) -> None:
        await asyncio.gather(*(peer.close() for peer in self.peers.values()))
        await self.media.stop()


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    hall = Hall()
    await hall.media.start()
    yield hall
    await hall.close()


async def test_each_hears_the_others(hall: Hall) -> None:
    a, b = await hall.join("a", 400), await hall.join("b", 700)
    hall.plan("a", "b")
    await asyncio.gather(a.connected(), b.connected())
    await asyncio.sleep(1.2)
    assert (a.heard(), b.heard()) == ([700], [400])
    connected = {(event.leg, event.protocol, event.suite) for event in hall.told(contract.Connected)}
    assert connected == {("a", "udp", "AEAD_AES_256_GCM"), ("b", "udp", "AEAD_AES_256_GCM")}
    assert len(hall.told(contract.MediaStarted)) == 2
    assert not hall.told(contract.TransportFailed)


async def test_a_browser_and_a_phone_in_one_room(hall: Hall) -> None:
    browser = await hall.join("b", 400)
    phone = RtpPhone(700)
    hall.media.place("p", "1001")
    hall.media.send(contract.OpenLeg("p", "127.0.0.1"))
    await asyncio.sleep(0.01)
    opened = hall.told(contract.LegOpened)[-1]
    assert opened.rtcp_port == opened.port + 1
    assert (
        opened.fingerprint == hall.told(contract.LegOpened)[0].fingerprint and len(opened.fingerprint) == 32
    )
    phone.calls(opened.port, opened.rtcp_port)
    hall.media.send(contract.ConfigureLeg("p", phone.audio(), signalling="127.0.0.1"))
    hall.plan("b", "p")
    await browser.connected()
    await talk([phone], 1.2)
    assert (browser.heard(), phone.heard(30)) == ([700], [400])
    phone.close()


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
async def test_two_families_in_one_room() -> None:
    hall = Hall(("127.0.0.1", "::1"))
    await hall.media.start()
    four, six = await hall.join("four", 400), await hall.join("six", 700, "::1")
    hall.plan("four", "six")
    await asyncio.gather(four.connected(), six.connected())
    opened = hall.told(contract.LegOpened)[0]
    assert opened.addresses == ("127.0.0.1", "::1") and opened.tcp_port
    await asyncio.sleep(1.2)
    assert (four.heard(), six.heard()) == ([700], [400])
    await hall.close()


async def test_the_same_leg_with_another_browser(hall: Hall) -> None:
    """A page that was loaded anew takes over the leg; the others hear it go on."""
    before, other = await hall.join("a", 400), await hall.join("b", 700)
    hall.plan("a", "b")
    await asyncio.gather(before.connected(), other.connected())
    await asyncio.sleep(0.3)
    after = hall.peers["again"] = WebPeer(900)
    hall.media.send(await after.join(hall.told(contract.LegOpened)[0], association=1))
    await after.connected()
    await before.close()
    async with asyncio.timeout(5.0):
        while (after.heard(), other.heard()) != ([700], [900]):  # until the last of the one before has passed
            await asyncio.sleep(0.2)
    assert not hall.told(contract.TransportFailed)
    assert len([event for event in hall.told(contract.Connected) if event.leg == "a"]) == 2


async def test_a_browser_that_closes_is_told_of(hall: Hall) -> None:
    peer = await hall.join("a", 400)
    await asyncio.gather(hall.connected(1), peer.connected())
    await peer.close()
    async with asyncio.timeout(2.0):
        while not hall.told(contract.TransportFailed):
            await asyncio.sleep(0.02)
    assert hall.told(contract.TransportFailed) == [contract.TransportFailed("a", "dtls-closed")]


async def test_a_leg_that_is_closed_tells_its_browser(hall: Hall) -> None:
    peer = await hall.join("a", 400)
    await asyncio.gather(hall.connected(1), peer.connected())
    hall.media.send(contract.CloseLeg("a"))
    async with asyncio.timeout(2.0):
        while peer.pc.connectionState != "closed":
            await asyncio.sleep(0.02)
    assert [event.leg for event in hall.told(contract.LegClosed)] == ["a"]


async def test_the_hello_race_with_other_peoples_browsers(hall: Hall) -> None:
    """M-04: what comes from elsewhere does not reach a handshake; ten of ten connect."""
    opened = await hall.open("first")
    hello = b"\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x1f" + b"\1\0\0\x13\0\0\0\0\0\0\0\x13\xfe\xfd" + bytes(17)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sprayer:
        stop = asyncio.Event()

        async def spray() -> None:
            while not stop.is_set():
                for _ in range(5):
                    sprayer.sendto(hello, ("127.0.0.1", opened.port))
                await asyncio.sleep(0.005)

        spraying = asyncio.create_task(spray())
        peers = [await hall.join(f"leg{n}", 0.0) for n in range(10)]
        await asyncio.gather(hall.connected(10), *(peer.connected() for peer in peers))
        stop.set()
        await spraying
        with pytest.raises(BlockingIOError):
            sprayer.recv(4096)
    assert hall.drops["rtc-address"] > 50
    assert len(hall.told(contract.Connected)) == 10


async def test_no_shared_port_where_none_is_wanted_or_it_is_taken() -> None:
    none = Hall(())
    await none.media.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        late = Hall(port=taken.getsockname()[1])
        await late.media.start()
        for hall in (none, late):
            hall.media.place("a", "1001")
            hall.media.send(contract.OpenLeg("a", "127.0.0.1", shared=True))
            await asyncio.sleep(0.01)
            assert hall.events == [contract.OpenFailed("a", "no-shared-port")]
        assert late.drops == {"shared-port-failed": 2}
    assert (await late.open("b")).port
    await none.close()
    await late.close()


def test_at_an_address_of_ours_only_we_are_heard() -> None:
    """Firefox on the bridge's own machine has no other way: it pairs nothing with an address of loopback."""
    drops: Counter[str] = Counter()
    receiver = Receiver(drops)
    port = SharedPort(("127.0.0.1",), 0, False, receiver, drops, here="127.0.0.2")
    assert port.addresses == ("127.0.0.1", "127.0.0.2")
    with contextlib.ExitStack() as stack:
        for ours, at in (("127.0.0.2", "127.0.0.2"), ("127.0.0.3", "127.0.0.2"), ("127.0.0.3", "127.0.0.1")):
            sender = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            sender.bind((ours, 0))
            sender.sendto(bytes([0x80, *bytes(20)]), (at, port.port))
        receiver.poll(time.monotonic(), time.time())
    assert drops == {"rtc-elsewhere": 1, "rtc-address": 2}
    port.close()


def test_an_address_that_is_gone_costs_nothing_else() -> None:
    drops: Counter[str] = Counter()
    port = SharedPort(("127.0.0.1",), 0, True, Receiver(drops), drops, here="203.0.113.7")
    assert port.addresses == ("127.0.0.1",) and port.port and port.tcp_port
    assert drops == {"shared-here-failed": 1}
    port.close()


async def test_nothing_is_left_of_legs_that_are_gone(hall: Hall) -> None:
    files = 0
    for n in range(100):
        await hall.open(f"leg{n}")
        hall.media.send(contract.CloseLeg(f"leg{n}"))
        await asyncio.sleep(0)
        files = files or len(os.listdir("/proc/self/fd"))
    await asyncio.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) <= files
    assert hall.media._audio is not None
    port = hall.media._audio._ports._shared
    assert port is not None and not port._legs and not any(port._given)
