"""AV1 out of RTP: units put together from pieces in every way of aggregation; no picture larger than agreed on."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.av1 import Av1Reader, depacketise, elements
from bridge.rtp.av1_headers import frame_header, parse_sequence
from bridge.sdp.video import VideoLimits
from tests.rtp.pictures import LIMITS, Viewer, av1_payloads, encoded


def test_pictures_of_an_encoder() -> None:
    reader, viewer = Av1Reader(LIMITS), Viewer("AV1")
    for index, unit in enumerate(encoded("AV1")):
        cut = av1_payloads(unit)
        found = reader.read(cut)
        assert found is not None
        assert found.octets == unit
        assert found.key == reader.begins_key(cut[0]) == (index % 10 == 0)
        assert (found.width, found.height) == ((320, 180) if found.key else (0, 0))
        assert all(map(reader.continues, cut[2 if found.key else 1 :]))
        assert viewer.see(found.octets).shape == (270, 320)


def test_elements() -> None:
    assert elements(bytes.fromhex("00 02aabb 01cc")) == [b"\xaa\xbb", b"\xcc"]
    assert elements(bytes.fromhex("10 aabbcc")) == [b"\xaa\xbb\xcc"]
    assert elements(bytes.fromhex("20 01aa bbcc")) == [b"\xaa", b"\xbb\xcc"]
    assert elements(bytes.fromhex("30 01aa 8100bb cc")) == [b"\xaa", b"\xbb", b"\xcc"]


@pytest.mark.parametrize(
    "broken", ["00", "10", "0002aa", "20aa", "2002aabb", "30 01aa 01bb", "00 80808080 01", "0000"]
)
def test_elements_that_do_not_fit(broken: str) -> None:
    with pytest.raises(ProtocolError, match="av1-aggregation"):
        elements(bytes.fromhex(broken))


def test_pieces() -> None:
    assert depacketise([b"\x50abc", b"\xd0def", b"\x90g"]) == [b"abcdefg"]
    assert depacketise([b"\x60\x01xab", b"\xa0\x01cd"]) == [b"x", b"abc", b"d"]
    for broken in ([b"\x50abc"], [b"\x90abc"], [b"\x50abc", b"\x10abc"]):
        with pytest.raises(ProtocolError, match="av1-fragment"):
            depacketise(broken)


def sequence(width: int, height: int, bits: int = 16) -> bytes:
    """A sequence header OBU's body: order hints of 7 bits, screen content and vectors as each frame says."""
    fields = "000" + "0" * 4 + "00000" + "0" * 12 + "00100" + f"{bits - 1:04b}" * 2
    fields += (
        f"{width - 1:0{bits}b}"
        + f"{height - 1:0{bits}b}"
        + "0"
        + "0" * 7
        + "1"
        + "00"
        + "11"
        + "110"
        + "0" * 20
    )
    fields += "0" * (-len(fields) % 8)
    return int(fields, 2).to_bytes(len(fields) // 8, "big")


def frame(*fields: str) -> bytes:
    text = "".join(fields)
    text += "0" * (64 + -len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def size(width: int, height: int) -> str:
    return f"{width - 1:016b}{height - 1:016b}"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (("1",), (False, 0, 0)),  # one that was sent before is shown
        (("0", "00", "1", "00", "0"), (True, 640, 360)),  # a key frame of the sequence's size
        (("0", "00", "1", "011", "1", "1" * 7, size(99, 77)), (True, 99, 77)),
        (("0", "01", "1", "0", "00", "0"), (False, 640, 360)),
        # Inter, of a size like one of its references; the same, of none.
        (("0", "01", "1", "0", "00", "1", "1" * 7, "111", "1" * 8, "0", "010" * 7, "01"), (False, 0, 0)),
        (
            ("0", "01", "1", "0", "00", "1", "1" * 7, "111", "1" * 8, "1", "010" * 2, "0" * 7, size(9, 7)),
            (False, 9, 7),
        ),
        # Error resilient: the order of its references first, and always a size.
        (
            ("0", "01", "1", "1", "00", "1", "1" * 7, "1" * 8, "1" * 56, "0", "010" * 7, size(9, 7)),
            (False, 9, 7),
        ),
        # A switch frame, and one of intra only that is not shown.
        (("0", "11", "1", "00", "1" * 7, "1" * 56, "0", "010" * 7, size(9, 7)), (False, 9, 7)),
        (("0", "10", "01", "0", "00", "1", "1" * 7, "1" * 7 + "0", size(9, 7)), (False, 9, 7)),
    ],
)
def test_sizes_of_frames(fields: tuple[str, ...], told: tuple[bool, int, int]) -> None:
    known = parse_sequence(sequence(640, 360))
    assert (known.width, known.height, known.order_bits) == (640, 360, 7)
    assert frame_header(frame(*fields), known) == told


def test_no_picture_over_the_limits() -> None:
    reader = Av1Reader(VideoLimits(max_fs=920))
    with pytest.raises(ProtocolError, match="over-level"):
        reader.read([b"\x18" + b"\x08" + sequence(16_384, 8_192)])
    with pytest.raises(ProtocolError, match="av1-unknown-sequence"):
        reader.read([b"\x10" + b"\x30" + frame("0", "00", "1", "00", "0")])
    assert reader.read([b"\x18" + b"\x08" + sequence(640, 360)]) is None
    with pytest.raises(ProtocolError, match="over-level"):
        reader.read([b"\x10" + b"\x30" + frame("0", "00", "1", "00", "1", "0" * 7, size(65_536, 65_536))])


def test_what_no_live_stream_has_is_refused() -> None:
    for first, name in ((b"\x20", "av1-profile"), (b"\x18", "av1-sequence"), (b"\0", "av1-sequence")):
        with pytest.raises(ProtocolError, match=name):
            parse_sequence(first)


def test_no_more_pictures_in_a_unit_than_anybody_sends() -> None:
    reader = Av1Reader(VideoLimits())
    assert reader.read([b"\x18" + b"\x08" + sequence(640, 360)]) is None
    one = b"\x30" + frame("0", "01", "0", "0", "0", "00", "0")
    unit = bytes((len(one),)) + one
    assert reader.read([b"\0" + unit * 8]) is not None
    with pytest.raises(ProtocolError, match="av1-frame"):
        reader.read([b"\0" + unit * 9])
    known = b"\x08" + sequence(640, 360)
    with pytest.raises(ProtocolError, match="av1-sequence"):
        reader.read([b"\0" + (bytes((len(known),)) + known) * 5])
