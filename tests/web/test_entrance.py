"""Who has many connections, or slow ones, gets no more; others are not touched by it."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest

from bridge.web.entrance import Entrance, EntranceLimits, Places, VisitorPlace
from tests.faketime import run

LIMITS = EntranceLimits(in_all=10, per_source=4, slow_per_source=2, proxies=frozenset({"192.0.2.9"}))


class Door:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.places = Places(LIMITS, lambda name: self.counts.update([name]))

    def enter(self, source: str = "192.0.2.1") -> VisitorPlace | None:
        return self.places.enter(source)


def test_of_the_slow_ones_of_a_source_the_oldest_has_to_go() -> None:
    door = Door()
    expelled: list[str] = []
    first, second = door.enter(), door.enter()
    assert first is not None and second is not None
    first.expel, second.expel = lambda: expelled.append("first"), lambda: expelled.append("second")
    first.settled()
    first.settled()
    assert door.enter() is not None and expelled == []
    assert door.enter() is not None and expelled == ["second"], "the first one is slow no more"
    assert door.enter("192.0.2.2") is not None
    assert door.counts == {"web-connections-slow": 1}
    second.left()
    assert door.places.taken == 4


def test_only_so_many_of_a_source() -> None:
    door = Door()
    places = []
    for _ in range(4):
        place = door.enter()
        assert place is not None
        place.settled()
        places.append(place)
    assert door.enter() is None and door.counts == {"web-connections-source": 1}
    places[0].left()
    places[0].left()
    assert door.enter() is not None and door.enter() is None
    assert door.places.taken == 4


def test_a_network_of_ipv6_is_one_source() -> None:
    door = Door()
    for number in range(4):
        place = door.enter(f"2001:db8::{number}")
        assert place is not None
        place.settled()
    assert door.enter("2001:db8::ffff:1") is None and door.enter("2001:db8:0:1::1") is not None


def test_only_so_many_in_all_and_a_proxy_brings_as_many() -> None:
    door = Door()
    places = [door.enter("192.0.2.9") for _ in range(10)]
    assert all(places) and door.enter() is None and door.counts == {"web-connections-total": 1}
    for place in places:
        assert place is not None
        place.left()
    assert door.places.taken == 0 and door.enter() is not None


def test_without_files_to_spare_it_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepting again and again what cannot be accepted would leave no time for anybody who is in."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        tries: list[float] = []

        async def sock_accept(_: socket.socket) -> None:
            tries.append(loop.time())
            raise OSError("too many open files")

        monkeypatch.setattr(loop, "sock_accept", sock_accept)
        door = Door()
        with socket.socket() as sock:
            accepting = asyncio.create_task(
                Entrance(sock, None, door.places, lambda _: asyncio.Protocol()).accept()
            )
            await asyncio.sleep(2.5)
            accepting.cancel()
            await asyncio.wait([accepting])
        assert len(tries) == 3 and door.counts == {"web-accept-failed": 3}

    run(scene())
