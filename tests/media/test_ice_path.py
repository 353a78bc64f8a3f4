"""Keeps: a leg on the shared port follows its peer and nobody else, through rebinding, restarts and silence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.media import contract
from bridge.media.ice_path import CHECKS_PER_S, IcePath
from bridge.sdp.transport import PLAIN
from tests.media.bench_port import ICE_AUDIO, KEYS, Guest, PortBench
from tests.media.ports import has_ipv6
from tests.rtc.ends import OURS


@pytest.fixture
def bench() -> Iterator[PortBench]:
    bench = PortBench()
    yield bench
    bench.close()


def connected(bench: PortBench, **how: object) -> Guest:
    guest = bench.guest()
    guest.agree()
    guest.connect()
    assert guest.told(contract.Connected) == [contract.Connected(guest.name, "udp", "AEAD_AES_256_GCM")]
    return guest


def test_nothing_is_sent_or_taken_before_the_handshake(bench: PortBench) -> None:
    guest = bench.guest()
    guest.agree()
    bench.turn()
    guest.talk()
    bench.poll()
    assert bench.drops == {"rtc-address": 1}
    guest.check()
    guest.talk()
    bench.turn()
    assert guest.sent.rtp == guest.sent.rtcp == 0
    assert bench.drops["dtls-not-up"] == 1
    assert not guest.events


def test_sound_both_ways(bench: PortBench) -> None:
    guest = connected(bench)
    before = guest.sent.rtp
    bench.run(1.0, talking=True)
    assert guest.heard() == 50
    assert guest.sent.rtp == before + 50
    assert guest.told(contract.MediaStarted)
    assert not bench.drops


@pytest.mark.parametrize("keys", [None, KEYS])
def test_a_phone_with_ice_needs_no_dtls(bench: PortBench, keys: tuple[object, object] | None) -> None:
    guest = bench.guest()
    guest.agree(dtls=False, keys=KEYS if keys else None)
    guest.connect(dtls=False)
    bench.run(0.5, talking=True)
    assert (guest.heard(), guest.sent.rtp) == (25, 25)
    suite = "AEAD_AES_128_GCM" if keys else ""
    assert guest.told(contract.Connected) == [contract.Connected("g0", "udp", suite)]


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_both_families_on_one_port_number() -> None:
    bench = PortBench(("127.0.0.1", "::1"))
    guests = [bench.guest(), bench.guest("::1"), bench.guest("::1", tcp=True)]
    for guest in guests:
        guest.agree()
        guest.connect()
    bench.run(0.5, talking=True)
    assert [guest.heard() for guest in guests] == [25] * 3
    assert [guest.told(contract.Connected)[0].protocol for guest in guests] == ["udp", "udp", "tcp"]
    bench.close()


def test_a_nat_that_gives_another_port_is_followed_at_once(bench: PortBench) -> None:
    guest = connected(bench)
    bench.run(0.5, talking=True)
    guest.rebind()
    bench.run(0.1, talking=True)
    assert bench.drops == {"rtc-address": 5}  # until a check has proven it
    old = guest.lines[0]
    guest.check(nominate=False)
    begun = bench.now
    while guest.transport._to != guest.line.source:
        bench.turn(talking=True)
    assert bench.now - begun <= 0.2
    old.receive()
    bench.run(0.5, talking=True)
    assert not old.receive()
    assert guest.heard() > 50


def test_another_path_that_is_only_checked_is_not_followed(bench: PortBench) -> None:
    guest = connected(bench)
    bench.run(0.2, talking=True)
    guest.rebind()
    guest.check(nominate=False)
    guest.lines.reverse()
    bench.run(1.0, talking=True)
    assert guest.transport._to == guest.line.source


def test_a_nomination_is_followed_without_a_packet(bench: PortBench) -> None:
    guest = connected(bench)
    bench.run(2.0, talking=True)
    guest.rebind()
    guest.check(nominate=True)
    assert guest.transport._to == guest.line.source
    assert len(guest.told(contract.Connected)) == 2


def test_the_network_is_away_for_ten_seconds(bench: PortBench) -> None:
    guest = connected(bench)
    bench.run(0.5, talking=True)
    for _ in range(500):
        bench.turn()
    assert [event.final for event in guest.told(contract.MediaLost)] == [False]
    guest.rebind()
    guest.check(nominate=False)
    bench.run(0.2, talking=True)
    assert guest.told(contract.MediaBack)
    assert guest.transport._to == guest.line.source
    assert not guest.told(contract.TransportFailed)


def test_who_is_silent_for_thirty_seconds_has_no_path_until_he_checks_again(bench: PortBench) -> None:
    guest = connected(bench)
    for _ in range(1520):
        bench.turn()
    assert guest.told(contract.TransportFailed) == [contract.TransportFailed("g0", "ice-consent")]
    guest.receive()
    sent = guest.sent.rtp
    bench.turn(talking=True)
    assert guest.sent.rtp == sent and guest.heard() == 0
    guest.check()
    bench.run(0.2, talking=True)
    assert guest.heard() == 10
    assert len(guest.told(contract.Connected)) == 2


def test_media_alone_keeps_the_path_of_agents_that_check_no_more(bench: PortBench) -> None:
    guest = connected(bench)
    bench.run(35.0, talking=True, checks_s=100.0)
    assert not guest.told(contract.TransportFailed)


def test_nobody_comes(bench: PortBench) -> None:
    guest = bench.guest()
    guest.agree()
    for _ in range(1520):
        bench.turn()
    assert guest.told(contract.TransportFailed) == [contract.TransportFailed("g0", "ice-timeout")]


def test_an_ice_restart_moves_without_a_gap(bench: PortBench) -> None:
    guest = connected(bench)
    bench.run(0.4, talking=True)
    guest.restart()
    guest.agree()
    bench.run(0.4, talking=True)
    assert guest.heard() == 40
    guest.rebind()
    guest.check()
    bench.run(0.4, talking=True)
    assert guest.heard() == 60
    assert guest.transport._to == guest.line.source
    assert len(guest.told(contract.Connected)) == 2
    assert not bench.drops


def test_a_second_association_takes_over(bench: PortBench) -> None:
    guest = connected(bench)
    bench.run(0.4, talking=True)
    ssrc, sequence = guest.session.sent.ssrc, guest.session.sent.sequence
    guest.begin_anew(OURS)
    bench.run(0.2, talking=True)  # the old connection still talks
    assert guest.heard() == 30
    guest.rebind()
    guest.check()
    moved = guest.transport._to
    guest.lines.reverse()
    bench.run(0.2, talking=True)  # and goes on when the new one has a path
    assert guest.transport._to == moved
    guest.lines.reverse()
    guest.connect()
    guest.ssrc, guest.sequence, guest.timestamp = 78, 9000, 1
    bench.run(0.4, talking=True)
    assert guest.heard() == 60
    assert guest.session.sent.ssrc == ssrc and guest.session.sent.sequence != sequence
    assert len(guest.told(contract.Connected)) == 2
    assert not guest.told(contract.TransportFailed)


def test_the_peer_closes(bench: PortBench) -> None:
    guest = connected(bench)
    assert guest.shake is not None
    for record in guest.shake.close():
        guest.line.send(record)
    bench.turn()
    assert guest.told(contract.TransportFailed) == [contract.TransportFailed("g0", "dtls-closed")]
    guest.receive()
    sent = guest.sent.rtp
    bench.run(0.2, talking=True)
    assert guest.sent.rtp == sent
    assert bench.drops["transport-failed"] == 10
    guest.begin_anew()
    guest.connect()
    assert len(guest.told(contract.Connected)) == 2


def test_we_close(bench: PortBench) -> None:
    guest = connected(bench)
    guest.hang_up()
    guest.receive()
    assert guest.shake is not None and guest.shake.failed == "dtls-closed"
    assert guest.sent.rtcp == 1
    assert not bench.port._legs and not any(bench.port._given)
    guest.talk()
    guest.check()
    assert bench.drops == {"rtc-address": 2, "ice-ufrag": 1}  # its farewell came too late as well


def test_the_wrong_certificate(bench: PortBench) -> None:
    guest = bench.guest()
    guest.agree()
    guest.shake = None
    guest.identity = OURS
    guest.association = 0
    guest.agree()  # the description that we have still names the other one
    guest.connect()
    bench.run(4.0)
    assert guest.told(contract.TransportFailed) == [contract.TransportFailed("g0", "dtls-fingerprint")]
    assert guest.sent.rtp == 0 and not guest.told(contract.Connected)


def test_without_ice_nothing_happens_here(bench: PortBench) -> None:
    guest = bench.guest()
    guest.session.configure(contract.ConfigureLeg("g0", ICE_AUDIO, transport=PLAIN), bench.now)
    assert guest.told(contract.TransportFailed) == [contract.TransportFailed("g0", "ice-not-agreed")]
    bench.turn()


def test_a_storm_of_checks_is_not_answered(bench: PortBench) -> None:
    guest = connected(bench)
    guest.receive()
    before = guest.sent.answers
    for _ in range(300):
        guest.check(nominate=False)
    assert guest.sent.answers - before <= CHECKS_PER_S
    assert bench.drops["over-rate"] >= 200


def test_the_source_of_one_leg_cannot_be_taken_by_another(bench: PortBench) -> None:
    guest, thief = connected(bench), bench.guest()
    thief.agree()
    bench.run(0.2, talking=False)
    guest.talk()
    bench.turn()
    own, thief.lines = thief.lines, guest.lines
    thief.check()
    thief.lines = own
    bench.run(0.2, talking=True)
    assert guest.heard() == 11


def test_a_source_is_given_to_the_next_when_the_last_has_gone_quiet(bench: PortBench) -> None:
    guest, following = connected(bench), bench.guest()
    following.agree(dtls=False, keys=KEYS)
    bench.run(3.0)
    own, following.lines = following.lines, guest.lines
    following.check()
    bench.turn()
    following.talk()
    bench.turn()
    assert following.heard() == 1
    following.lines = own


def test_a_fault_of_ours_costs_one_leg(bench: PortBench, monkeypatch: pytest.MonkeyPatch) -> None:
    guest, other = connected(bench), bench.guest()
    other.agree()
    other.connect()

    def fail(self: IcePath, *_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(guest.transport, "_take_packet", fail)
    bench.run(0.2, talking=True)
    assert len(guest.faults) == 10 and other.heard() == 10
