"""Keeps: browsers (an independent WebRTC stack) share one port with each other; who proves nothing gets nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.media import contract
from bridge.media.settings import MediaSettings
from mixer.plan import Plan, Seat
from tests.media.local import LocalMedia
from tests.media.ports import free_range
from tests.media.web_peer import WebPeer


class Hall:
    """LocalMedia with browsers on its one port."""

    def __init__(self, addresses: tuple[str, ...] = ("127.0.0.1",), tcp: bool = True) -> None:
        first, last = free_range(4)
        told = MediaSettings(
            port_first=first, port_last=last, rtc_addresses=addresses, rtc_port=0, rtc_tcp=tcp
        )
        self.events: list[contract.Event] = []
        self.peers: dict[str, WebPeer] = {}
        self.media = LocalMedia(told, self.events.append, lambda _: None)

    async def open(self, leg: str, address: str = "127.0.0.1") -> contract.LegOpened:
        self.media.place(leg, "1001")
        self.media.send(contract.OpenLeg(leg, address, shared=True))
        await asyncio.sleep(0.01)
        opened = self.events[-1]
        assert isinstance(opened, contract.LegOpened)
        return opened

    async def join(self, leg: str, hz: float, address: str = "127.0.0.1") -> WebPeer:
        peer = self.peers[leg] = WebPeer(hz, address)
        self.media.send(await peer.join(await self.open(leg, address)))
        return peer

    def plan(self, *legs: str) -> None:
        self.media.send(contract.SetPlan(Plan("1001", tuple(Seat(leg) for leg in legs))))

    def told(self, kind: type[contract.Message]) -> list[Any]:
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
