"""Who has many connections, or slow ones, gets no more; others are not touched by it."""

from __future__ import annotations

from collections import Counter

from bridge.web.entrance import EntranceLimits, Places, VisitorPlace

LIMITS = EntranceLimits(in_all=10, per_source=4, slow_per_source=2, proxies=frozenset({"192.0.2.9"}))


class Door:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.places = Places(LIMITS, lambda name: self.counts.update([name]))

    def enter(self, source: str = "192.0.2.1") -> VisitorPlace | None:
        return self.places.enter(source)


def test_only_so_many_slow_ones_of_a_source() -> None:
    door = Door()
    first, second = door.enter(), door.enter()
    assert first and second and door.enter() is None
    assert door.enter("192.0.2.2") is not None
    first.settled()
    first.settled()
    assert door.enter() is not None and door.enter() is None
    assert door.counts == {"web-connections-slow": 2}


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


def test_only_so_many_in_all_and_a_proxy_brings_as_many() -> None:
    door = Door()
    places = [door.enter("192.0.2.9") for _ in range(10)]
    assert all(places) and door.enter() is None and door.counts == {"web-connections-total": 1}
    for place in places:
        assert place is not None
        place.left()
    assert door.places.taken == 0 and door.enter() is not None
