"""A flood is dropped by source, prefix and sum; peers with a call keep their share; the tables stay small."""

from __future__ import annotations

import random

import pytest

from bridge.sip.limits import (
    FLOOD_PREFIX,
    FLOOD_SOURCE,
    FLOOD_TOTAL,
    Gate,
    Rate,
    Rates,
    is_loopback,
    prefix_of,
)

RATES = Rates(
    source=Rate(10, 20),
    known=Rate(50, 100),
    loopback=Rate(1_000, 1_000),
    prefix=Rate(40, 60),
    total=Rate(200, 300),
    reserved=Rate(100, 100),
    most_sources=500,
    most_prefixes=50,
    most_known=20,
)


def flood(gate: Gate, sources: list[str], per_s: int, seconds: int, start: float) -> dict[str | None, int]:
    """Send evenly; count what became of it."""
    chance = random.Random(3)
    seen: dict[str | None, int] = {}
    for n in range(per_s * seconds):
        outcome = gate.admit(chance.choice(sources), start + n / per_s)
        seen[outcome] = seen.get(outcome, 0) + 1
    return seen


def test_a_quiet_source_passes() -> None:
    gate = Gate(RATES, 0.0)
    assert all(gate.admit("192.0.2.1", n * 0.1) is None for n in range(1_000))


def test_one_source_in_flood_keeps_its_rate_only() -> None:
    gate = Gate(RATES, 0.0)
    seen = flood(gate, ["192.0.2.1"], 10_000, 10, 0.0)
    assert seen[None] == pytest.approx(20 + 10 * 10, abs=2)
    assert set(seen) == {None, FLOOD_SOURCE}
    assert gate.admit("198.51.100.1", 10.0) is None


def test_neighbours_share_a_prefix() -> None:
    gate = Gate(RATES, 0.0)
    seen = flood(gate, [f"192.0.2.{n}" for n in range(256)], 1_000, 10, 0.0)
    assert seen[None] == pytest.approx(60 + 40 * 10, abs=5)
    assert seen[FLOOD_PREFIX] > 9_000
    assert gate.admit("198.51.100.1", 10.0) is None


def test_a_forged_flood_leaves_known_peers_their_share() -> None:
    gate = Gate(RATES, 0.0)
    gate.know("203.0.113.5", 0.0)
    forged = [f"10.{a}.{b}.1" for a in range(50) for b in range(100)]
    chance = random.Random(1)
    passed = known = 0
    for n in range(20_000):
        now = n / 2_000
        passed += gate.admit(chance.choice(forged), now) is None
        if n % 100 == 0:
            known += gate.admit("203.0.113.5", now) is None
    assert known == 200
    assert passed == pytest.approx(300 + 200 * 10, abs=10)
    assert gate.size <= 500 + 50 + 20


def test_what_was_refused_by_the_sum_is_not_taken_from_the_source() -> None:
    gate = Gate(Rates(source=Rate(0, 5), prefix=Rate(0, 50), total=Rate(1, 1)), 0.0)
    assert [gate.admit("192.0.2.1", 0.0) for _ in range(4)] == [None, FLOOD_TOTAL, FLOOD_TOTAL, FLOOD_TOTAL]
    assert [gate.admit("192.0.2.1", float(n)) for n in range(1, 6)] == [None, None, None, None, FLOOD_SOURCE]


def test_a_known_peer_is_bounded_too_and_is_forgotten() -> None:
    gate = Gate(RATES, 0.0)
    gate.know("192.0.2.1", 0.0)
    assert flood(gate, ["192.0.2.1"], 1_000, 1, 0.0)[None] == pytest.approx(150, abs=2)
    assert gate.is_known("192.0.2.1", 599.0) and not gate.is_known("192.0.2.1", 601.0)
    gate.know("192.0.2.1", 599.0)
    assert gate.is_known("192.0.2.1", 601.0)
    assert flood(gate, ["192.0.2.1"], 1_000, 1, 1_300.0)[None] == pytest.approx(30, abs=2)


def test_the_table_of_known_peers_is_bounded() -> None:
    gate = Gate(RATES, 0.0)
    for n in range(100):
        gate.know(f"192.0.2.{n}", float(n))
    assert gate.size == 20
    assert gate.is_known("192.0.2.99", 100.0) and not gate.is_known("192.0.2.79", 100.0)


def test_loopback_has_its_own_rate() -> None:
    gate = Gate(Rates(loopback=Rate(1_000, 500)), 0.0)
    assert flood(gate, ["127.0.0.1"], 1_000, 5, 0.0) == {None: 5_000}
    gate.know("127.0.0.1", 5.0)
    assert flood(gate, ["127.0.0.1"], 1_000, 5, 5.0) == {None: 5_000}
    assert is_loopback("::1") and is_loopback("127.9.9.9") and not is_loopback("128.0.0.1")


def test_prefixes() -> None:
    assert (
        prefix_of("192.0.2.77")
        == prefix_of("192.0.2.1")
        == prefix_of("::ffff:192.0.2.9")
        != prefix_of("192.0.3.77")
    )
    assert prefix_of("2001:db8:1:2::1") == prefix_of("2001:db8:1:2:ffff::") != prefix_of("2001:db8:1:3::1")
    assert prefix_of("fe80::1%eth0") == prefix_of("fe80::2")
    assert prefix_of("nonsense:") == "nonsense:"


def test_a_clock_that_stands_still_gives_nothing() -> None:
    gate = Gate(RATES, 0.0)
    assert sum(gate.admit("192.0.2.1", 5.0) is None for _ in range(100)) == 20
