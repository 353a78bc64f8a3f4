"""Keeps: hostile datagrams at a live leg are rejected and counted by name; the other legs do not notice."""

from __future__ import annotations

import pytest

from tests.media.bench_leg import PEER, PEER_RTCP
from tests.media.bench_room import BenchRoom, Talker
from tests.media.vectors import beside, vectors

KINDS = ("rtp", "rtcp", "tevent", "opus")
REPEATS = 5
STRANGER = ("192.0.2.7", 4004)

pytestmark = [pytest.mark.shared, beside]


@pytest.mark.parametrize("kind", KINDS)
def test_other_legs_do_not_notice(kind: str) -> None:
    victim, speaker, listener = Talker("v", 0.0), Talker("s", 600.0), Talker("l", 0.0)
    room = BenchRoom([victim, speaker, listener], ["v", "s", "l"])
    for _ in range(50):
        room.tick()
    for name, datagram, _ in vectors(kind):
        before = len(listener.rtp)
        for _ in range(REPEATS):
            if kind == "rtcp":
                victim.hear_rtcp(datagram, PEER_RTCP)
            else:
                victim.hear(datagram, PEER)
            room.tick()
        assert len(listener.rtp) == before + REPEATS, name
    for _ in range(60):
        room.tick()
    assert listener.tones() == [600]
    assert not listener.drops and not speaker.drops
    assert len(listener.rtp) == len(victim.rtp)


@pytest.mark.parametrize("kind", KINDS)
def test_each_that_must_be_rejected_is_counted(kind: str) -> None:
    for name, datagram, expected in vectors(kind):
        victim = Talker("v", 0.0)
        room = BenchRoom([victim], ["v"])
        room.tick()
        if kind == "rtcp":
            victim.hear_rtcp(datagram, PEER_RTCP)
        else:
            victim.hear(datagram, STRANGER if name == "rtp-bleed-probe" else PEER)
        for _ in range(60):
            room.tick()
        dropped = sum(victim.drops.values()) + room.drops
        if expected == "reject-packet":
            assert dropped == 1, (name, victim.drops)
        if expected == "accept":
            assert dropped == 0, (name, victim.drops)
        assert len(victim.events) <= 3, name
