"""A stream goes on through whatever its source does: wrap, restart, new SSRC, jumping timestamps, pauses, codec
changes; and it is reported as RFC 3550 says."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bridge.errors import ProtocolError
from bridge.rtp import rtcp
from bridge.rtp.packet import RtpPacket
from bridge.rtp.receive_stream import ReceiveStream
from bridge.rtp.units import UnitKind
from tests.rtp.playback import VECTORS, Arrival, Heard, captured, impair, play, shared, speech

FORMATS = {0: "PCMU", 8: "PCMA", 13: "CN", 111: "opus"}
GAPS = (UnitKind.CONCEAL, UnitKind.SILENCE)


def stream() -> ReceiveStream:
    return ReceiveStream(FORMATS, 101)


def refused(receiver: ReceiveStream, packet: RtpPacket, now: float = 1.0) -> str:
    with pytest.raises(ProtocolError) as fault:
        receiver.push(packet, now)
    return fault.value.name


def all_heard(receiver: ReceiveStream, packets: list[Arrival]) -> Heard:
    heard = play(packets, receiver)
    assert len(heard.played) == len(packets)
    return heard


# -- what sources do --


def test_the_wrap_of_numbers_and_timestamps() -> None:
    receiver = stream()
    heard = all_heard(receiver, speech(300, sequence=65_400, timestamp=(1 << 32) - 8_000))
    assert heard.longest_ms(*GAPS) == 0
    assert receiver.lost == 0
    assert receiver.resynced == 0


def test_a_new_source_is_followed_at_its_second_packet() -> None:
    receiver = stream()
    old = speech(100)
    new = speech(100, start=102.0, ssrc=0x55667788, sequence=9, timestamp=77_777, first=100)
    heard = play(old + new, receiver)
    assert heard.drops == {"rtp-new-source": 1}
    assert min(at for index, at in heard.played.items() if index >= 100) <= 102.06
    assert heard.longest_ms(*GAPS) <= 40
    assert receiver.ssrc == 0x55667788
    assert receiver.packets == 200
    assert receiver.lost == 0
    block = receiver.report_block(110.0)
    assert block is not None
    assert (block.ssrc, block.lost, block.highest) == (0x55667788, 0, 108)


def test_strays_of_another_source_change_nothing() -> None:
    receiver = stream()
    strays = speech(30, ssrc=7, start=100.011)
    heard = play(speech(100) + [Arrival(a.when, a.packet, a.index + 500) for a in strays], receiver)
    assert set(heard.played) == set(range(100))
    assert heard.drops == {"rtp-new-source": 30}
    assert heard.longest_ms(*GAPS) == 0


def test_a_source_that_said_goodbye_is_replaced_at_once() -> None:
    receiver = stream()
    (first,) = speech(1)
    receiver.push(first.packet, 100.0)
    receiver.on_bye((9,))
    assert refused(receiver, first.packet._replace(ssrc=5), 100.02) == "rtp-new-source"
    receiver.on_bye((first.packet.ssrc,))
    receiver.push(first.packet._replace(ssrc=5), 100.02)
    assert receiver.ssrc == 5


def test_a_restart_with_the_same_ssrc() -> None:
    """Number and timestamp begin somewhere else: one packet is lost to caution, then sound goes on."""
    receiver = stream()
    old = speech(100, sequence=60_000, timestamp=5)
    new = speech(100, start=102.0, sequence=3, timestamp=1 << 31, first=100)
    heard = play(old + new, receiver)
    assert heard.drops == {"rtp-sequence-jump": 1}
    assert heard.longest_ms(*GAPS) <= 40
    assert len(heard.played) == 199


@pytest.mark.parametrize("jump", [2_000_000_000, -160 * 60, -(1 << 31), 8_000 * 3, 160 * 16])
def test_timestamps_that_jump_are_not_waited_for(jump: int) -> None:
    receiver = stream()
    packets = speech(100)
    packets += [
        Arrival(a.when + 2, a.packet._replace(timestamp=(a.packet.timestamp + jump) & 0xFFFFFFFF), a.index)
        for a in speech(100, sequence=1_100, timestamp=16_000, first=100)
    ]
    heard = all_heard(receiver, packets)
    assert heard.longest_ms(*GAPS) == 0
    assert receiver.resynced == 1


def test_timestamps_that_stand_still() -> None:
    packets = [Arrival(a.when, a.packet._replace(timestamp=5), a.index) for a in speech(200)]
    heard = all_heard(stream(), packets)
    assert heard.longest_ms(*GAPS) == 0


def test_slightly_wrong_timestamps_are_played_as_they_come() -> None:
    """Some senders count by their clock, not by samples."""
    packets = [
        Arrival(
            a.when,
            a.packet._replace(timestamp=a.packet.timestamp + (0, 3, -5, 8)[a.index % 4] + 100),
            a.index,
        )
        for a in speech(400)
    ]
    heard = all_heard(stream(), packets)
    assert heard.longest_ms(*GAPS) == 0


def test_another_codec_in_mid_stream() -> None:
    receiver = stream()
    first = speech(50)
    second = speech(50, start=101.0, payload_type=8, sequence=1_050, timestamp=8_000, first=50)
    third = speech(
        50,
        start=102.0,
        payload_type=111,
        clock_rate=48_000,
        sequence=1_100,
        timestamp=77,
        first=100,
        payload=bytes((9 << 3, 1, 2, 3)),
    )
    heard = all_heard(receiver, first + second + third)
    assert heard.longest_ms(*GAPS) == 0
    types = [unit.payload_type for _, unit in heard.units if unit.kind is UnitKind.PACKET]
    assert types == [0] * 50 + [8] * 50 + [111] * 50


def test_another_packet_length_in_mid_stream() -> None:
    packets = speech(50) + speech(50, start=101.0, ms=30, sequence=1_050, timestamp=8_000, first=50)
    packets += speech(50, start=102.5, ms=10, sequence=1_100, timestamp=20_000, first=100)
    heard = all_heard(stream(), packets)
    assert heard.longest_ms(*GAPS) <= 20


@pytest.mark.parametrize("pause", [0.1, 0.9, 2.0, 50.0])
@pytest.mark.parametrize("numbers_run_on", [False, True])
def test_a_pause_is_not_loss(pause: float, numbers_run_on: bool) -> None:
    receiver = stream()
    skipped = round(pause / 0.02)
    after = speech(
        100,
        start=102.0 + pause,
        sequence=1_100 + (skipped if numbers_run_on else 0),
        timestamp=16_000 + 160 * skipped,
        first=100,
    )
    heard = all_heard(receiver, speech(100) + after)
    assert heard.played[100] <= 102.0 + pause + 0.03
    if not numbers_run_on:
        assert receiver.buffer.counters.missed == 0
    if pause > 0.8 or not numbers_run_on:
        assert receiver.lost == 0


def test_a_clock_that_drifted_in_a_long_pause() -> None:
    """As after half an hour on hold at 200 ppm."""
    for drift in (0.36, -0.36):
        after = speech(200, start=130.0 + drift, sequence=1_100, timestamp=8_000 * 30, first=100)
        heard = all_heard(stream(), speech(100) + after)
        assert heard.played[100] - (130.0 + drift) <= 0.03
        assert heard.longest_ms(*GAPS, since=131) == 0


def test_keys_between_packets_are_not_loss() -> None:
    receiver = stream()
    packets = speech(50)
    for place in range(8):
        event = RtpPacket(101, place == 0, 1_050 + place, 8_000, 0x11223344, b"\x05\x0a\0\xa0", None)
        packets.append(Arrival(101 + place * 0.02, event))
    packets += speech(50, start=101.16, sequence=1_058, timestamp=8_000 + 8 * 160, first=50)
    heard = play(packets, receiver)
    assert len(heard.played) == 100
    assert receiver.buffer.counters.missed == 0
    assert heard.longest_ms(UnitKind.CONCEAL) == 0
    assert heard.longest_ms(UnitKind.SILENCE) == 160
    assert receiver.lost == 0


def test_keys_beside_the_sound() -> None:
    """Some senders go on with the sound under a key; both share the numbers."""
    packets = []
    for index, arrival in enumerate(speech(100)):
        packets.append(Arrival(arrival.when, arrival.packet._replace(sequence=2 * index), index))
        event = RtpPacket(101, False, 2 * index + 1, 8_000, 0x11223344, b"\x05\x0a\0\xa0", None)
        packets.append(Arrival(arrival.when, event))
    heard = play(packets, stream())
    assert len(heard.played) == 100
    assert heard.longest_ms(*GAPS) == 0


def test_what_was_not_negotiated() -> None:
    receiver = stream()
    (first,) = speech(1)
    assert refused(receiver, first.packet._replace(payload_type=9)) == "rtp-payload-type"
    assert ReceiveStream({0: "PCMU"}).ssrc is None
    assert refused(ReceiveStream({0: "PCMU"}), first.packet._replace(payload_type=101)) == "rtp-payload-type"
    receiver.push(first.packet, 1.0)
    receiver.configure({9: "G722"})
    assert refused(receiver, first.packet._replace(sequence=1_001)) == "rtp-payload-type"
    receiver.push(first.packet._replace(payload_type=9, sequence=1_001, timestamp=160), 1.02)
    with pytest.raises(KeyError):
        receiver.configure({96: "L16"})


def test_a_bad_payload_costs_itself_only() -> None:
    receiver = stream()
    packets = speech(100)
    packets[50] = Arrival(packets[50].when, packets[50].packet._replace(payload=b"123"), 50)
    heard = play(packets, receiver)
    assert heard.drops == {"payload-short": 1}
    assert len(heard.played) == 99
    assert receiver.lost == 0


def test_empty_packets_keep_alive_only() -> None:
    packets = speech(100)
    packets[50] = Arrival(packets[50].when, packets[50].packet._replace(payload=b""), 50)
    receiver = stream()
    heard = play(packets, receiver)
    assert len(heard.played) == 99
    assert receiver.buffer.counters.missed == 0
    fresh = stream()
    fresh.push(packets[50].packet, 1.0)
    assert fresh.packets == 1


def test_duplicates_are_played_once() -> None:
    packets = speech(250)
    doubles = [Arrival(a.when + 0.001, a.packet, a.index) for a in packets if a.index % 10 == 0]
    receiver = stream()
    heard = play(packets + doubles, receiver)
    assert len(heard.played) == 250
    assert heard.drops == {"rtp-duplicate": 25}
    assert receiver.duplicates == 25
    assert (receiver.packets, receiver.lost) == (250, 0)


def test_very_old_packets_are_refused() -> None:
    receiver = stream()
    packets = speech(60, ms=60)
    for arrival in packets[:5] + packets[6:]:
        receiver.push(arrival.packet, arrival.when)
    assert refused(receiver, packets[5].packet, packets[-1].when) == "rtp-late"


# -- the vectors --


def vector(name: str) -> tuple[Heard, ReceiveStream, list[Arrival]]:
    packets = captured(VECTORS / "seq" / f"seq-{name}.pcap")
    receiver = stream()
    return play(packets, receiver), receiver, packets


@shared
@pytest.mark.shared
class TestVectors:
    def test_codec_switch(self) -> None:
        heard, _, _ = vector("codec-switch")
        assert heard.longest_ms(*GAPS) <= 40
        assert len(heard.played) == 250

    def test_drift(self) -> None:
        heard, receiver, _ = vector("drift-plus-2000ppm")
        seconds = [
            [depth for at, depth in heard.depths if begin <= at - heard.depths[0][0] < begin + 1]
            for begin in range(12)
        ]
        means = [sum(depths) / len(depths) for depths in seconds]
        assert max(means) - means[0] <= 20.5
        assert receiver.buffer.counters.shrunk == 1
        assert len(heard.played) == 600

    def test_dtx_gaps(self) -> None:
        heard, receiver, packets = vector("dtx-gaps")
        assert receiver.lost == 0
        for before, after in pairwise(packets):
            if after.when - before.when > 1:
                assert heard.played[after.index] - after.when <= 0.06

    def test_duplicates(self) -> None:
        heard, receiver, _ = vector("duplicates")
        assert len(heard.played) == 250
        assert heard.drops == {"rtp-duplicate": 170}
        assert receiver.lost == 0

    def test_late_burst(self) -> None:
        heard, receiver, packets = vector("late-burst")
        burst = max(a.when for a, b in pairwise(packets) if b.when - a.when < 0.001)
        assert max(depth for at, depth in heard.depths if at > burst + 2) < 150
        assert max(depth for at, depth in heard.depths) < 150
        assert receiver.lost == 0  # late is not lost

    def test_ssrc_change(self) -> None:
        heard, receiver, packets = vector("ssrc-change")
        changed = next(a.when for a in packets if a.packet.ssrc == 0x55667788)
        first = min(
            heard.played[a.index] for a in packets if a.packet.ssrc == 0x55667788 and a.index in heard.played
        )
        assert first - changed <= 0.06
        assert receiver.lost == 0

    def test_timestamp_jump(self) -> None:
        heard, receiver, _ = vector("timestamp-jump")
        assert heard.longest_ms(*GAPS) <= 100
        assert len(heard.played) == 250
        assert not receiver.buffer._packets

    def test_wrap(self) -> None:
        heard, receiver, _ = vector("wrap")
        assert len(heard.played) == 250
        assert heard.longest_ms(*GAPS) == 0
        assert receiver.lost == 0


# -- reports --


def test_interarrival_jitter() -> None:
    """Packets that are alternately 0 and 10 ms late: the mean difference is 10 ms (RFC 3550 A.8)."""
    receiver = stream()
    for arrival in impair(speech(500), dict.fromkeys(range(0, 500, 2), 0.01)):
        receiver.push(arrival.packet, arrival.when)
    block = receiver.report_block(200.0)
    assert block is not None
    assert block.jitter == pytest.approx(80, abs=2)
    assert receiver.jitter_s == pytest.approx(0.01, abs=0.0003)


def test_a_report_block_tells_loss_and_the_last_sender_report() -> None:
    receiver = stream()
    assert receiver.report_block(1.0) is None
    for arrival in impair(speech(100), {}, range(10, 20)):
        receiver.push(arrival.packet, arrival.when)
    receiver.on_sender_report(rtcp.SenderReport(0x11223344, 0xAAAABBBBCCCCDDDD, 0, 0, 0), 105.0)
    receiver.on_sender_report(rtcp.SenderReport(0x999, 1, 0, 0, 0), 105.0)
    block = receiver.report_block(105.5)
    assert block == rtcp.ReportBlock(0x11223344, (10 << 8) // 100, 10, 1_099, 0, 0xBBBBCCCC, 32_768)
    again = receiver.report_block(106.5)
    assert again is not None
    assert (again.fraction_lost, again.lost) == (0, 10)
