"""Keeps: what a leg accepts and sends, hold and re-negotiation without a gap, time-outs, keys, reports."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.rtp import rtcp
from bridge.rtp.jitter import UnitKind
from bridge.rtp.link import SdesLink
from bridge.sdp.audio import SrtpKey
from tests.media.bench_leg import PEER, PEER_RTCP, BenchLeg

TO_PEER = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))
FROM_PEER = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(30, 60)))


def heads(sent: list[tuple[bytes, tuple[str, int]]]) -> list[tuple[int, int, int, int]]:
    """(payload type with marker, sequence, timestamp, ssrc) of packets."""
    return [struct.unpack_from("!BHII", datagram, 1) for datagram, _ in sent]


def reports(leg: BenchLeg) -> list[rtcp.RtcpPacket]:
    return [packet for datagram, _ in leg.rtcp for packet in rtcp.parse_compound(datagram, reduced=False)]


# -- in ----------------------------------------------------------------------------------------------


def test_nothing_is_taken_before_the_leg_is_configured() -> None:
    leg = BenchLeg()
    leg.hear()
    leg.hear_rtcp(b"\x80\xc9\x00\x01" + bytes(4))
    leg.send()
    assert leg.drops == {"not-configured": 2}
    assert not leg.rtp and not leg.events


def test_media_started_is_told_once() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.pass_time(1.0, talking=True)
    assert leg.events == [contract.MediaStarted("a")]
    assert leg.session.quality.packets_received == 50
    assert leg.session.quality.packets_lost == 0


def test_what_comes_in_is_played_at_the_next_tick() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.hear(leg.packet(b"\x55" * 160))
    leg.now += 0.005
    (unit,) = leg.session.pop(leg.now)
    assert unit.kind is UnitKind.PACKET and unit.payload == b"\x55" * 160


@pytest.mark.parametrize(
    ("datagram", "name"),
    [
        (b"", "rtp-short"),
        (b"\r\n", "rtp-short"),
        (bytes(40), "rtp-version"),
        (b"\x80\x63" + bytes(170), "rtp-payload-type"),
        (b"\x80\xc9" + bytes(30), "rtp-rtcp-range"),
        (b"\x80\x00" + bytes(10) + bytes(7), "payload-short"),
        (b"\x80\x6f" + bytes(10), ""),
    ],
)
def test_bad_packets_are_named_drops(datagram: bytes, name: str) -> None:
    leg = BenchLeg()
    leg.configure()
    leg.hear(datagram)
    assert leg.drops == ({name: 1} if name else {})


def test_only_the_peer_is_heard_and_no_one_else_is_answered() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.pass_time(0.2, talking=True)
    before = leg.session.quality.packets_received
    for port in (4001, 4002, 50000):
        for _ in range(100):
            leg.hear(leg.packet(), source=("192.0.2.7", port))
            leg.hear(leg.packet(), source=("198.51.100.1", port))
    leg.send(20)
    assert leg.session.quality.packets_received == before
    assert leg.drops == {"rtp-address": 600}
    assert {to for _, to in leg.rtp} == {PEER}


def test_latching_is_learnt_once_and_only_where_allowed() -> None:
    natted = (("198.51.100.9"), 61000)
    leg = BenchLeg()
    leg.configure(remote=("10.0.0.5", 4000), signalling="198.51.100.9", latch=True)
    leg.hear(source=("198.51.100.8", 1))
    leg.hear(b"\x80\x63" + bytes(170), source=natted)  # valid RTP, but of no type that was agreed
    leg.send()
    assert leg.rtp.pop()[1] == ("10.0.0.5", 4000)
    leg.hear(source=natted)
    leg.send()
    assert leg.rtp.pop()[1] == natted
    leg.hear(source=("198.51.100.9", 61001))
    leg.hear(source=("10.0.0.5", 4000))
    leg.send()
    assert leg.rtp.pop()[1] == natted
    assert leg.drops["rtp-address"] == 3


def test_a_flood_is_dropped_before_it_is_unwrapped() -> None:
    leg = BenchLeg()
    leg.configure(srtp_send=TO_PEER, srtp_receive=FROM_PEER)
    for n in range(20_000):
        leg.now += 1 / 20_000
        leg.hear(b"\x80\x00" + n.to_bytes(2, "big") + bytes(170))
    assert leg.drops["srtp-auth"] <= 305
    assert leg.drops["over-rate"] >= 19_600


def test_the_cap_is_three_times_the_agreed_rate() -> None:
    leg = BenchLeg()
    leg.configure(ptime_ms=10)
    for _ in range(2000):
        leg.now += 1 / 1000
        leg.hear()
    assert leg.session.quality.packets_received == pytest.approx(300 + 600, abs=5)


# -- SDES ----------------------------------------------------------------------------------------------


def secure_leg() -> BenchLeg:
    leg = BenchLeg()
    leg.link = SdesLink(FROM_PEER, TO_PEER)
    leg.configure(srtp_send=TO_PEER, srtp_receive=FROM_PEER)
    return leg


def test_sdes_both_ways() -> None:
    leg = secure_leg()
    leg.pass_time(0.2, talking=True)
    leg.send(3)
    assert leg.session.quality.packets_received == 10
    assert all(leg.link.unwrap_rtp(datagram)[12:] == b"\xff" * 160 for datagram, _ in leg.rtp)
    leg.hear(bytes(180))
    leg.hear(BenchLeg().packet())
    assert sum(leg.drops.values()) == 2
    leg.session.say_goodbye(leg.now, 0.0)
    (datagram, to) = leg.rtcp[-1]
    packets = rtcp.parse_compound(leg.link.unwrap_rtcp(datagram), reduced=False)
    assert to == PEER_RTCP and isinstance(packets[-1], rtcp.Bye)


def test_an_authenticated_packet_moves_the_peer_a_forged_one_does_not() -> None:
    leg = secure_leg()
    leg.hear()
    moved = ("203.0.113.5", 5555)
    leg.hear(bytes(12) + bytes(170), source=moved)
    leg.hear(BenchLeg().packet(), source=moved)
    leg.send()
    assert leg.rtp[-1][1] == PEER
    leg.hear(source=moved)
    leg.send()
    assert leg.rtp[-1][1] == moved


def test_new_keys_in_a_re_invite() -> None:
    leg = secure_leg()
    leg.hear()
    other_out, other_in = (SrtpKey("AEAD_AES_128_GCM", bytes([n]) * 28) for n in (1, 2))
    leg.configure(srtp_send=other_out, srtp_receive=other_in)
    leg.link = SdesLink(other_in, other_out)
    leg.hear()
    leg.send()
    assert leg.session.quality.packets_received == 2
    assert leg.link.unwrap_rtp(leg.rtp[-1][0])[12:] == b"\xff" * 160


def test_a_direction_whose_key_stays_keeps_its_roll_over_counter() -> None:
    leg = secure_leg()
    leg.session.sent.sequence = 65_530
    leg.hear()
    leg.send(20)
    assert all(leg.link.unwrap_rtp(datagram)[12:] == b"\xff" * 160 for datagram, _ in leg.rtp)
    other = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(60, 90)))
    replayed = leg.packet()
    leg.hear(replayed)
    leg.configure(srtp_send=TO_PEER, srtp_receive=other)  # the peer has a new key of its own, ours stays
    peer = SdesLink(other, TO_PEER, before=leg.link)
    leg.send()
    assert peer.unwrap_rtp(leg.rtp[-1][0])[12:] == b"\xff" * 160
    leg.link = peer
    leg.hear()
    assert leg.session.quality.packets_received == 3


def test_keys_that_cannot_be_used() -> None:
    leg = BenchLeg()
    with pytest.raises(ProtocolError, match="srtp-suite"):
        leg.configure(srtp_send=SrtpKey("NULL", b""), srtp_receive=SrtpKey("NULL", b""))


# -- out ----------------------------------------------------------------------------------------------


def test_packets_follow_on_each_other() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.send(5)
    for before, after in pairwise(heads(leg.rtp)):
        assert after[0] == before[0] == 0
        assert after[1] - before[1] & 0xFFFF == 1
        assert after[2] - before[2] & 0xFFFFFFFF == 160
        assert after[3] == before[3]


def test_skipped_ticks_are_a_gap_in_time_not_in_numbers() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.send()
    leg.session.leave_out(250)
    leg.send()
    first, second = heads(leg.rtp)
    assert second[1] - first[1] & 0xFFFF == 1
    assert second[2] - first[2] & 0xFFFFFFFF == 251 * 160


def test_codec_change_goes_on_with_the_same_stream() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.hear()
    leg.send()
    leg.configure(codec="opus", payload_type=111)
    leg.hear()
    leg.send(2)
    first, second, third = heads(leg.rtp)
    assert (second[0], third[0]) == (111, 111)
    assert (first[3], second[1] - first[1] & 0xFFFF) == (second[3], 1)
    assert third[2] - second[2] & 0xFFFFFFFF == 960
    assert leg.session.quality.packets_received == 2
    assert leg.session.quality.codec == "opus"


def test_hold_sends_nothing_and_resume_goes_on() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.pass_time(0.1, talking=True)
    leg.send()
    leg.configure(sends=False, receives=False, held=True)
    leg.hear()
    leg.send()
    assert len(leg.rtp) == 1
    assert leg.drops == {"on-hold": 1}
    leg.pass_time(40)
    leg.session.leave_out(250)  # 5 s of those 40 in which no tick came
    leg.configure()
    leg.send(2)
    first, second, third = heads(leg.rtp)
    assert second[1] - first[1] & 0xFFFF == 1
    assert second[2] - first[2] & 0xFFFFFFFF == (1 + 40 * 50) * 160
    assert (first[0], second[0], third[0]) == (0, 0x80, 0)


def test_on_hold_reports_become_those_of_a_receiver_and_time_goes_on_in_them() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.send()
    leg.pass_time(10)
    leg.configure(sends=False, receives=False, held=True)
    leg.pass_time(30)
    kinds = [type(report) for report in reports(leg) if not isinstance(report, rtcp.SourceDescription)]
    assert kinds[0] is rtcp.SenderReport and kinds[-1] is rtcp.ReceiverReport
    leg = BenchLeg()
    leg.configure()
    leg.send()
    leg.configure(sends=False, receives=False, held=True)
    leg.pass_time(10)
    told = [report for report in reports(leg) if isinstance(report, rtcp.SenderReport)]
    ((_, _, began, _),) = heads(leg.rtp)
    assert told[-1].rtp_timestamp - began & 0xFFFFFFFF > 2 * 8000


@pytest.mark.parametrize(
    "remote",
    [
        ("224.0.0.1", 4000),
        ("255.255.255.255", 4000),
        ("0.0.0.0", 4000),
        ("127.0.0.1", 4000),
        ("192.0.2.9", 0),
    ],
)
def test_nothing_is_sent_to_special_addresses(remote: tuple[str, int]) -> None:
    leg = BenchLeg()
    leg.configure(remote=remote, remote_rtcp=remote)
    leg.send(10)
    leg.pass_time(20)
    leg.session.say_goodbye(leg.now, 0.0)
    assert not leg.rtp and not leg.rtcp


def test_nothing_is_sent_to_our_own_ports() -> None:
    leg = BenchLeg()
    leg.own.add(PEER)
    leg.configure()
    leg.send(10)
    assert not leg.rtp


def test_a_silent_victim_gets_fifty_packets_and_no_more() -> None:
    leg = BenchLeg()
    leg.configure(remote=("203.0.113.80", 4000))
    leg.send(500)
    assert len(leg.rtp) == 50
    leg.hear(source=("203.0.113.80", 4000))
    leg.send(500)
    assert len(leg.rtp) == 550


# -- keys ----------------------------------------------------------------------------------------------


def press(leg: BenchLeg, event: int, ends: int = 3) -> None:
    leg.timestamp += 160
    for n in range(1, 4):
        leg.hear(leg.packet(struct.pack("!BBH", event, 10, n * 160), 101, step=0))
    for _ in range(ends):
        leg.hear(leg.packet(struct.pack("!BBH", event, 0x8A, 640), 101, step=0))


def test_each_key_is_told_once() -> None:
    leg = BenchLeg()
    leg.configure()
    for event in (1, 2, 2, 11):
        press(leg, event)
        leg.pass_time(0.2, talking=True)
    assert leg.told(contract.Digit) == [contract.Digit("a", digit) for digit in "122#"]


def test_a_key_whose_end_is_lost_is_told_by_time() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.hear()
    press(leg, 7, ends=0)
    assert not leg.told(contract.Digit)
    leg.pass_time(0.5)
    assert leg.told(contract.Digit) == [contract.Digit("a", "7")]


def test_keys_are_sent_in_the_place_of_sound() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.session.send_digit("5")
    leg.session.send_digit("x")
    leg.send(20)
    kinds = [head[0] & 127 for head in heads(leg.rtp)]
    events = [datagram[12:] for datagram, _ in leg.rtp if datagram[1] & 127 == 101]
    assert kinds[0] == 101 and kinds[-1] == 0
    assert heads(leg.rtp)[0][0] & 128
    assert {event[0] for event in events} == {5}
    assert sum(event[1] >> 7 for event in events) == 3
    assert leg.drops == {"digit-not-sent": 1}
    leg.configure(event_send=None)
    leg.session.send_digit("5")
    assert leg.drops == {"digit-not-sent": 2}


# -- time ----------------------------------------------------------------------------------------------


def test_rtp_time_out() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.pass_time(3.0, talking=True)
    leg.pass_time(6.0)
    warned = leg.told(contract.MediaLost)
    assert len(warned) == 1 and not getattr(warned[0], "final", True)
    leg.hear()
    assert leg.told(contract.MediaBack) == [contract.MediaBack("a")]
    leg.pass_time(40.0)
    lost = [event for event in leg.events if isinstance(event, contract.MediaLost)]
    assert [event.final for event in lost] == [False, False, True]
    assert lost[-1].seconds == pytest.approx(30.0, abs=0.1)


def test_a_leg_that_never_speaks_times_out_too() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.pass_time(31.0)
    lost = [event for event in leg.events if isinstance(event, contract.MediaLost)]
    assert [event.final for event in lost] == [False, True]


def test_reports_alone_keep_a_leg() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.hear()
    for _ in range(30):
        leg.pass_time(4.0)
        leg.hear_rtcp(rtcp.serialise(rtcp.ReceiverReport(77)))
    assert not leg.told(contract.MediaLost)


def test_a_held_leg_has_half_an_hour() -> None:
    leg = BenchLeg()
    leg.configure(sends=False, receives=False, held=True)
    leg.pass_time(1790.0)
    assert not leg.told(contract.MediaLost)
    leg.pass_time(20.0)
    (lost,) = leg.told(contract.MediaLost)
    assert isinstance(lost, contract.MediaLost) and lost.final


# -- reports ----------------------------------------------------------------------------------------------


def test_reports_go_out_at_random_distances_around_five_seconds() -> None:
    leg = BenchLeg()
    leg.configure()
    times: list[float] = []
    for _ in range(200 * 50):
        count = len(leg.rtcp)
        leg.send()
        leg.pass_time(0.02, talking=True)
        if len(leg.rtcp) > count:
            times.append(leg.now)
    gaps = [after - before for before, after in pairwise(times)]
    assert 4.0 < sum(gaps) / len(gaps) < 6.0
    assert 2.4 < min(gaps) < 4.0 and 6.0 < max(gaps) < 7.6


def test_a_report_says_who_what_and_how_much() -> None:
    leg = BenchLeg()
    leg.configure()
    for n in range(500):
        leg.send()
        if n % 10 == 9:  # the peer's packet is lost on the way
            leg.packet()
            leg.pass_time(0.02)
        else:
            leg.pass_time(0.02, talking=True)
    assert {to for _, to in leg.rtcp} == {PEER_RTCP}
    last = rtcp.parse_compound(leg.rtcp[-1][0], reduced=False)
    report, description = last
    assert isinstance(report, rtcp.SenderReport)
    assert report.ssrc == heads(leg.rtp)[0][3]
    assert report.octets == report.packets * 160
    (block,) = report.blocks
    assert block.ssrc == 77
    assert 0.05 < block.fraction_lost / 256 < 0.15
    assert isinstance(description, rtcp.SourceDescription)
    ((ssrc, items),) = description.chunks
    assert ssrc == report.ssrc and items[0][0] == rtcp.CNAME and len(items[0][1]) >= 16


def test_round_trip_and_remote_loss_are_learnt_from_reports() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.send(100)
    leg.pass_time(8.0, talking=True)
    sent = next(packet for packet in reports(leg) if isinstance(packet, rtcp.SenderReport))
    middle = sent.ntp >> 16 & 0xFFFFFFFF
    block = rtcp.ReportBlock(sent.ssrc, 26, 10, 100, 0, middle, 65536)
    stranger = rtcp.ReportBlock(1, 255, 1000, 100, 0, 0, 0)
    leg.hear_rtcp(rtcp.serialise(rtcp.ReceiverReport(77, (stranger,))))
    leg.hear_rtcp(rtcp.serialise(rtcp.ReceiverReport(77, (stranger, block))))
    assert leg.losses == [pytest.approx(0.1, abs=0.01)]
    assert leg.session.quality.remote_lost_fraction == pytest.approx(0.1)
    assert 0.0 < leg.session.quality.round_trip_ms < 8000.0


def test_rtcp_shares_the_rtp_port_when_agreed() -> None:
    leg = BenchLeg()
    leg.configure(rtcp_mux=True)
    leg.send()
    leg.hear()
    leg.hear(rtcp.serialise(rtcp.ReceiverReport(77)))
    leg.pass_time(8.0)
    leg.session.say_goodbye(leg.now, 0.0)
    assert not leg.drops and not leg.rtcp
    (datagram, to) = leg.rtp[-1]
    assert to == PEER and isinstance(rtcp.parse_compound(datagram)[-1], rtcp.Bye)


def test_rtcp_floods_and_rubbish_are_counted() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.hear_rtcp(b"\x80\xc9")
    leg.hear_rtcp(rtcp.serialise(rtcp.ReceiverReport(77)), source=("198.51.100.1", 9))
    for _ in range(1000):
        leg.hear_rtcp(rtcp.serialise(rtcp.ReceiverReport(77)))
    assert leg.drops["rtcp-short"] == 1
    assert leg.drops["rtcp-address"] == 1
    assert leg.drops["over-rate"] >= 940


def test_bye_lets_the_next_source_in_at_once() -> None:
    leg = BenchLeg()
    leg.configure()
    leg.hear()
    leg.hear_rtcp(rtcp.serialise(rtcp.Bye((77,))))
    leg.hear(leg.packet(ssrc=88))
    assert not leg.drops
    assert leg.session.received.ssrc == 88
