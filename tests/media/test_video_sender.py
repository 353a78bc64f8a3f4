"""Pictures to one peer: key frame first, none after a gap, feedback obeyed within bounds."""

from __future__ import annotations

import pytest

from bridge.rtp import rtcp
from bridge.rtp.congestion import Arrivals
from bridge.rtp.rtcp import parse_compound
from bridge.rtp.rtcp_feedback import (
    BitrateNotice,
    BitrateRequest,
    EstimatedBitrate,
    FullIntra,
    Nack,
    PictureLoss,
)
from bridge.sdp.audio import SrtpKey
from bridge.sdp.video import VideoFormat, VideoLimits
from bridge.video.contract import CloseSink, OpenSink, WantKeyFrame
from tests.media.bench_video import BenchVideo
from tests.media.vectors import VECTORS, beside


def test_a_worker_is_told_of_the_stream_and_begins_with_a_key_frame() -> None:
    bench = BenchVideo()
    assert bench.told == [OpenSink("a", "VP8", 1, VideoLimits(), bench.rate)]
    assert bench.show() == []
    assert bench.told_of(WantKeyFrame) == [WantKeyFrame("a")]
    assert len(bench.show(key=True)) == 3
    packets = bench.show()
    assert [packet.marker for packet in packets] == [False, False, True]
    assert {packet.ssrc for packet in packets} == {bench.ssrc}


def test_nothing_is_sent_while_it_rests() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    bench.configure(held=True)
    assert bench.told[-1] == CloseSink("a")
    assert bench.show(key=True) == []
    bench.configure(held=False)
    assert isinstance(bench.told[-1], OpenSink)
    assert bench.show() == []
    assert len(bench.show(key=True)) == 3


def test_another_codec_begins_with_a_key_frame_and_the_same_does_not() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    bench.configure(mid="v", mid_id=3)
    assert len(bench.show()) == 3
    bench.configure(send=VideoFormat("H264", 102, packetization_mode=0))
    assert bench.told[-1] == OpenSink("a", "H264", 0, VideoLimits(), bench.rate)
    assert bench.show() == []
    assert {packet.payload_type for packet in bench.show(key=True)} == {102}


def test_another_worker_is_told_and_begins_with_a_key_frame() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    bench.sender.reopen(bench.now)
    assert len(bench.told_of(OpenSink)) == 2
    assert bench.show() == []


def test_the_end() -> None:
    bench = BenchVideo()
    bench.sender.close()
    assert bench.told[-1] == CloseSink("a")
    assert bench.show(key=True) == []


def test_a_key_frame_leaves_piece_by_piece_and_what_follows_waits() -> None:
    bench = BenchVideo()
    begun = bench.now
    bench.offer(40, key=True)
    assert bench.send() > bench.now
    assert len(bench.take()) < 20
    bench.now += 0.02
    bench.offer()
    packets = bench.drain() + bench.drain()
    assert packets[-1].marker
    assert len({packet.timestamp for packet in packets}) == 2
    assert [packet.sequence for packet in packets] == list(
        range(packets[0].sequence, packets[-1].sequence + 1)
    )
    assert bench.now - begun <= 0.11


def test_what_is_behind_is_overtaken_and_a_key_frame_asked_for() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    for _ in range(10):
        bench.offer(4)
    assert bench.drops["picture-overtaken"] == 1
    assert bench.told_of(WantKeyFrame) == [WantKeyFrame("a")]
    assert bench.drain() == []
    bench.offer(4, key=True)
    assert len(bench.drain()) == 4


def test_a_worker_is_told_only_when_there_is_a_way() -> None:
    bench = BenchVideo(open=False)
    bench.pass_time(1.0)
    assert bench.told == []
    bench.way.open = True
    bench.pass_time(0.2)
    assert len(bench.told_of(OpenSink)) == 1
    assert len(bench.show(key=True)) == 3
    closed = BenchVideo(open=False)
    closed.configure(held=True)
    closed.way.open = True
    closed.pass_time(1.0)
    assert closed.told == []


def test_a_way_that_is_closed_breaks_the_chain() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    bench.way.open = False
    assert bench.show() == []
    bench.way.open = True
    assert bench.show() == []
    assert len(bench.show(key=True)) == 3


def test_a_way_that_is_full_is_waited_for_and_what_is_behind_overtaken() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    bench.way.full = True
    assert bench.show() == []
    bench.way.full = False
    assert len(bench.drain()) == 3
    bench.way.full = True
    for _ in range(10):
        assert bench.show() == []
    assert bench.told_of(WantKeyFrame) == [WantKeyFrame("a")]
    bench.way.full = False
    assert bench.show() == []
    assert len(bench.show(key=True)) == 3


def test_a_thousand_wishes_for_a_key_frame_are_one_a_second() -> None:
    bench = BenchVideo()
    bench.show(key=True)

    def hundred() -> None:
        for number in range(100):
            bench.hear(PictureLoss(1, bench.ssrc))
            bench.hear(FullIntra(1, ((bench.ssrc, number),)))

    bench.pass_time(5.0, hundred)
    assert 4 <= len(bench.told_of(WantKeyFrame)) <= 6


def test_a_wish_that_comes_too_early_is_not_forgotten_unless_a_key_frame_came() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    bench.hear(PictureLoss(1, bench.ssrc))
    bench.hear(PictureLoss(1, bench.ssrc))
    bench.pass_time(1.5)
    assert len(bench.told_of(WantKeyFrame)) == 2
    bench.hear(PictureLoss(1, bench.ssrc))
    bench.show(key=True)
    bench.pass_time(3.0)
    assert len(bench.told_of(WantKeyFrame)) == 2


def test_a_command_is_obeyed_once_and_others_are_not_ours() -> None:
    bench = BenchVideo()
    bench.show(key=True)

    def command() -> None:
        bench.hear(FullIntra(1, ((bench.ssrc, 7), (99, 1))))
        bench.hear(PictureLoss(1, 99))
        bench.hear(FullIntra(1, ((99, 8),)))

    bench.pass_time(1.9, command)
    assert len(bench.told_of(WantKeyFrame)) == 1
    bench.pass_time(3.0)
    command()  # of a peer that does not count
    assert len(bench.told_of(WantKeyFrame)) == 2


def test_what_is_lost_is_sent_again_within_a_tenth_of_the_rate() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    sent = repaired = 0
    for _ in range(250):
        packets = bench.show(5)
        sent += sum(len(packet.payload) for packet in packets)
        bench.hear(Nack(1, bench.ssrc, ((packets[0].sequence, 0xFFFF),)))
        repaired += sum(len(packet.payload) for packet in bench.take())
    assert 0.05 * sent < repaired <= 0.1 * sent + 7_000
    assert bench.drops["resend-over-rate"] > 0


def test_repairs_hold_what_was_lost() -> None:
    bench = BenchVideo()
    sent = bench.show(5, key=True)
    bench.hear(Nack(1, bench.ssrc, ((sent[1].sequence, 0b101),)))
    again = bench.take()
    assert [packet.payload for packet in again] == [
        sent[place].sequence.to_bytes(2, "big") + sent[place].payload for place in (1, 2, 4)
    ]
    assert {(packet.payload_type, packet.ssrc) for packet in again} == {(97, bench.sender.stream.repair_ssrc)}
    assert bench.sender.resent == 3


def test_without_a_stream_of_repairs_the_same_datagram_is_sent_again() -> None:
    key = SrtpKey("AEAD_AES_128_GCM", bytes(28))
    bench = BenchVideo(send=VideoFormat("VP8", 96), srtp_send=key, srtp_receive=key)
    bench.way.protect(bench.agreed, bench.now)
    bench.offer(5, key=True)
    bench.send()
    sent = list(bench.way.rtp)
    bench.hear(Nack(1, bench.ssrc, ((bench.sender.stream.sequence - 4 & 0xFFFF, 1),)))
    assert bench.way.rtp[5:] == sent[1:3]
    bench.now += 2.0
    bench.hear(Nack(1, bench.ssrc, ((bench.sender.stream.sequence - 4 & 0xFFFF, 1),)))
    assert len(bench.way.rtp) == 7


def test_nothing_is_sent_again_where_that_was_not_agreed() -> None:
    bench = BenchVideo(send=VideoFormat("VP8", 96), nack=False)
    sent = bench.show(5, key=True)
    bench.hear(Nack(1, bench.ssrc, ((sent[0].sequence, 0xFFFF),)))
    assert bench.take() == []


def test_the_rate_that_a_worker_is_told_follows_the_peer_twice_a_second_at_most() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    told = len(bench.told)
    rates = iter(range(0, 10_000_000, 50_000))
    bench.pass_time(5.0, lambda: bench.hear(EstimatedBitrate(1, next(rates), ())))
    opened = bench.told_of(OpenSink)[told:]
    assert 3 <= len(opened) <= 10
    bench.hear(EstimatedBitrate(1, 0, ()))
    bench.pass_time(1.0)
    last = bench.told[-1]
    assert isinstance(last, OpenSink)
    assert last.bitrate == 64_000


def test_a_limit_is_obeyed_and_answered() -> None:
    for reduced in (False, True):
        bench = BenchVideo(rtcp_reduced_size=reduced)
        bench.pass_time(1.0)
        bench.hear(BitrateRequest(5, ((bench.ssrc, 200_000), (99, 1))))
        reports = bench.reports()
        bench.pass_time(0.6)
        last = bench.told[-1]
        assert isinstance(last, OpenSink)
        assert last.bitrate == 200_000
        assert reports[-1] == BitrateNotice(bench.ssrc, ((5, 200_000),))
        assert len(reports) == (1 if reduced else 2)
        bench.hear(BitrateRequest(5, ((99, 1),)))
        assert bench.reports() == []
        bench.hear(BitrateRequest(5, ((bench.ssrc, 0),)))
        bench.pass_time(1.0)
        assert bench.rate == 64_000


def test_a_peer_that_asks_without_end_is_not_answered_each_time() -> None:
    bench = BenchVideo()
    bench.pass_time(1.0)
    for n in range(2_000):
        bench.hear(BitrateRequest(5, ((bench.ssrc, 200_000 + 100 * n),)))
    assert len(bench.reports()) <= 20
    bench.pass_time(0.6)
    bench.hear(BitrateRequest(5, ((bench.ssrc, 300_000),)))
    assert bench.reports()[-1] == BitrateNotice(bench.ssrc, ((5, 300_000),))


def test_arrival_times_are_asked_for_and_followed() -> None:
    bench = BenchVideo(transport_cc=True, feedback_id=3, send_limits=VideoLimits(bitrate=2_000_000))
    arrivals, number, told = Arrivals(), 0, [bench.rate]

    def second(delay: float, growth: float = 0.0) -> None:
        """What is sent in a second takes longer and longer."""
        nonlocal number
        begun = bench.now
        for _ in range(25):
            for packet in bench.show(max(1, bench.rate // 200_000), key=not number):
                assert packet.transport_number == number & 0xFFFF
                arrivals.note(number & 0xFFFF, bench.now + delay + growth * (bench.now - begun))
                number += 1
            if (feedback := arrivals.feedback(1, bench.ssrc)) is not None:
                for each in parse_compound(feedback):
                    bench.hear(each)
        bench.pass_time(0.1)
        told.append(bench.rate)

    for _ in range(5):
        second(0.05)
    assert told == sorted(told)
    assert told[-1] > 1.3 * told[0]
    second(0.05, growth=0.5)
    assert told[-1] < 0.9 * told[-2]
    opened = bench.told_of(OpenSink)[-1]
    assert isinstance(opened, OpenSink)
    assert opened.bitrate < 0.6 * told[-2]


def test_a_storm_of_wishes_for_what_was_lost_costs_little() -> None:
    bench = BenchVideo()
    for _ in range(60):
        bench.show(15, key=True)
    begun = len(bench.way.rtp)
    for _ in range(200):
        bench.hear(Nack(1, bench.ssrc, tuple((number, 0xFFFF) for number in range(0, 65_536, 200))))
    assert bench.drops["nack-over-rate"] + bench.drops["resend-over-rate"] >= 199
    assert len(bench.way.rtp) - begun < 10


@beside
@pytest.mark.shared
@pytest.mark.parametrize("name", ["rtcp-nack-storm", "rtcp-remb-zero", "rtcp-pli-unit"])
def test_storms_of_vectors(name: str) -> None:
    octets = (VECTORS / "rtcp" / f"{name}.bin").read_bytes()
    bench = BenchVideo()
    bench.show(40, key=True)
    sent = sum(len(packet.payload) for _ in range(25) for packet in bench.show(5))
    again = 0

    def hear() -> None:
        nonlocal again
        for _ in range(100):
            for packet in parse_compound(octets):
                match packet:  # the storm of a peer of ours
                    case Nack(ssrc, _, items):
                        bench.hear(Nack(ssrc, bench.ssrc, items))
                    case PictureLoss(ssrc, _):
                        bench.hear(PictureLoss(ssrc, bench.ssrc))
                    case _:
                        bench.hear(packet)
        again += sum(len(packet.payload) for packet in bench.take())

    bench.pass_time(3.0, hear)
    assert len(bench.told_of(WantKeyFrame)) <= 4
    assert again <= 0.1 * sent + 7_000
    assert bench.rate >= 64_000


def test_reports_are_those_of_the_stream() -> None:
    bench = BenchVideo()
    bench.show(key=True)
    report = bench.sender.report(bench.now, 5_000.0)
    assert isinstance(report, rtcp.SenderReport)
    assert (report.ssrc, report.packets) == (bench.ssrc, 3)
    assert (bench.sender.packets, bench.sender.octets, bench.sender.pictures) == (3, 2500, 1)
