"""Keeps: nobody can probe, inject, flood or spoil a handshake at the shared port, whatever he sends (M-01 to M-06)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from bridge.media import contract
from bridge.media.endpoint import LONGEST_DATAGRAM
from bridge.rtp.link import SdesLink
from tests.media.bench_port import KEYS, Guest, PortBench
from tests.media.vectors import beside, vectors
from tests.rtc.checks import check

HOSTILE = [
    b"",
    b"\0",
    b"\x80",
    b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x80\0" + bytes(170),
    b"\x80\xc9\0\x01" + bytes(4),
    b"\x16\xfe\xff" + bytes(60),
    b"\x15\xfe\xfd\0\0\0\0\0\0\0\1\0\2\2\x28",
    b"\0\3\0\0\x21\x12\xa4\x42" + bytes(12),  # TURN: Allocate
    b"\x40\0\0\4abcd",  # TURN: ChannelData
    check(fingerprint=False),
    bytes(LONGEST_DATAGRAM),
]


@pytest.fixture
def bench() -> Iterator[PortBench]:
    bench = PortBench()
    yield bench
    bench.close()


def connected(bench: PortBench) -> Guest:
    guest = bench.guest()
    guest.agree()
    guest.connect()
    return guest


def hostile() -> list[bytes]:
    """Ours and those beside the project."""
    return HOSTILE + [
        datagram for kind in ("dtls", "stun", "rtp", "rtcp") for _, datagram, _ in vectors(kind)
    ]


def test_a_prober_gets_nothing(bench: PortBench) -> None:
    """M-01: before, during and after a call."""
    prober = bench.stranger()
    guest = bench.guest()
    for stage in range(3):
        for datagram in hostile():
            prober.send(datagram[:60_000])
        bench.run(0.1, talking=stage == 1)
        if stage == 0:
            guest.agree()
            guest.connect()
        if stage == 1:
            guest.hang_up()
    assert prober.receive() == []
    assert guest.heard() == 5
    unknown = {"rtc-address", "ice-ufrag", "too-long"}
    assert all(name in unknown or name.startswith("stun-") for name in bench.drops)


def test_nothing_is_injected(bench: PortBench) -> None:
    """M-02: the right source, type and running numbers, from a third address; even the right bytes."""
    guest = connected(bench)
    thief = bench.stranger()
    bench.run(0.2, talking=True)
    for _ in range(2000):
        thief.send(guest.packet())
    bench.run(0.2)
    assert guest.heard() == 10
    assert bench.drops == {"rtc-address": 2000}


@pytest.mark.parametrize("pace", [1, 5])
def test_the_hello_race(bench: PortBench, pace: int) -> None:
    """M-04: records of DTLS from elsewhere, and from the peer's own path, while fifty connect."""
    records = [datagram for datagram in hostile() if datagram and 20 <= datagram[0] < 64]
    rng = random.Random(pace)
    sprayers = [bench.stranger() for _ in range(4)]
    guests = [bench.guest() for _ in range(50)]
    for at, guest in enumerate(guests):
        guest.agree()
        for sprayer in sprayers:
            sprayer.send(rng.choice(records))
        guest.check()
        for _ in range(pace):
            guest.line.send(rng.choice(records))  # forged with the peer's address
        guest.say_hello()
        for sprayer in sprayers:
            sprayer.send(rng.choice(records))
        if at % 5 == 4:
            bench.turn()
    bench.run(1.0)
    assert [len(guest.told(contract.Connected)) for guest in guests] == [1] * 50
    assert all(not sprayer.receive() for sprayer in sprayers)
    bench.run(0.2, talking=True)
    assert [guest.heard() for guest in guests] == [10] * 50


@pytest.mark.shared
@beside
def test_a_connected_leg_does_not_mind_records_of_others(bench: PortBench) -> None:
    guest = connected(bench)
    for _, datagram, _ in vectors("dtls") * 5:
        guest.line.send(datagram)
        bench.turn(talking=True)
    assert guest.heard() == 60
    assert not guest.told(contract.TransportFailed)


def test_bad_srtp_from_elsewhere_hurts_nobody(bench: PortBench) -> None:
    """M-05."""
    guest = connected(bench)
    flooder = bench.stranger()
    rng = random.Random(1)
    for _ in range(100):
        for _ in range(200):
            flooder.send(b"\x80\0" + rng.randbytes(180))
        bench.turn(talking=True)
    assert guest.heard() == 100
    assert bench.drops == {"rtc-address": 20_000}


def test_bad_srtp_with_the_peers_own_address(bench: PortBench) -> None:
    guest = connected(bench)
    rng = random.Random(2)
    guest.talk()
    bench.turn()
    for _ in range(50):
        for _ in range(200):
            guest.line.send(b"\x80\0" + rng.randbytes(180))
        bench.turn(talking=True)
    assert guest.heard() == 51
    assert bench.drops.keys() == {"srtp-auth", "over-rate"}
    assert bench.drops["srtp-auth"] <= 110
    assert not guest.told(contract.TransportFailed)


def test_more_than_three_times_the_rate_is_not_even_decrypted(bench: PortBench) -> None:
    """S-10: of a leg that floods; the others do not notice."""
    guest, other = connected(bench), bench.guest()
    other.agree()
    other.connect()
    for _ in range(100):
        for _ in range(399):
            guest.talk()
        bench.turn(talking=True)
    assert guest.heard() <= 150 + 2 * 150 + 5
    assert bench.drops["over-rate"] >= 39_000
    assert other.heard() == 100
    assert not {"srtp-auth", "srtp-replay"} & bench.drops.keys()


def test_wrap_and_replay(bench: PortBench) -> None:
    """M-06: over the wrap of sequence numbers; a second copy counts for nothing."""
    guest = connected(bench)
    guest.sequence = 65_500
    copies = []
    for _ in range(250):
        packet = guest.packet()
        copies.append(packet)
        guest.line.send(packet)
        bench.turn()
    assert guest.heard() == 250
    for packet in copies[-50:]:
        guest.line.send(packet)
        bench.turn()
    assert guest.heard() == 250
    assert bench.drops == {"srtp-replay": 50}


def test_keys_of_another_leg_open_nothing(bench: PortBench) -> None:
    guest, other = bench.guest(), bench.guest()
    guest.agree(dtls=False, keys=KEYS)
    other.agree(dtls=False, keys=(KEYS[1], KEYS[0]))
    for each in (guest, other):
        each.connect(dtls=False)
    other.link = SdesLink(KEYS[1], KEYS[0])
    other.talk()
    bench.turn()
    assert bench.drops == {"srtp-auth": 1}


@pytest.mark.shared
@beside
@pytest.mark.parametrize("kind", ["stun", "dtls", "rtp", "rtcp"])
def test_vectors_from_the_peer_itself(bench: PortBench, kind: str) -> None:
    guest, other = connected(bench), bench.guest()
    other.agree()
    other.connect()
    for _, datagram, _ in vectors(kind) * 3:
        guest.line.send(datagram[:LONGEST_DATAGRAM])
        bench.turn(talking=True)
    assert not guest.faults and not other.faults
    assert not guest.told(contract.TransportFailed)
    assert other.heard() == 3 * len(vectors(kind))
