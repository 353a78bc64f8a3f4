"""A batch of packets arrives whole along each kind of way, and TCP says when its peer does not read."""

from __future__ import annotations

import struct

import pytest

from bridge.media.ice_path import CROWDED
from bridge.rtp.batch import SLOT, Batch
from tests.media.bench_leg import PEER, BenchLeg
from tests.media.bench_port import KEYS, PortBench

PACKETS = 8


def fill(batch: Batch, first: int = 0, octets: int = 1100) -> list[bytes]:
    """Packets of a picture."""
    packets = [
        struct.pack("!BBHII", 0x80, 96, first + number, 1, 2)
        + bytes((number,)) * (octets if number < 7 else 20)
        for number in range(PACKETS)
    ]
    for number, packet in enumerate(packets):
        batch.view[number * SLOT : number * SLOT + len(packet)] = packet
    batch.sizes = [len(packet) for packet in packets]
    return packets


@pytest.mark.parametrize(("host", "tcp"), [("127.0.0.1", False), ("::1", False), ("127.0.0.1", True)])
def test_along_a_path_of_ice(host: str, tcp: bool) -> None:
    bench = PortBench(("127.0.0.1", "::1"))
    guest = bench.guest(host, tcp)
    guest.agree(dtls=False, keys=KEYS)
    guest.connect(dtls=False)
    bench.turn()
    guest.line.receive()
    batch = Batch()
    sent = fill(batch)
    assert guest.transport.may_send(PACKETS)
    guest.transport.send_batch(batch)
    assert [guest.link.unwrap_rtp(datagram) for datagram in guest.line.receive()] == sent
    assert not bench.drops
    bench.close()


def test_a_tcp_peer_that_does_not_read_is_crowded_until_it_does() -> None:
    bench = PortBench()
    guest = bench.guest(tcp=True)
    guest.agree(dtls=False, keys=KEYS)
    guest.connect(dtls=False)
    bench.turn()
    batch, sent = Batch(), 0
    assert guest.transport.protocol == "tcp"
    while not guest.transport.crowded():
        fill(batch, sent & 0xFFFF)
        guest.transport.send_batch(batch)
        sent += PACKETS
    assert CROWDED < bench.port.waiting(guest.transport._chosen or pytest.fail()) < 65_536
    assert not bench.drops  # sound has room behind it
    received = 0
    while received < sent:
        received += len(guest.line.receive())
        bench.port.wake(bench.now)
    assert not guest.transport.crowded()
    bench.close()


def test_along_ports_of_its_own_and_counted_until_the_peer_has_proven_itself() -> None:
    leg = BenchLeg()
    leg.configure(signalling="198.51.100.1")
    batch, allowed = Batch(), 0
    while leg.transport.may_send(PACKETS):
        fill(batch)
        leg.transport.send_batch(batch)
        allowed += PACKETS
    assert 40 <= allowed <= 50
    assert [to for _, to in leg.rtp] == [PEER] * allowed
    leg.hear()
    assert leg.transport.may_send(PACKETS)
    leg.rtp.clear()
    sent = fill(batch)
    leg.transport.send_batch(batch)
    leg.transport.send_again(sent[0])
    assert [datagram for datagram, _ in leg.rtp] == [*sent, sent[0]]
    assert not leg.transport.crowded()
