"""What H.264's headers say of a picture's size is read as a decoder would, and bounded; parameter sets reach a decoder
wherever they were sent."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.h264 import START_CODE, H264Reader, payloads, units
from bridge.rtp.h264_headers import LONGEST_SET, check_sei, parse_pps, parse_sps
from bridge.sdp.video import VideoLimits
from tests.rtp.pictures import LIMITS, Viewer, encoded

SPS, PPS = 7, 8
# A decoder's own baseline sets, from a telephone; 176 x 144.
SMALL_SPS = bytes.fromhex("6742c00bda0b13a10000030001000003003c8f142aa0")
SMALL_PPS = bytes.fromhex("68ce0fc8")


def bits(text: str) -> bytes:
    text = text.replace(" ", "") + "1"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def golomb(value: int) -> str:
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def sps(
    across: int,
    down: int,
    profile: int = 66,
    number: int = 0,
    high: str = "",
    order: str = "1 1",
    whole: bool = True,
    crop: tuple[int, int, int, int] | None = None,
) -> bytes:
    """An SPS of so many macroblocks. `high`: fields of the high profiles; `order`: those of the picture order count."""
    fields = f"{profile:08b}{0:08b}{31:08b}" + golomb(number) + high + "1" + order + "010" + "0"
    fields += golomb(across - 1) + golomb(down - 1) + ("1" if whole else "0 0") + "1"
    fields += "1" + "".join(map(golomb, crop)) if crop else "0"
    return b"\x67" + bits(fields + "0").replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1")


@pytest.mark.parametrize(
    ("width", "height", "more"),
    [
        (320, 180, {}),
        (642, 362, {"profile": "high"}),
        (176, 144, {"profile": "main"}),
        (320, 180, {"profile": "high", "x264-params": "cqm=jvt"}),
    ],
)
def test_sizes_as_an_encoder_writes_them(width: int, height: int, more: dict[str, str]) -> None:
    (unit,) = [unit for unit in units(encoded("H264", 2, width, height, **more)[0]) if unit[0] & 31 == SPS]
    found = parse_sps(unit)
    assert (found.width, found.height) == (width, height)
    assert found.coded_width == (width + 15) // 16 * 16
    assert found.coded_height in ((height + 15) // 16 * 16, (height + 31) // 32 * 32)
    for cut in range(1, 7):
        with pytest.raises(ProtocolError, match="h264-sps"):
            parse_sps(unit[:cut])


def test_fields_that_hang_on_the_size() -> None:
    found = parse_sps(sps(40, 23, crop=(1, 2, 3, 4), number=5))
    assert (found.number, found.level, found.width, found.height) == (5, 31, 634, 354)
    found = parse_sps(sps(40, 12, whole=False, crop=(0, 0, 0, 6)))
    assert (found.coded_height, found.height) == (384, 360)
    # Order counts of each kind; a monochrome picture, whose crop counts single samples.
    assert parse_sps(sps(40, 23, order="010" + "1 00100 011" + "00100" + "010 011" + "1")).width == 640
    assert parse_sps(sps(40, 23, order="011")).width == 640
    found = parse_sps(sps(40, 23, 100, high="1 1 1 0 0", crop=(1, 0, 0, 3)))
    assert (found.width, found.height) == (639, 365)
    # Scaling lists: a flat one of 16, one that ends early, one of 64.
    lists = "1" + "1" + "1" * 16 + "1" + golomb(16) + "0000" + "1" + "1" * 64 + "0"
    assert parse_sps(sps(40, 23, 100, high="010 1 1 0" + lists)).width == 640


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        (sps(40, 23, number=32), "h264-sps"),
        (sps(40, 23, order=golomb(3)), "h264-sps"),
        (sps(40, 23, crop=(100, 220, 0, 0)), "h264-sps"),
        (sps(40, 23, crop=(0, 0, 0, 184)), "h264-sps"),
        (b"\x67" + bytes(40), "h264-sps"),
        (b"\x67\x42\0\x1f" + bytes(3) + b"\3" + bytes(9), "h264-sps"),
        (sps(40, 23) + b"x" * LONGEST_SET, "h264-sps"),
        (sps(40, 23, 110, high="010 010 1 0 0"), "h264-format"),  # nine bits
        (sps(40, 23, 122, high="011 1 1 0 0"), "h264-format"),  # 4:2:2
        (sps(40, 23, 244, high="00100 0 1 1 0 0"), "h264-format"),  # 4:4:4
    ],
)
def test_sequence_parameters_refused(unit: bytes, name: str) -> None:
    with pytest.raises(ProtocolError) as fault:
        parse_sps(unit)
    assert fault.value.name == name


def test_picture_parameters() -> None:
    for access_unit in (encoded("H264", 2)[0], encoded("H264", 2, profile="high")[0]):
        (unit,) = [unit for unit in units(access_unit) if unit[0] & 31 == PPS]
        assert parse_pps(unit) == (0, 0)
    assert parse_pps(SMALL_PPS) == (0, 0)
    for broken in (b"\x68", b"\x68\xff\xff\xff", b"\x68" + b"\xce" * LONGEST_SET, b"\x68\xcc\x0f\xc8"):
        with pytest.raises(ProtocolError, match="h264-pps"):
            parse_pps(broken)


@pytest.mark.parametrize("good", ["060502550080", "06050255008000", "0680", "06010080", "06ff0102556680"])
def test_comments(good: str) -> None:
    check_sei(bytes.fromhex(good))


@pytest.mark.parametrize("broken", ["060502", "06ffff", "060503ffff", "06" + "ff" * 1_200])
def test_comments_longer_than_they_are(broken: str) -> None:
    with pytest.raises(ProtocolError, match="h264-sei"):
        check_sei(bytes.fromhex(broken))


def kinds(octets: bytes) -> list[int]:
    return [unit[0] & 31 for unit in units(octets)]


def without_sets(access_unit: bytes) -> list[bytes]:
    """Its payloads, parameter sets left out."""
    kept = [unit for unit in units(access_unit) if unit[0] & 31 not in (SPS, PPS)]
    return payloads(START_CODE + START_CODE.join(kept), 1)


def test_sets_of_the_description_are_put_before_each_key_frame() -> None:
    sent = encoded("H264", 12)
    sets = [unit for unit in units(sent[0]) if unit[0] & 31 in (SPS, PPS)]
    reader, viewer = H264Reader(LIMITS, sets), Viewer("H264")
    for index, access_unit in enumerate(sent):
        found = reader.read(without_sets(access_unit))
        assert found is not None
        assert kinds(found.octets)[:3] == ([7, 8, 5] if index in (0, 10) else [1])
        assert (found.width, found.height) == ((320, 180) if found.key else (0, 0))
        viewer.see(found.octets)


def test_sets_sent_only_once_are_remembered() -> None:
    sent = encoded("H264", 12)
    reader = H264Reader(LIMITS)
    assert reader.read(payloads(sent[0], 1)) is not None
    later = reader.read(without_sets(sent[10]))
    assert later is not None
    assert kinds(later.octets)[:3] == [7, 8, 5]
    assert Viewer("H264").see(later.octets).shape == (270, 320)


def test_without_any_sets_nothing_is_read() -> None:
    reader = H264Reader(LIMITS, [b"", b"\x67", SMALL_PPS[:1], b"\x65\x88"][1:])
    for access_unit in encoded("H264", 12):
        with pytest.raises(ProtocolError, match="h264-unknown-pps"):
            reader.read(without_sets(access_unit))


def test_a_change_of_picture_parameters_goes_along_with_the_next_picture() -> None:
    sent = encoded("H264", 12)
    reader = H264Reader(LIMITS)
    reader.read(payloads(sent[0], 1))
    other = b"\x68" + bits("010 1 0 0 1 1 1 0 00 1 1 1 0 0 0")  # number 1
    assert parse_pps(other) == (1, 0)
    assert reader.read([other]) is None
    found = reader.read(payloads(sent[1], 1))
    assert found is not None
    assert kinds(found.octets) == [8, 1]
    found = reader.read([other, *payloads(sent[2], 1)])
    assert found is not None
    assert kinds(found.octets) == [1]
    found = reader.read(payloads(sent[10], 1))
    assert found is not None
    assert kinds(found.octets)[:4] == [7, 8, 8, 5]


def test_what_is_too_large_leaves_nothing_behind() -> None:
    sent = encoded("H264", 12)
    reader = H264Reader(LIMITS)
    reader.read(payloads(sent[0], 1))
    with pytest.raises(ProtocolError, match="over-level"):
        reader.read([sps(1024, 512)])
    with pytest.raises(ProtocolError, match="h264-unknown-sps"):
        reader.read(payloads(sent[1], 1))
    with pytest.raises(ProtocolError, match="h264-unknown-sps"):
        reader.read(without_sets(sent[10]))
    assert reader.read(payloads(sent[10], 1)) is not None


def test_whatever_was_agreed_on_no_picture_is_larger_than_any_may_be() -> None:
    reader = H264Reader(VideoLimits())
    assert reader.read([sps(120, 68)]) is None
    for across, down in ((600, 10), (10, 600), (200, 120), (65_536, 65_536)):
        with pytest.raises(ProtocolError, match="over-level"):
            reader.read([sps(across, down)])


def test_another_sequence_begins_with_a_key_frame() -> None:
    sent = encoded("H264", 12)
    reader = H264Reader(LIMITS)
    reader.read(payloads(sent[0], 1))
    assert reader.read([sps(40, 23, number=1), b"\x68" + bits("010 010 0 0 1 1 1 0 00 1 1 1 0 0 0")]) is None
    slice_of_it = b"\x41" + bits("1 00110 010 0000 1")
    with pytest.raises(ProtocolError, match="h264-unknown-sps"):
        reader.read([slice_of_it])
    with pytest.raises(ProtocolError, match="of two sequences"):
        reader.read([*payloads(sent[1], 1), slice_of_it])


def test_no_unit_hides_another_from_the_checks() -> None:
    sent = encoded("H264", 12)
    reader = H264Reader(LIMITS)
    reader.read(payloads(sent[0], 1))
    (unit,) = units(sent[1])
    hidden = unit[:200] + b"\0\0\1" + sps(1024, 512)
    for cut in ([hidden], [b"\x7c\x81" + hidden[1:201], b"\x7c\x41" + hidden[201:]]):
        with pytest.raises(ProtocolError, match="h264-start-code"):
            reader.read(cut)


def test_forgotten_sets_are_the_oldest() -> None:
    reader = H264Reader(LIMITS)
    pictures = [b"\x68" + bits(golomb(number) + "1 0 0 1 1 1 0 00 1 1 1 0 0 0") for number in range(40)]
    reader.read([SMALL_SPS, *pictures])
    for number, known in ((7, False), (8, True), (39, True)):
        slices = [b"\x65" + bits("1 00110" + golomb(number) + "0000 1" * 4)]
        if known:
            found = reader.read(slices)
            assert found is not None
            assert kinds(found.octets) == [7] + [8] * 32 + [5]
        else:
            with pytest.raises(ProtocolError, match="h264-unknown-pps"):
                reader.read(slices)


def test_a_unit_that_means_much_more_work_than_a_picture_is_refused() -> None:
    """Ten bytes can be a whole picture of macroblocks that stay as they are."""
    sent = encoded("H264", 12)
    reader = H264Reader(LIMITS)
    assert reader.read(payloads(sent[0], 1)) is not None
    (whole,) = [unit for unit in units(sent[1]) if unit[0] & 31 == 1]
    more = b"\x61\x46\xff" + whole[3:]  # begins with the second macroblock
    assert reader.read([whole, *[more] * 71]) is not None
    assert reader.read([whole[:300], *[more[:300]] * 200]) is not None
    for many in ([whole[:30]] * 3, [whole[:30], *[more[:30]] * 72]):
        with pytest.raises(ProtocolError, match="h264-slices"):
            reader.read(many)


def test_what_takes_long_to_read_is_bounded_in_a_unit() -> None:
    reader = H264Reader(VideoLimits())
    assert reader.read([sps(40, 20), *[sps(41 + n, 20) for n in range(3)]]) is None
    for many, name in (
        ([sps(40 + n, 20) for n in range(5)], "h264-aggregate"),
        ([b"\x06" + b"\xff" * 1_000] * 20, "h264-sei"),
        ([b"\x78" + b"\0\1\x41" * 300] * 1_000, "h264-aggregate"),
    ):
        with pytest.raises(ProtocolError, match=name):
            reader.read(many)
