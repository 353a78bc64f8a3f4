"""RTP datagrams are read exactly or refused by name: header, CSRC, extension, padding, level, RTCP look-alikes."""

from __future__ import annotations

import json
import struct

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.packet import header, is_rtcp, parse
from bridge.rtp.receive_stream import ReceiveStream
from tests.rtp.playback import VECTORS, shared

PAYLOAD = b"\xd5" * 160


def packet(first: int = 0x80, second: int = 0, extra: bytes = b"") -> bytes:
    return struct.pack("!BBHII", first, second, 7, 160, 0x11223344) + extra + PAYLOAD


def refused(datagram: bytes) -> str:
    with pytest.raises(ProtocolError) as fault:
        parse(datagram)
    return fault.value.name


def test_the_usual_packet() -> None:
    found = parse(packet(second=0x80 | 8))
    assert tuple(found) == (8, True, 7, 160, 0x11223344, PAYLOAD, None, None)
    assert found.payload_type == 8
    assert found.marker


def test_what_we_write_is_what_we_read() -> None:
    head = header(111, True, 65_535, 0xFFFFFFFF, 0xFFFFFFFE)
    assert parse(head + b"x") == (111, True, 65_535, 0xFFFFFFFF, 0xFFFFFFFE, b"x", None, None)
    assert header(0, False, 1, 2, 3)[1] == 0


def test_csrcs_are_skipped() -> None:
    assert parse(packet(0x82, extra=bytes(8))).payload == PAYLOAD
    assert refused(struct.pack("!BBHII", 0x8F, 0, 1, 2, 3) + bytes(20)) == "rtp-csrc"


def test_padding_is_cut() -> None:
    assert parse(packet(0xA0) + b"\0\0\0\x04").payload == PAYLOAD
    assert parse(packet(0xA0)[:12] + b"\0\0\0\x04").payload == b""
    assert refused(packet(0xA0)[:12]) == "rtp-padding"
    assert refused(packet(0xA0) + b"\0") == "rtp-padding"
    assert refused(packet(0xA0)[:12] + b"\x05\x05\x05\x05") == "rtp-padding"


@pytest.mark.parametrize(
    ("extension", "level"),
    [
        ("bede0001 10850000", 5),  # id 1, marked as voice: the top bit is not level
        ("bede0001 00107f00", 127),  # padding before it
        ("bede0002 22aabbcc 10030000", 3),  # behind another element
        ("bede0001 f0001005", None),  # id 15 ends the search
        ("bede0001 1f000000", None),  # element runs over the end
        ("bede0001 20050000", None),  # another id
        ("10000001 01010900", 9),  # two-byte form
        ("10000001 01000000", None),  # two-byte form, empty element
        ("10000001 000000 01", None),  # two-byte form, cut
        ("abcd0001 10050000", None),  # another profile
        ("bede0000", None),
    ],
)
def test_audio_level(extension: str, level: int | None) -> None:
    datagram = packet(0x90, extra=bytes.fromhex(extension))
    assert parse(datagram, level_id=1).level == level
    assert parse(datagram, level_id=1).payload == PAYLOAD
    assert parse(datagram).level is None


@pytest.mark.parametrize(
    ("extension", "number"),
    [
        ("bede0002 1085310102 403000", 0x0102),
        ("bede0001 30010000", None),  # too short for a number
        ("bede0001 31ffff00", 0xFFFF),
        ("10000002 0101090302 0a0b00", 0x0A0B),
        ("10000001 03010a00", None),
        ("bede0001 01000000", None),  # id 0 with a length is nobody's
    ],
)
def test_transport_wide_number(extension: str, number: int | None) -> None:
    datagram = packet(0x90, extra=bytes.fromhex(extension))
    assert parse(datagram, level_id=1, feedback_id=3).transport_number == number
    assert parse(datagram, feedback_id=3) == (0, False, 7, 160, 0x11223344, PAYLOAD, None, number)
    assert parse(datagram, level_id=1).transport_number is None


def test_extension_longer_than_the_packet() -> None:
    assert refused(packet(0x90, extra=b"\xbe\xde\xff\xff")) == "rtp-extension"
    assert refused(packet(0x90)[:14]) == "rtp-extension"


def test_not_rtp() -> None:
    assert refused(packet()[:11]) == "rtp-short"
    assert refused(b"") == "rtp-short"
    assert refused(packet(0x00)) == "rtp-version"
    assert refused(packet(0x40)) == "rtp-version"
    assert refused(packet(second=0x80 | 73)) == "rtp-rtcp-range"


def test_rtcp_is_told_from_rtp() -> None:
    assert is_rtcp(b"\x80\xc8\0\0")
    assert is_rtcp(b"\x81\xce")
    assert not is_rtcp(b"\x80\x80\0\0")
    assert not is_rtcp(packet(second=0x80 | 111))
    assert not is_rtcp(b"\x80")


def outcome(datagram: bytes) -> str:
    """What becomes of a datagram on a leg with G.711 and Opus."""
    if is_rtcp(datagram):
        return "as-rtcp"
    stream = ReceiveStream({0: "PCMU", 8: "PCMA", 111: "opus"}, 101)
    try:
        stream.push(parse(datagram), 1.0)
    except ProtocolError:
        return "reject-packet"
    return "accept"


# The bleed probe is a lawful empty packet; what stops it is its address. Garbage under SRTP stops at the tag.
ELSEWHERE = {"rtp-bleed-probe": "tests/rtp/test_source.py", "rtp-srtp-garbage": "tests/rtp/test_srtp.py"}


@shared
@pytest.mark.shared
def test_every_rtp_vector() -> None:
    entries = [
        entry for entry in json.loads((VECTORS / "manifest.json").read_text()) if entry["kind"] == "rtp"
    ]
    assert len(entries) == 25
    for entry in entries:
        if entry["name"] in ELSEWHERE:
            continue
        came = outcome((VECTORS / entry["file"]).read_bytes())
        assert came in entry["expect"].split("|"), entry["name"]
