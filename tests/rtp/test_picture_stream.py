"""Pictures that we send: numbers go on, timestamps tell when a picture was composed, and what is lost is sent again."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtpPacket, unwrap_rtx

from bridge.rtp import rtcp
from bridge.rtp.batch import Batch
from bridge.rtp.packet import parse
from bridge.rtp.picture_stream import HISTORY_PACKETS, HISTORY_PICTURES, PictureStream, missing
from bridge.rtp.send_stream import SendStream


def stream(repair: int | None = 97, **extensions: object) -> PictureStream:
    made = PictureStream(7, 8, sequence=65_534, repair_sequence=65_535, offset=500)
    made.configure(96, repair, **extensions)  # type: ignore[arg-type]
    return made


def send(made: PictureStream, payloads: tuple[bytes, ...], now: float) -> list[bytes]:
    made.begin(payloads, now, now)
    return fill(made)


def fill(made: PictureStream, count: int = 1_000, number: int = 0) -> list[bytes]:
    """The packets that are left, `count` at the most."""
    batch, packets = Batch(), list[bytes]()
    while made.left and len(packets) < count:
        made.fill(batch, count, number)
        packets += map(bytes, batch.datagrams())
    return packets


def test_packets_of_a_picture() -> None:
    made = stream()
    first = [parse(packet) for packet in send(made, (b"abc", b"def", b"g"), 2.0)]
    second = [parse(packet) for packet in send(made, (b"h",), 2.04)]
    assert [packet[:6] for packet in first] == [
        (96, False, 65_534, 180_500, 7, b"abc"),
        (96, False, 65_535, 180_500, 7, b"def"),
        (96, True, 0, 180_500, 7, b"g"),
    ]
    assert second[0][:6] == (96, True, 1, 184_100, 7, b"h")
    assert (made.packets, made.octets, made.left) == (4, 8, 0)


def test_no_two_pictures_have_the_same_timestamp() -> None:
    made = stream()
    stamps = [parse(send(made, (b"a",), moment)[0]).timestamp for moment in (2.0, 2.0, 1.9, 2.04)]
    assert stamps == [180_500, 180_501, 180_502, 184_100]


def test_a_picture_that_is_overtaken_leaves_no_gap() -> None:
    made = stream()
    made.begin((b"a", b"b", b"c"), 1.0, 1.0)
    fill(made, 1)
    assert made.left == 2
    numbers = [parse(packet).sequence for packet in send(made, (b"d", b"e"), 1.04)]
    assert numbers == [65_535, 0]
    made.abandon()
    assert made.left == 0
    assert made.fill(Batch(), 8) == (1, 0)


def test_mid_and_number_are_told_as_agreed() -> None:
    made = stream(mid_id=4, mid="v", feedback_id=3)
    made.begin((b"abc", b"def"), 1.0, 1.0)
    (first,) = fill(made, 1, 0x1234)
    assert first[12:24] == bytes.fromhex("bede0002 311234 40") + b"v" + b"\0\0\0"
    assert parse(first, feedback_id=3)[5:] == (b"abc", None, 0x1234)
    made.on_report((rtcp.ReportBlock(7, 0, 0, 0, 0, 0, 0),), 1.1)
    (later,) = fill(made, 1, 0x1235)
    assert later[12:20] == bytes.fromhex("bede0001 311235 00")
    assert parse(later, feedback_id=3)[5:] == (b"def", None, 0x1235)


@pytest.mark.parametrize(
    ("ids", "block"),
    [
        ({"mid_id": 4, "mid": "v"}, "bede0001 4076 0000"),
        ({"feedback_id": 15}, "10000001 0f02 0000"),
        ({"mid_id": 20, "mid": "ab", "feedback_id": 2}, "10000002 02020000 14026162"),
        ({"mid_id": 20, "mid": ""}, ""),
    ],
)
def test_forms_of_the_extension(ids: dict[str, object], block: str) -> None:
    made = stream(**ids)  # type: ignore[arg-type]
    packet = send(made, (b"",), 1.0)[0]
    assert packet[12:] == bytes.fromhex(block)
    assert packet[0] == (0x90 if block else 0x80)


def test_what_is_lost_is_sent_again_in_its_own_stream() -> None:
    made = stream(feedback_id=3)
    sent = send(made, (b"abc", b"def"), 1.0)
    again = made.repair(65_535, 9)
    assert again is not None
    packet, original = parse(again, feedback_id=3), parse(sent[1])
    assert packet[:5] == (97, True, 65_535, original.timestamp, 8)
    assert packet.payload == b"\xff\xff" + original.payload  # RFC 4588 section 4: the number that it had
    assert packet.transport_number == 9
    once_more = made.repair(65_534)
    assert once_more is not None
    assert parse(once_more)[1:3] == (False, 0)
    assert made.repair(0) is None  # not sent yet
    assert made.resent == 2


def test_repairs_tell_their_mid_whenever_they_come() -> None:
    """A browser does not know whose repairs these are otherwise, and takes none of them."""
    made = stream(mid_id=4, mid="1", feedback_id=3)
    (packet,) = send(made, (b"abc",), 2.0)
    made.on_report((rtcp.ReportBlock(7, 0, 0, 65_534, 0, 0, 0),), 2.1)
    (later,) = send(made, (b"def",), 2.2)
    again = made.repair(65_534, 9)
    assert again is not None
    assert b"\x401" in packet[12:24]
    assert b"\x401" not in later[12:24]
    assert again[12:24] == bytes.fromhex("bede0002 310009 4031 000000")
    assert again[24:] == b"\xff\xfeabc"


def test_others_understand_what_is_sent_again() -> None:
    made = stream()
    sent = [RtpPacket.parse(packet) for packet in send(made, (b"abc", b"def"), 1.0)]
    again = made.repair(65_535)
    assert again is not None
    found = unwrap_rtx(RtpPacket.parse(again), payload_type=96, ssrc=7)
    assert found.serialize() == sent[1].serialize()


def test_nothing_is_sent_again_without_a_stream_for_it_or_after_another_codec() -> None:
    made = stream(repair=None)
    send(made, (b"abc",), 1.0)
    assert not made.repairs
    assert made.repair(65_534) is None
    assert made.find(65_534) == b"abc"
    made.configure(98, 99)
    assert made.find(65_534) is None


def test_what_is_remembered_is_bounded() -> None:
    made = stream()
    for number in range(500):
        send(made, (b"a",) * 3, 1.0 + number / 1000)
    assert made.kept <= 3 * HISTORY_PICTURES
    for number in range(50):
        send(made, (b"a",) * 400, 3.0 + number / 1000)
    assert made.kept <= HISTORY_PACKETS
    send(made, (b"a",), 10.0)
    assert made.kept == 1


def test_reports_map_pictures_to_the_same_clock_as_the_sound() -> None:
    pictures, sound = PictureStream(7, 8, offset=500), SendStream(9, 111, 48_000, timestamp=77)
    for _ in range(50):
        sound.packetise(b"", 960)
    send(pictures, (b"a",), 101.0)
    told, heard = pictures.report(101.0, 5_000.0), sound.report(101.0, 5_000.0)
    assert isinstance(told, rtcp.SenderReport)
    assert isinstance(heard, rtcp.SenderReport)
    assert told.ntp == heard.ntp
    # The picture that is composed when a packet of sound leaves is shown when that is heard.
    sound.packetise(b"", 960 * 2)
    picture = parse(send(pictures, (b"b",), 101.04)[0])
    shown = told.ntp / 2**32 + (picture.timestamp - told.rtp_timestamp) / 90_000
    at = heard.ntp / 2**32 + (sound.timestamp - heard.rtp_timestamp) / 48_000
    assert shown == pytest.approx(at, abs=1e-4)


def test_reports_on_us() -> None:
    made = stream()
    assert isinstance(made.report(1.0, 5_000.0), rtcp.ReceiverReport)  # nothing was sent yet
    send(made, (b"abc",), 1.0)
    told = made.report(2.0, 5_001.0)
    assert isinstance(told, rtcp.SenderReport)
    assert (told.packets, told.octets) == (1, 3)
    middle = told.ntp >> 16 & 0xFFFFFFFF
    assert made.on_report((rtcp.ReportBlock(99, 128, 5, 0, 0, middle, 0),), 2.5) is None
    assert made.on_report((rtcp.ReportBlock(7, 64, 3, 65_633, 0, middle, 6_554),), 2.5) == (25, 100)
    assert made.on_report((rtcp.ReportBlock(7, 64, 3, 65_637, 0, middle, 6_554),), 2.5) == (1, 4)
    assert made.on_report((rtcp.ReportBlock(7, 64, 3, 1, 0, middle, 6_554),), 2.5) == (0, 0)
    assert made.remote_lost == 0.25
    assert made.remote_packets_lost == 3
    assert made.round_trip_s == pytest.approx(0.4, abs=1e-4)


def test_numbers_that_a_nack_names() -> None:
    assert list(missing(((65_534, 0b101), (10, 0)))) == [65_534, 65_535, 1, 10]
