"""H.264's own headers (ITU-T H.264 section 7.3), as far as a picture's size hangs on them, and what a source has sent
of them so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp.bits import BitReader
from bridge.rtp.coded import Limits, check_size

SLICE: Final = 1
IDR: Final = 5
SEI: Final = 6
SPS: Final = 7
PPS: Final = 8
AUD: Final = 9

LONGEST_SET: Final = 2_048  # [bytes]; the longest with all its scaling lists is shorter
MOST_PICTURE_SETS: Final = 32  # kept of one source; the one that was sent longest ago is forgotten

_WITH_CHROMA: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_MOST_SIDE: Final = (
    1 << 16
)  # [macroblocks or half the cropped pixels]; what is too large is told by `check_size`


@dataclass(frozen=True, slots=True)
class Sps:
    """A sequence parameter set. `width`, `height`: of the picture [pixels], cropped; `coded_width`, `coded_height`: in
    whole macroblocks. `constraints`: the octet behind the profile; `level`: ten times the level (31 = 3.1)."""

    number: int
    profile: int
    constraints: int
    level: int
    width: int
    height: int
    coded_width: int
    coded_height: int


def parse_sps(unit: bytes) -> Sps:
    """A NAL unit of type 7 up to its cropping (section 7.3.2.1.1).

    Raises ProtocolError: h264-sps; h264-format for more than eight bits a sample, or another chroma than 4:2:0.
    """
    if len(unit) > LONGEST_SET:
        raise ProtocolError("h264-sps", f"{len(unit)} bytes")
    reader = BitReader(_without_emulation(unit[1:]), "h264-sps")
    profile, constraints, level = reader.bits(8), reader.bits(8), reader.bits(8)
    number = reader.golomb(31)
    chroma = _chroma(reader) if profile in _WITH_CHROMA else 1
    reader.golomb(12)  # log2_max_frame_num_minus4
    _skip_order(reader)
    reader.golomb(16)  # max_num_ref_frames
    reader.flag()  # gaps_in_frame_num_value_allowed_flag
    across, down = reader.golomb(_MOST_SIDE) + 1, reader.golomb(_MOST_SIDE) + 1
    whole_frames = reader.flag()
    if not whole_frames:
        reader.flag()  # mb_adaptive_frame_field_flag
    reader.flag()  # direct_8x8_inference_flag
    coded_width, coded_height = 16 * across, 16 * down * (1 if whole_frames else 2)
    left, right, top, bottom = _cropping(reader) if reader.flag() else (0, 0, 0, 0)
    width = coded_width - (left + right) * (2 if chroma else 1)
    height = coded_height - (top + bottom) * (2 if chroma else 1) * (1 if whole_frames else 2)
    if width <= 0 or height <= 0:
        raise ProtocolError("h264-sps", "cropped to nothing")
    return Sps(number, profile, constraints, level, width, height, coded_width, coded_height)


def _chroma(reader: BitReader) -> int:
    """The fields of the high profiles; returns chroma_format_idc, 0 (monochrome) or 1 (4:2:0)."""
    chroma = reader.golomb(3)
    deeper = 0 if chroma == 3 else reader.golomb(6) + reader.golomb(6)
    if chroma > 1 or deeper:
        raise ProtocolError("h264-format", f"chroma {chroma}, {deeper} bits more")
    reader.flag()  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():  # scaling lists: six of 16, two of 64
        for index in range(8):
            if reader.flag():
                _skip_scaling_list(reader, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    """Section 7.3.2.1.1.1."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.signed_golomb(128)) & 0xFF
        last = following or last


def _skip_order(reader: BitReader) -> None:
    """How pictures are counted (pic_order_cnt_type and what hangs on it)."""
    kind = reader.golomb(2)
    if kind == 0:
        reader.golomb(12)
    elif kind == 1:
        reader.flag()
        for _ in range(2):
            reader.signed_golomb(0x7FFFFFFF)
        for _ in range(reader.golomb(255)):
            reader.signed_golomb(0x7FFFFFFF)


def _cropping(reader: BitReader) -> tuple[int, int, int, int]:
    """Left, right, top, bottom, in units of chroma samples."""
    left, right, top, bottom = (reader.golomb(16 * _MOST_SIDE) for _ in range(4))
    return left, right, top, bottom


def parse_pps(unit: bytes) -> tuple[int, int]:
    """A NAL unit of type 8: its number, and that of the SPS it refers to (section 7.3.2.2).

    Raises ProtocolError("h264-pps").
    """
    if len(unit) > LONGEST_SET:
        raise ProtocolError("h264-pps", f"{len(unit)} bytes")
    reader = BitReader(_without_emulation(unit[1:48]), "h264-pps")
    number, sequence = reader.golomb(255), reader.golomb(31)
    reader.bits(2)  # entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
    reader.golomb(0)  # num_slice_groups_minus1: of the extended profile, and hardly a decoder's
    reader.golomb(31)  # num_ref_idx_l0_default_active_minus1
    reader.golomb(31)
    if reader.bits(3) & 3 == 3:  # weighted_pred_flag, weighted_bipred_idc
        raise ProtocolError("h264-pps", "weighted_bipred_idc 3")
    for _ in range(3):  # pic_init_qp_minus26, pic_init_qs_minus26, chroma_qp_index_offset
        reader.signed_golomb(26)
    reader.bits(3)
    return number, sequence


def slice_pps(unit: bytes) -> int:
    """The number of the PPS that a slice refers to (section 7.3.3). Raises ProtocolError("h264-slice")."""
    reader = BitReader(_without_emulation(unit[1:16]), "h264-slice")
    reader.golomb(_MOST_SIDE * _MOST_SIDE)  # first_mb_in_slice
    reader.golomb(9)  # slice_type
    return reader.golomb(255)


def check_sei(unit: bytes) -> None:
    """Whether the messages of a NAL unit of type 6 end where it does (section 7.3.2.3).

    Raises ProtocolError("h264-sei").
    """
    at, end = 1, len(unit.rstrip(b"\0"))
    while at < end and (at != end - 1 or unit[at] != 0x80):
        size = 0
        for _ in range(2):  # its type, then its size
            size = 0
            while at < end and unit[at] == 0xFF:
                at += 1
                size += 0xFF
            if at >= end:
                raise ProtocolError("h264-sei", "cut")
            size += unit[at]
            at += 1
        at += size
    if at > end:
        raise ProtocolError("h264-sei", "longer than its unit")


def _without_emulation(octets: bytes) -> bytes:
    """Without the octets that keep start codes out (section 7.4.1)."""
    return octets.replace(b"\0\0\3", b"\0\0")


class ParameterSets:
    """All parameter sets of one source that are within its limits."""

    __slots__ = ("_active", "_limits", "_news", "_pictures", "_sequences")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._active = -1  # number of the SPS of the last key frame
        self._sequences: dict[int, tuple[Sps, bytes]] = {}
        self._pictures: dict[int, tuple[int, bytes]] = {}  # number -> (that of its SPS, unit), oldest first
        self._news: dict[int, bytes] = {}  # picture parameter sets that the decoder does not know yet

    def take(self, unit: bytes) -> None:
        """Remember an SPS or PPS.

        Raises ProtocolError: over-level, h264-pps-unknown-sps, those of `parse_sps` and `parse_pps`. One over the
        level takes the one that it replaces with it: its pictures are not to be decoded with that.
        """
        if unit[0] & 0x1F == SPS:
            self._take_sequence(unit)
        else:
            self._take_picture(unit)

    def _take_sequence(self, unit: bytes) -> None:
        if any(known == unit for _, known in self._sequences.values()):
            return
        sps = parse_sps(unit)
        self._sequences.pop(sps.number, None)
        check_size(sps.coded_width, sps.coded_height, self._limits)
        self._sequences[sps.number] = (sps, unit)

    def _take_picture(self, unit: bytes) -> None:
        number, sequence = parse_pps(unit)
        known = self._pictures.pop(number, None)
        if sequence not in self._sequences:
            raise ProtocolError("h264-pps-unknown-sps", f"{sequence}")
        self._pictures[number] = (sequence, unit)
        if known != (sequence, unit):
            self._news[number] = unit
        if len(self._pictures) > MOST_PICTURE_SETS:
            oldest = next(iter(self._pictures))
            del self._pictures[oldest]
            self._news.pop(oldest, None)

    def of(self, slices: Sequence[bytes], key: bool) -> Sps:
        """The SPS of a picture, which all its slices refer to; another than before only with a key frame.

        Raises ProtocolError: h264-slice, h264-unknown-pps, h264-unknown-sps.
        """
        found = None
        for unit in slices:
            number = slice_pps(unit)
            picture = self._pictures.get(number)
            if picture is None:
                raise ProtocolError("h264-unknown-pps", f"{number}")
            if found is not None and found != picture[0]:
                raise ProtocolError("h264-slice", "of two sequences")
            found = picture[0]
        if found not in self._sequences or (not key and found != self._active):
            raise ProtocolError("h264-unknown-sps", f"{found}")
        if key:
            self._active = found
        return self._sequences[found][0]

    def news(self) -> list[bytes]:
        """The picture parameter sets that changed since the last picture."""
        if not self._news:
            return []
        found = list(self._news.values())
        self._news.clear()
        return found

    def all_of(self, sps: Sps) -> list[bytes]:
        """An SPS, and all picture parameter sets that refer to it."""
        self._news.clear()
        pictures = [unit for number, unit in self._pictures.values() if number == sps.number]
        return [self._sequences[sps.number][1], *pictures]
