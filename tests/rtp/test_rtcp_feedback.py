"""Feedback: arrival times come out as they were told, and what we ask for is what others read."""

from __future__ import annotations

import struct

import pytest
from aiortc import rtp as aiortc_rtp

from bridge.errors import ProtocolError
from bridge.rtp.rtcp import parse_compound, serialise
from bridge.rtp.rtcp_feedback import (
    BitrateNotice,
    BitrateRequest,
    EstimatedBitrate,
    FullIntra,
    Nack,
    PictureLoss,
    Request,
    TransportWide,
    nack_items,
)

REQUESTS: list[Request] = [
    Nack(1, 2, ((5, 0xFFFF), (30, 0))),
    BitrateRequest(1, ((7, 64_000), (8, 0), (9, 1_000_000 >> 4 << 4))),
    BitrateNotice(1, ((7, 64_000),)),
    BitrateNotice(1, ()),
    PictureLoss(1, 2),
    FullIntra(1, ((9, 200), (10, 255))),
    EstimatedBitrate(1, 262_143, (77, 78)),
    EstimatedBitrate(1, 0, ()),
]


def refused(datagram: bytes) -> str:
    with pytest.raises(ProtocolError) as fault:
        parse_compound(datagram)
    return fault.value.name


def framed(first: int, packet_type: int, body: bytes) -> bytes:
    return struct.pack("!BBH", first, packet_type, len(body) // 4) + body


def feedback(base: int, count: int, clock: int, chunks: tuple[int, ...], deltas: bytes) -> bytes:
    body = struct.pack("!IIHHI", 1, 2, base, count, clock) + struct.pack(f"!{len(chunks)}H", *chunks) + deltas
    return framed(0x8F, 205, body + bytes(-len(body) & 3))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_what_is_asked_is_read_again(request_: Request) -> None:
    assert parse_compound(serialise(request_)) == [request_]


def test_bit_rates_are_rounded_down_to_what_can_be_told() -> None:
    for bitrate in (64_001, 1_234_567, 87_654_321, 2**40 + 1, 2**79 + 1):
        (remb,) = parse_compound(serialise(EstimatedBitrate(1, bitrate, ())))
        (tmmbr,) = parse_compound(serialise(BitrateRequest(1, ((2, bitrate),))))
        assert isinstance(remb, EstimatedBitrate)
        assert isinstance(tmmbr, BitrateRequest)
        for told in (remb.bitrate, tmmbr.items[0][1]):
            assert 0 <= bitrate - told < bitrate / 2**15


def test_what_asks_for_nothing_cannot_be_written() -> None:
    for empty in (Nack(1, 2, ()), BitrateRequest(1, ()), FullIntra(1, ())):
        with pytest.raises(ValueError, match="nothing"):
            serialise(empty)
    with pytest.raises(ValueError, match="256 sources"):
        serialise(EstimatedBitrate(1, 1, tuple(range(256))))


def test_others_read_it() -> None:
    numbers = [65_530, 65_531, 65_535, 10, 11, 500]
    (nack,) = aiortc_rtp.RtcpPacket.parse(serialise(Nack(1, 2, nack_items(numbers))))
    assert isinstance(nack, aiortc_rtp.RtcpRtpfbPacket)
    assert (nack.fmt, nack.ssrc, nack.media_ssrc) == (1, 1, 2)
    assert [number & 0xFFFF for number in nack.lost] == numbers
    (pli,) = aiortc_rtp.RtcpPacket.parse(serialise(PictureLoss(1, 2)))
    assert pli == aiortc_rtp.RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=2)
    (remb,) = aiortc_rtp.RtcpPacket.parse(serialise(EstimatedBitrate(1, 1_000_000, (2, 3))))
    assert isinstance(remb, aiortc_rtp.RtcpPsfbPacket)
    assert aiortc_rtp.unpack_remb_fci(remb.fci) == (1_000_000, [2, 3])


def test_numbers_become_items() -> None:
    assert nack_items([]) == ()
    assert nack_items([5, 6, 21, 22, 38]) == ((5, 0x8001), (22, 0x8000))
    assert nack_items([65_535, 0, 0, 65_535]) == ((65_535, 1),)


def test_arrival_times() -> None:
    # 65534 small, 65535 not, 0 large and backwards; then 5 to 7 small, in a run.
    whole = feedback(65_534, 10, 2 << 8 | 9, (0xD200, 0x2003), struct.pack("!BhBBB", 200, -50, 1, 0, 255))
    (told,) = parse_compound(whole)
    assert told == TransportWide(1, 2, 65_534, 10, 9, ((0, 712), (2, 662), (7, 663), (8, 663), (9, 918)))


def test_a_clock_that_wraps() -> None:
    (told,) = parse_compound(feedback(0, 1, 0xFFFFFF00, (0x4001,), struct.pack("!h", 300)))
    assert isinstance(told, TransportWide)
    assert told.received == ((0, 44),)


def test_what_did_not_come_costs_nothing() -> None:
    (told,) = parse_compound(feedback(0, 65_528, 0, (0x1FFF,) * 8, b""))
    assert isinstance(told, TransportWide)
    assert (told.count, told.received) == (65_528, ())


@pytest.mark.parametrize(
    ("chunks", "count", "deltas"),
    [
        ((0xD555,), 7, 7),  # two-bit vector, small deltas
        ((0x8000 | 0x3FFF,), 14, 14),  # one-bit vector
        ((0x8000 | 0x3FFF,), 5, 5),  # the rest of the vector is not there
        ((0x0FFF,), 4_000, 0),  # a run of lost packets
        ((0x4003,), 3, 6),  # large deltas
        ((0xDAAA, 0x2001), 8, 15),
    ],
)
def test_transport_wide_chunks(chunks: tuple[int, ...], count: int, deltas: int) -> None:
    control = struct.pack("!HHI", 1, count, 0) + b"".join(struct.pack("!H", chunk) for chunk in chunks)
    whole = control + bytes(deltas)
    datagram = framed(0x8F, 205, struct.pack("!II", 1, 2) + whole + bytes(-len(whole) & 3))
    (told,) = parse_compound(datagram)
    assert isinstance(told, TransportWide)
    assert (told.base, told.count) == (1, count)
    if deltas > 3:
        short = control + bytes(deltas - 4)
        short += bytes(-len(short) & 3)
        if len(short) < len(control) + deltas:
            assert refused(framed(0x8F, 205, struct.pack("!II", 1, 2) + short)) == "rtcp-feedback"
