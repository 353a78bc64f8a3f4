"""Packets of pictures are read as those of sound are, and the extensions that only they have."""

from __future__ import annotations

import struct

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.packet import parse as parse_sound
from bridge.rtp.video_packet import ExtensionIds, VideoPacket, parse

IDS = ExtensionIds(feedback=3, mid=4, rid=5, repaired_rid=6, orientation=7)


def packet(extension: str = "", first: int = 0x90, payload: bytes = b"picture") -> bytes:
    head = struct.pack("!BBHII", first, 0x80 | 96, 7, 160, 0x11223344)
    return head + bytes.fromhex(extension) + payload


def test_the_usual_packet() -> None:
    found = parse(packet(first=0x80), IDS)
    assert found == VideoPacket(96, True, 7, 160, 0x11223344, b"picture")
    assert (found.transport_number, found.rotation, found.mid) == (None, None, "")


@pytest.mark.parametrize(
    ("extension", "told"),
    [
        ("bede0003 310102 4061 516862 7001 0000", (0x0102, 90, "a", "hb", "")),
        ("bede0002 6068 7003 310001 00", (1, 270, "", "", "h")),
        ("bede0001 300100 00", (None, None, "", "", "")),  # too short for a number
        ("bede0001 00 70fe 00", (None, 180, "", "", "")),  # the other bits say which camera it is, and so on
        ("bede0001 70 02 f0 31", (None, 180, "", "", "")),  # id 15 ends the search
        ("bede0001 4fff 0000", (None, None, "", "", "")),  # runs over the end
        ("bede0002 41c3a5 410061 0000", (None, None, "", "", "")),  # no names
        ("bede0002 010000 7001 000000", (None, 90, "", "", "")),  # id 0 with a length is nobody's
        ("10000002 0700 040161 0500 00", (None, None, "a", "", "")),  # empty elements
        ("10000002 03020a0b 060168 00", (0x0A0B, None, "", "", "h")),
        ("10000001 000000 03", (None, None, "", "", "")),  # cut
        ("abcd0001 70010000", (None, None, "", "", "")),  # another profile
        ("bede0000", (None, None, "", "", "")),
    ],
)
def test_extensions(extension: str, told: tuple[int | None, int | None, str, str, str]) -> None:
    found = parse(packet(extension), IDS)
    assert found[6:] == told
    assert found.payload == b"picture"
    assert parse(packet(extension), ExtensionIds())[6:] == (None, None, "", "", "")


def test_names_are_short() -> None:
    for size, name in ((64, "x" * 64), (65, "")):
        words = (size + 2 + 3) // 4
        extension = f"1000{words:04x}" + f"05{size:02x}" + "78" * size + "00" * (4 * words - size - 2)
        assert parse(packet(extension), IDS).rid == name


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        packet()[:11],
        packet(first=0x40),
        b"\x80\xc8" + packet(first=0x80)[2:],
        packet("bede"),
        packet("bedeffff"),
        packet(first=0x8F, payload=b""),
        packet(first=0xA0, payload=b"\0"),
        packet(first=0xA0, payload=b"\x05\x05"),
        packet(first=0xA0, payload=b""),
    ],
)
def test_refused_as_those_of_sound_are(broken: bytes) -> None:
    with pytest.raises(ProtocolError) as ours:
        parse(broken, IDS)
    with pytest.raises(ProtocolError) as theirs:
        parse_sound(broken, 3, 4)
    assert ours.value.name == theirs.value.name


def test_padding_is_cut() -> None:
    assert parse(packet(first=0xA0, payload=b"ab\0\0\x03"), IDS).payload == b"ab"
    assert parse(packet(first=0xA0, payload=b"\0" * 254 + b"\xff"), IDS).payload == b""
