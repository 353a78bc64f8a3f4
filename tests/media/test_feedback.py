"""Keeps: who numbers its packets transport-wide hears five times a second when they came (transport-cc)."""

from __future__ import annotations

import pytest

from bridge.rtp import rtcp
from bridge.rtp.rtcp_feedback import TransportWide
from tests.media.bench_leg import BenchLeg

FEEDBACK_ID = 5


def numbered(leg: BenchLeg, number: int) -> bytes:
    extension = bytes.fromhex("bede0001 51") + number.to_bytes(2, "big") + b"\0"
    return leg.packet(extension=extension)


def talk(leg: BenchLeg, seconds: float, first: int = 65_530) -> None:
    for n in range(round(seconds * 50)):
        leg.hear(numbered(leg, first + n & 0xFFFF))
        leg.pass_time(0.02)


@pytest.mark.parametrize("reduced", [False, True])
def test_every_packet_is_told_of_five_times_a_second(reduced: bool) -> None:
    leg = BenchLeg()
    leg.configure(feedback_id=FEEDBACK_ID, rtcp_mux=True, rtcp_reduced_size=reduced)
    talk(leg, 1.0)
    told: list[TransportWide] = []
    for datagram, _ in leg.rtp:
        packets = rtcp.parse_compound(datagram)
        told += [packet for packet in packets if isinstance(packet, TransportWide)]
        if isinstance(packets[-1], TransportWide):
            assert len(packets) == (1 if reduced else 2)
    assert 4 <= len(told) <= 7
    assert told[0].base == 65_530
    assert sum(each.count for each in told) in range(38, 51)
    assert {each.ssrc for each in told} == {leg.session.sent.ssrc}
    assert {each.media_ssrc for each in told} == {77}


def test_nothing_is_told_when_nothing_comes_or_nothing_was_agreed() -> None:
    leg = BenchLeg()
    leg.configure(rtcp_mux=True)
    talk(leg, 1.0)
    assert not [1 for datagram, _ in leg.rtp if datagram[1] == 205]
    leg.configure(feedback_id=FEEDBACK_ID, rtcp_mux=True)
    talk(leg, 0.2)
    leg.pass_time(0.2)
    leg.rtp.clear()
    leg.pass_time(1.0)
    assert not [
        1
        for datagram, _ in leg.rtp
        if any(isinstance(packet, TransportWide) for packet in rtcp.parse_compound(datagram))
    ]
