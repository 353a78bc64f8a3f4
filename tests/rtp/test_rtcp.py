"""RTCP: every count and length is checked; what we write we can read; compound and reduced-size both pass."""

from __future__ import annotations

import json
import struct

import pytest

from bridge.errors import ProtocolError
from bridge.rtp import rtcp, rtcp_feedback
from bridge.rtp.rtcp import parse_compound, serialise
from tests.rtp.playback import VECTORS, shared

BLOCK = rtcp.ReportBlock(0x11223344, 12, -3, 70_000, 55, 0xAABBCCDD, 65_536)


def framed(first: int, packet_type: int, body: bytes) -> bytes:
    return struct.pack("!BBH", first, packet_type, len(body) // 4) + body


def refused(datagram: bytes, reduced: bool = True) -> str:
    with pytest.raises(ProtocolError) as fault:
        parse_compound(datagram, reduced)
    return fault.value.name


def test_round_trip_of_a_compound() -> None:
    packets: list[rtcp.SenderReport | rtcp.ReceiverReport | rtcp.SourceDescription | rtcp.Bye] = [
        rtcp.SenderReport(1, 0x0123456789ABCDEF, 160, 5, 800, (BLOCK,)),
        rtcp.ReceiverReport(1, (BLOCK, BLOCK)),
        rtcp.SourceDescription(((1, ((rtcp.CNAME, b"a8f3"),)), (2, ((1, b""), (2, b"name"))), (3, ()))),
        rtcp.Bye((1, 2), b"end"),
        rtcp.Bye((1,)),
    ]
    datagram = b"".join(map(serialise, packets))
    assert not len(datagram) % 4
    assert parse_compound(datagram, reduced=False) == packets


def test_loss_is_held_within_its_bits() -> None:
    for lost, told in ((10**9, 0x7FFFFF), (-(10**9), -0x800000)):
        report = rtcp.ReceiverReport(1, (rtcp.ReportBlock(2, 255, lost, 0, 0, 0, 0),))
        (back,) = parse_compound(serialise(report))
        assert isinstance(back, rtcp.ReceiverReport)
        assert back.blocks[0].lost == told
        assert back.blocks[0].fraction_lost == 255


def test_what_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="32 parts"):
        serialise(rtcp.Bye(tuple(range(32))))
    with pytest.raises(ValueError, match="256 octets"):
        serialise(rtcp.SourceDescription(((1, ((1, bytes(256)),)),)))


def test_feedback() -> None:
    ids = struct.pack("!II", 1, 2)
    nack = framed(0x81, 205, ids + struct.pack("!HHHH", 5, 0xFFFF, 30, 0))
    tmmbr = framed(0x83, 205, struct.pack("!IIII", 1, 0, 7, 3 << 26 | 1_000 << 9 | 40))
    pli = framed(0x81, 206, ids)
    fir = framed(0x84, 206, struct.pack("!IIII", 1, 0, 9, 200 << 24))
    remb = framed(0x8F, 206, struct.pack("!II4sBBHI", 1, 0, b"REMB", 1, 2 << 2 | 1, 3, 77))
    twcc = framed(0x8F, 205, ids + struct.pack("!HHIHBB", 100, 2, 0, 0x2002, 4, 4))
    app = framed(0x85, 204, struct.pack("!I4s", 1, b"NAME") + b"data")
    assert parse_compound(nack + tmmbr + pli + fir + remb + twcc + app) == [
        rtcp_feedback.Nack(1, 2, ((5, 0xFFFF), (30, 0))),
        rtcp_feedback.BitrateRequest(1, ((7, 8_000),)),
        rtcp_feedback.PictureLoss(1, 2),
        rtcp_feedback.FullIntra(1, ((9, 200),)),
        rtcp_feedback.EstimatedBitrate(1, (1 << 16 | 3) << 2, (77,)),
        rtcp_feedback.TransportWide(1, 2, 100, 2, 0, ((0, 4), (1, 8))),
        rtcp.App(1, 5, b"NAME", b"data"),
    ]


def test_what_we_do_not_read_does_not_hide_the_rest() -> None:
    ids = struct.pack("!II", 1, 2)
    datagram = framed(0x80, 207, b"") + framed(0x89, 205, ids) + framed(0x8F, 206, ids + b"ABCD")
    assert parse_compound(datagram + framed(0x81, 206, ids)) == [
        rtcp.Other(207, 0),
        rtcp.Other(205, 9),
        rtcp.Other(206, 15),
        rtcp_feedback.PictureLoss(1, 2),
    ]


def test_reduced_size_only_where_agreed() -> None:
    pli = framed(0x81, 206, struct.pack("!II", 1, 2))
    assert parse_compound(pli)
    assert refused(pli, reduced=False) == "rtcp-first"


@pytest.mark.parametrize(
    ("datagram", "name"),
    [
        (b"", "rtcp-short"),
        (b"\x80\xc9\0", "rtcp-short"),
        (b"\x80\xc9\0\0", "rtcp-report"),
        (b"\x80\xc9\0\x01", "rtcp-length"),
        (b"\x00\xc9\0\x01\0\0\0\x01", "rtcp-version"),
        (b"\x80\xc9\0\x01\0\0\0\x01\x80\xc9", "rtcp-length"),
        (b"\x9f\xc9\0\x01\0\0\0\x01", "rtcp-report"),
        (b"\x80\xc8\0\x01\0\0\0\x01", "rtcp-report"),
        (b"\x81\xca\0\0", "rtcp-sdes"),
        (b"\x81\xca\0\x02\0\0\0\x01\x01\xff\x61\x62", "rtcp-sdes"),
        (b"\x81\xca\0\x02\0\0\0\x01\x01\x02\x61\x62", "rtcp-sdes"),
        (b"\x81\xcb\0\0", "rtcp-bye"),
        (b"\x80\xcb\0\x01\x04\0\0\0", "rtcp-bye"),
        (b"\x80\xcc\0\x01\0\0\0\x01", "rtcp-app"),
        (b"\x81\xcd\0\x01\0\0\0\x01", "rtcp-feedback"),
        (b"\x81\xcd\0\x02\0\0\0\x01\0\0\0\x02", "rtcp-feedback"),
        (b"\x83\xcd\0\x03\0\0\0\x01\0\0\0\x02\0\0\0\x02", "rtcp-feedback"),
        (b"\x8f\xcd\0\x02\0\0\0\x01\0\0\0\x02", "rtcp-feedback"),
        (b"\x8f\xcd\0\x05\0\0\0\x01\0\0\0\x02\0\x01\0\x01\0\0\0\0\0\0\0\0", "rtcp-feedback"),
        (b"\x84\xce\0\x02\0\0\0\x01\0\0\0\x02", "rtcp-feedback"),
        (b"\x8f\xce\0\x03\0\0\0\x01\0\0\0\x02REMB", "rtcp-feedback"),
        (b"\xa0\xc9\0\x02\0\0\0\x01\0\0\0\x00", "rtcp-padding"),
        (b"\xa0\xc9\0\x02\0\0\0\x01\0\0\0\x03", "rtcp-padding"),
        (b"\xa0\xc9\0\x02\0\0\0\x01\0\0\0\x0c", "rtcp-report"),
        (b"\xa0\xc9\0\x02\0\0\0\x01\0\0\0\x04" * 2, "rtcp-padding"),
    ],
)
def test_broken(datagram: bytes, name: str) -> None:
    assert refused(datagram) == name


def test_padding_at_the_end() -> None:
    assert parse_compound(b"\xa0\xc9\0\x02\0\0\0\x01\0\0\0\x04") == [rtcp.ReceiverReport(1)]


def test_feedback_of_browsers_is_padded_by_single_octets() -> None:
    """One packet arrived, number 7: status 1 as a run of one, a delta of 250 us, then one octet of padding."""
    plain = b"\x8f\xcd\0\x05\0\0\0\x01\0\0\0\x02\0\x07\0\x01\0\0\0\0\x20\x01\x01\0"
    padded = b"\xaf" + plain[1:-1] + b"\x01"
    (found,) = parse_compound(padded)
    assert isinstance(found, rtcp_feedback.TransportWide)
    assert [found] == parse_compound(plain)


@shared
@pytest.mark.shared
def test_every_rtcp_vector() -> None:
    entries = [
        entry for entry in json.loads((VECTORS / "manifest.json").read_text()) if entry["kind"] == "rtcp"
    ]
    assert len(entries) == 53
    for entry in entries:
        try:
            parse_compound((VECTORS / entry["file"]).read_bytes())
            came = "accept"
        except ProtocolError:
            came = "reject-packet"
        assert came in entry["expect"].split("|"), entry["name"]
