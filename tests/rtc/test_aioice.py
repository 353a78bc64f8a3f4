"""A full agent of another implementation finds its path to ours, whatever it believes of roles and nominations."""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import pytest
from aioice import Candidate, Connection, ice

from bridge.errors import ProtocolError
from bridge.rtc.ice import IceLite, Path
from bridge.sdp.transport import Credentials, NegotiatedIce
from tests.faketime import FakeTimeLoop
from tests.rtc.checks import OURS

BRIDGE = ("203.0.113.1", 10_000)
HOSTS = ["192.0.2.1", "198.51.100.1", "2001:db8::1"]


class Air(FakeTimeLoop):
    """A loop whose datagram endpoints all end at one agent of ours, by a network that loses some."""

    def __init__(self, loss: float = 0.0, seed: int = 1) -> None:
        super().__init__()
        self.ours: IceLite | None = None
        self.loss = loss
        self.chance = random.Random(seed)
        self.drops: list[str] = []
        self.port = 40_000

    async def create_datagram_endpoint(  # type: ignore[override]
        self, factory: Any, local_addr: tuple[str, int], **_: Any
    ) -> tuple[Any, Any]:
        self.port += 1
        protocol = factory()
        transport = Endpoint(self, protocol, (local_addr[0], self.port))
        protocol.connection_made(transport)
        return transport, protocol


class Endpoint(asyncio.DatagramTransport):
    """One socket of the other agent's."""

    def __init__(self, air: Air, protocol: Any, address: tuple[str, int]) -> None:
        super().__init__({"sockname": address})
        self.air, self.protocol, self.address = air, protocol, address

    def sendto(self, data: Any, addr: Any = None) -> None:
        if self.air.chance.random() >= self.air.loss:
            self.air.call_later(0.02, self._arrive, bytes(data))

    def _arrive(self, datagram: bytes) -> None:
        assert self.air.ours is not None
        try:
            answers = self.air.ours.handle(datagram, Path(*self.address), self.air.time())
        except ProtocolError as fault:
            self.air.drops.append(fault.name)
            return
        for answer in answers:
            if self.air.chance.random() >= self.air.loss:
                self.air.call_later(0.02, self.protocol.datagram_received, answer, BRIDGE)

    def close(self) -> None:
        self.air.call_soon(self.protocol.connection_lost, None)


async def connect(air: Air, lite: bool = True, controlling: bool = True) -> Connection:
    theirs = Connection(ice_controlling=controlling, local_username="peer", local_password="p" * 22)
    air.ours = IceLite(
        NegotiatedIce(OURS, Credentials(theirs.local_username, theirs.local_password)), air.time()
    )
    await theirs.gather_candidates()
    theirs.remote_username, theirs.remote_password = OURS.ufrag, OURS.password
    theirs.remote_is_lite = lite
    await theirs.add_remote_candidate(
        Candidate(foundation="1", component=1, transport="udp", priority=2_130_706_431, host=BRIDGE[0],
                  port=BRIDGE[1], type="host")
    )  # fmt: skip
    await theirs.add_remote_candidate(None)
    await theirs.connect()
    return theirs


def fly(air: Air, scene: Any) -> None:
    with asyncio.Runner(loop_factory=lambda: air) as runner:
        runner.run(scene)


@pytest.fixture(autouse=True)
def _own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "get_host_addresses", lambda use_ipv4, use_ipv6: HOSTS)


def their_path(theirs: Connection) -> Path:
    (pair,) = theirs._nominated.values()
    return Path(*pair.local_addr)


@pytest.mark.parametrize("lite", [True, False], ids=["regular", "aggressive"])
@pytest.mark.parametrize("controlling", [True, False], ids=["controlling", "controlled-at-first"])
def test_it_finds_its_way(lite: bool, controlling: bool) -> None:
    air = Air()

    async def scene() -> None:
        theirs = await connect(air, lite, controlling)
        assert theirs.ice_controlling
        assert air.ours is not None
        assert air.ours.chosen == their_path(theirs)
        assert air.drops == []
        await theirs.close()

    fly(air, scene())


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_its_way_with_a_fifth_lost(seed: int) -> None:
    air = Air(0.2, seed)

    async def scene() -> None:
        theirs = await connect(air)
        assert air.ours is not None
        assert air.ours.chosen == their_path(theirs)
        await theirs.close()

    fly(air, scene())


def test_consent_lasts_as_long_as_it_is_there() -> None:
    air = Air()

    async def scene() -> None:
        theirs = await connect(air)
        ours = cast(IceLite, air.ours)
        for _ in range(120):
            await asyncio.sleep(1)
            assert ours.wake(air.time()) is None
        await theirs.close()
        await asyncio.sleep(31)
        assert ours.wake(air.time()) == "ice-consent"

    fly(air, scene())


def test_a_restart_goes_on_along_the_old_path_until_the_new_one_is_there() -> None:
    air = Air()

    async def scene() -> None:
        before = await connect(air)
        ours = cast(IceLite, air.ours)
        old = ours.chosen
        again = Credentials("again", "r" * 22)
        theirs = Connection(ice_controlling=True, local_username="peer2", local_password="q" * 22)
        ours.configure(NegotiatedIce(again, Credentials("peer2", "q" * 22)), air.time())
        await asyncio.sleep(8)  # checks on the old path go on
        assert (ours.chosen, ours.wake(air.time()), air.drops) == (old, None, [])
        await theirs.gather_candidates()
        theirs.remote_username, theirs.remote_password, theirs.remote_is_lite = (
            again.ufrag,
            again.password,
            True,
        )
        await theirs.add_remote_candidate(
            Candidate("1", 1, "udp", 2_130_706_431, BRIDGE[0], BRIDGE[1], "host")
        )
        await theirs.add_remote_candidate(None)
        await theirs.connect()
        assert ours.chosen == their_path(theirs) != old
        await before.close()
        await theirs.close()

    fly(air, scene())
