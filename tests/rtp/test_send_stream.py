"""What we send: numbers and times go on whatever happens, and reports say what was sent and how it is received."""

from __future__ import annotations

import pytest

from bridge.rtp import rtcp
from bridge.rtp.dtmf import DtmfSender
from bridge.rtp.packet import parse
from bridge.rtp.receive_stream import ReceiveStream
from bridge.rtp.send_stream import SendStream, compose_report

FORMATS = {0: "PCMU"}


def stream() -> ReceiveStream:
    return ReceiveStream(FORMATS, 101)


def test_packets_that_we_send() -> None:
    sender = SendStream(0xCAFE, 0, 8_000, sequence=65_535, timestamp=(1 << 32) - 160)
    first = parse(sender.packetise(b"\xff" * 160, 960, marker=True))
    sender.skip(4_800)
    second = parse(sender.packetise(b"\xff" * 160, 960))
    sender.configure(111, 48_000)
    third = parse(sender.packetise(b"abc", 960))
    fourth = parse(sender.packetise(b"abc", 960))
    assert first[:5] == (0, True, 65_535, (1 << 32) - 160, 0xCAFE)
    assert second[:5] == (0, False, 0, 800, 0xCAFE)
    assert third[:5] == (111, False, 1, 960, 0xCAFE)
    assert fourth.timestamp == 1_920
    assert (sender.packets, sender.octets) == (4, 326)


def test_level_and_mid_are_told_until_the_peer_knows_the_stream() -> None:
    sender = SendStream(7, 111, 48_000)
    sender.configure(111, 48_000, level_id=1, mid_id=4, mid="audio")
    loud = sender.packetise(b"abc", 960, level=12)
    assert loud[12:28] == bytes.fromhex("bede0002 108c 44") + b"audio" + b"abc"
    assert parse(loud, level_id=1)[5:7] == (b"abc", 12)
    assert parse(sender.packetise(b"abc", 960, level=90), level_id=1).level == 90
    sender.on_report((rtcp.ReportBlock(7, 0, 0, 1, 0, 0, 0),), 1.0)
    known = sender.packetise(b"abc", 960, level=90)
    assert known[12:] == bytes.fromhex("bede0001 105a0000") + b"abc"
    assert sender.octets == 9
    keys = DtmfSender(101)
    keys.press("5")
    event = sender.packetise_event(keys, 960)
    assert event is not None and parse(event, level_id=1).level == 127
    sender.configure(111, 48_000)
    assert sender.packetise(b"abc", 960, level=12)[12:] == b"abc"


@pytest.mark.parametrize(
    ("level_id", "mid_id", "mid"), [(1, 0, ""), (0, 3, "0"), (15, 3, "0"), (1, 2, "m" * 17)]
)
def test_extensions_of_any_form_are_read_again(level_id: int, mid_id: int, mid: str) -> None:
    sender = SendStream(7, 111, 48_000)
    sender.configure(111, 48_000, level_id, mid_id, mid)
    packet = sender.packetise(b"abc", 960, level=33)
    assert parse(packet, level_id).payload == b"abc"
    assert parse(packet, level_id).level == (33 if level_id else None)
    assert mid.encode() in packet and packet[0] == 0x90


def test_an_event_takes_the_place_of_the_sound() -> None:
    sender = SendStream(1, 0, 8_000, sequence=10, timestamp=1_000)
    keys = DtmfSender(101)
    assert sender.packetise_event(keys, 960) is None
    keys.press("5")
    events = []
    while (datagram := sender.packetise_event(keys, 960)) is not None:
        events.append(parse(datagram))
    assert [event.sequence for event in events] == list(range(10, 10 + len(events)))
    assert {(event.timestamp, event.payload_type) for event in events} == {(1_000, 101)}
    sound = parse(sender.packetise(b"\xff" * 160, 960))
    assert sound.timestamp == 1_000 + 160 * len(events)
    assert sound.sequence == 10 + len(events)


def test_round_trip_of_reports_between_two_ends() -> None:
    ours = SendStream(1, 0, 8_000)
    theirs_in = stream()
    for _ in range(3):
        theirs_in.push(parse(ours.packetise(b"\xff" * 160, 960)), 100.0)
    data = compose_report(ours, None, b"random", 100.0, 1_700_000_000.5)
    report, description = rtcp.parse_compound(data, reduced=False)
    assert isinstance(report, rtcp.SenderReport)
    assert report.ntp >> 32 == 1_700_000_000 + 2_208_988_800
    assert report.ntp & 0xFFFFFFFF == 1 << 31
    assert (report.rtp_timestamp, report.packets, report.octets, report.blocks) == (480, 3, 480, ())
    assert description == rtcp.SourceDescription(((1, ((1, b"random"),)),))
    theirs_in.on_sender_report(report, 100.04)
    back = compose_report(SendStream(2, 0, 8_000), theirs_in, b"other", 100.54, 1.0, bye=True)
    answer, _, bye = rtcp.parse_compound(back, reduced=False)
    assert isinstance(answer, rtcp.ReceiverReport)
    assert bye == rtcp.Bye((2,))
    ours.on_report(answer.blocks, 100.58)
    assert ours.round_trip_s == pytest.approx(0.08, abs=0.001)
    assert ours.remote_lost == 0
    # A block about another source, or an answer to a report that we never sent, tells nothing.
    ours.on_report((rtcp.ReportBlock(9, 255, 1, 1, 1, answer.blocks[0].last_sr, 0),), 200.0)
    ours.on_report((rtcp.ReportBlock(1, 64, 7, 1, 80, 12_345, 0),), 200.0)
    assert ours.round_trip_s == pytest.approx(0.08, abs=0.001)
    assert (ours.remote_lost, ours.remote_packets_lost, ours.remote_jitter_s) == (0.25, 7, 0.01)


def test_a_reduced_report_leaves_the_description_out() -> None:
    data = compose_report(SendStream(2, 0, 8_000), None, b"x", 1.0, 1.0, reduced=True)
    assert rtcp.parse_compound(data) == [rtcp.ReceiverReport(2)]
