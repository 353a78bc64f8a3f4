"""Media is taken from whom it should be and sent to whom it may: no bleeding, no injection, no amplifier."""

from __future__ import annotations

import random

import pytest

from bridge.rtp.packet import parse
from bridge.rtp.source import UNPROVEN_PACKETS, RemoteFilter, is_special
from tests.rtp.playback import VECTORS, pcap, shared

SDP = ("192.0.2.10", 40_000)
SIGNALLING = "198.51.100.7"


def taken(gate: RemoteFilter, source: tuple[str, int], now: float = 1.0) -> bool:
    """A valid packet from `source`: accepted, then heard."""
    if not gate.accepts(source, now):
        return False
    gate.heard(source)
    return True


def test_plain_media_comes_from_the_address_of_the_sdp_only() -> None:
    gate = RemoteFilter(SDP, SIGNALLING)
    assert taken(gate, SDP)
    assert not taken(gate, ("192.0.2.10", 40_002))
    assert not taken(gate, (SIGNALLING, 40_000))
    assert gate.target == SDP


def test_nothing_is_injected_or_drawn_off() -> None:
    """M-01, M-02: of 10^5 packets from elsewhere none is taken, and none moves where we send."""
    rng = random.Random(1)
    for gate in (RemoteFilter(SDP, SIGNALLING), RemoteFilter(SDP, SIGNALLING, latch=True)):
        for place in range(50_000):
            source = (f"203.0.113.{rng.randrange(256)}", rng.randrange(1, 65_536))
            assert not gate.accepts(source, place * 1e-4)
        assert gate.target == SDP


def test_latching_only_where_allowed_once_and_to_the_signalling_address() -> None:
    gate = RemoteFilter(SDP, SIGNALLING, latch=True)
    assert not taken(gate, ("203.0.113.1", 5_000))
    assert taken(gate, (SIGNALLING, 5_000))
    assert gate.latched
    assert gate.target == (SIGNALLING, 5_000)
    assert not taken(gate, (SIGNALLING, 5_002))
    assert not taken(gate, SDP)
    assert taken(gate, (SIGNALLING, 5_000))


def test_no_latching_once_the_sdp_address_has_spoken() -> None:
    gate = RemoteFilter(SDP, SIGNALLING, latch=True)
    assert taken(gate, SDP)
    assert not taken(gate, (SIGNALLING, 5_000))


def test_no_latching_when_the_signalling_address_is_unknown() -> None:
    gate = RemoteFilter(SDP, "", latch=True)
    assert not taken(gate, ("", 5_000))
    assert not taken(gate, ("198.51.100.7", 5_000))


def test_loopback_is_no_exception() -> None:
    gate = RemoteFilter(("127.0.0.1", 4_000), "127.0.0.1")
    assert not taken(gate, ("127.0.0.1", 4_002))
    assert not taken(gate, ("127.0.0.2", 4_000))
    assert taken(gate, ("127.0.0.1", 4_000))


def test_srtp_is_followed_at_once() -> None:
    gate = RemoteFilter(SDP, SIGNALLING, secure=True)
    assert taken(gate, SDP)
    moved = ("192.0.2.99", 41_234)
    assert gate.accepts(moved, 2.0)
    assert gate.target == SDP  # not before it is authenticated
    assert gate.heard(moved)
    assert gate.target == moved
    assert not gate.heard(moved)


def test_strangers_cost_a_secure_leg_little() -> None:
    gate = RemoteFilter(SDP, SIGNALLING, secure=True)
    tried = sum(gate.accepts(("203.0.113.5", 9), 1 + place / 20_000) for place in range(100_000))
    assert tried <= 100 + 100 * 5
    assert gate.accepts(SDP, 6.0)


def test_a_new_answer_starts_from_nothing_unless_it_says_the_same() -> None:
    gate = RemoteFilter(SDP, SIGNALLING, latch=True)
    assert taken(gate, (SIGNALLING, 5_000))
    gate.configure((SIGNALLING, 5_000), SIGNALLING, latch=True)
    assert gate.latched
    assert gate.proven
    gate.configure(("192.0.2.77", 1_000), SIGNALLING)
    assert gate.target == ("192.0.2.77", 1_000)
    assert not gate.latched
    assert not gate.proven
    assert not taken(gate, (SIGNALLING, 5_000))


@pytest.mark.parametrize("secure", [False, True])
def test_a_session_refresh_does_not_forget_where_a_peer_behind_a_nat_is(secure: bool) -> None:
    gate = RemoteFilter(SDP, SIGNALLING, latch=True, secure=secure)
    natted = (SIGNALLING, 5_000)
    assert taken(gate, natted)
    gate.configure(SDP, SIGNALLING, latch=True)
    assert (gate.target, gate.latched, gate.proven) == (natted, True, True)
    assert secure or not taken(gate, (SIGNALLING, 6_000))


def test_a_silent_victim_gets_fifty_packets() -> None:
    gate = RemoteFilter(SDP, SIGNALLING)
    assert sum(gate.may_send() for _ in range(1_000)) == UNPROVEN_PACKETS
    assert taken(gate, SDP)
    assert all(gate.may_send() for _ in range(1_000))


def test_who_signals_from_the_same_address_is_proven() -> None:
    gate = RemoteFilter((SIGNALLING, 40_000), SIGNALLING)
    assert all(gate.may_send() for _ in range(1_000))


@pytest.mark.parametrize(
    "host",
    [
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "127.0.0.1",
        "::",
        "::1",
        "ff02::1",
        "240.1.2.3",
        "host.example",
        "",
    ],
)
def test_special_addresses_never_get_anything(host: str) -> None:
    gate = RemoteFilter((host, 4_000), SIGNALLING)
    assert not any(gate.may_send() for _ in range(100))


def test_what_is_special() -> None:
    assert not is_special("127.0.0.1", "127.0.0.5")
    assert not is_special("::1", "::1")
    assert not is_special("127.0.0.1", "")
    assert is_special("127.0.0.1", "pc.example")
    assert not is_special("2001:db8::1", SIGNALLING)
    assert not RemoteFilter(("192.0.2.1", 0), "192.0.2.1").may_send()


@shared
@pytest.mark.shared
def test_nat_rebinding_in_a_capture() -> None:
    packets = pcap(VECTORS / "seq" / "seq-nat-rebind.pcap")
    first, last = packets[0][1], packets[-1][1]
    plain = RemoteFilter(first, first[0], latch=True)
    assert sum(taken(plain, source, when) for when, source, _ in packets) == 125
    assert plain.target == first
    secure = RemoteFilter(first, first[0], secure=True)
    assert sum(taken(secure, source, when) for when, source, _ in packets) == 250
    assert secure.target == last


@shared
@pytest.mark.shared
def test_the_bleed_probe_is_lawful_rtp_from_the_wrong_place() -> None:
    probe = (VECTORS / "rtp" / "rtp-bleed-probe.bin").read_bytes()
    assert parse(probe).payload == b""
    for gate in (RemoteFilter(SDP, SIGNALLING), RemoteFilter(SDP, SIGNALLING, latch=True)):
        assert not gate.accepts(("203.0.113.9", 5_060), 1.0)
