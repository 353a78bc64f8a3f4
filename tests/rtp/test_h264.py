"""H.264 in RTP: cut so that each packet is small enough, put together again, refused by name where it is broken."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.h264 import depacketise, payloads, units
from bridge.rtp.h264_headers import parse_sps
from tests.rtp.pictures import encoded


@pytest.mark.parametrize("mode", [0, 1])
def test_what_is_cut_is_put_together_again(mode: int) -> None:
    more = {"slice_max_size": "1150"} if mode == 0 else {}
    for access_unit in encoded("H264", 12, **more):
        cut = payloads(access_unit, mode)
        assert max(map(len, cut)) <= 1180
        assert depacketise(cut) == [unit for unit in units(access_unit) if unit[0] & 31 in (1, 5, 7, 8)]


def test_a_key_frame_begins_with_its_parameter_sets_in_one_packet() -> None:
    cut = payloads(encoded("H264", 12)[0], 1)
    assert [unit[0] & 31 for unit in depacketise(cut[:1])] == [7, 8]
    assert len({len(payload) for payload in cut[1:-1]}) == 1
    assert len(cut[-1]) <= len(cut[1])


def test_mode_0_takes_no_long_unit() -> None:
    with pytest.raises(ValueError, match="mode 0"):
        payloads(encoded("H264", 12)[0], 0)


def test_sequence_parameters() -> None:
    (sps,) = [unit for unit in units(encoded("H264", 12)[0]) if unit[0] & 31 == 7]
    found = parse_sps(sps)
    assert (found.width, found.height, found.coded_width, found.coded_height) == (320, 180, 320, 192)
    assert (found.profile, found.number) == (66, 0)


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (["00616263"], "h264-nal-type"),
        (["7d8500006161"], "h264-fu-b"),
        (["79000167"], "h264-stap-b"),
        (["7a0001"], "h264-mtap"),
        (["7b0001"], "h264-mtap"),
        (["e161"], "h264-forbidden-bit"),
        (["7c"], "h264-fragment"),
        (["7c0588"], "h264-fragment"),
        (["7cc588"], "h264-fragment"),
        (["7c9c00"], "h264-fragment"),
        (["7c8588"], "h264-fragment"),
        (["7c8588", "6588"], "h264-fragment"),
        (["7c8588", "7c8588"], "h264-fragment"),
        (["78"], "h264-aggregate"),
        (["7800"], "h264-aggregate"),
        (["78000067"], "h264-aggregate"),
        (["78ffff6742"], "h264-aggregate"),
        (["7800057800026742"], "h264-aggregate"),
        (["78" + "000141" * 1_025], "h264-aggregate"),
    ],
)
def test_refused_by_name(broken: list[str], name: str) -> None:
    with pytest.raises(ProtocolError) as fault:
        depacketise([bytes.fromhex(payload) for payload in broken])
    assert fault.value.name == name
