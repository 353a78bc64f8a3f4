"""AV1's own headers, as far as a picture's size hangs on them (AV1 bitstream, sections 5.5 and 5.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp.bits import BitReader

_KEY, _INTER, _INTRA_ONLY, _SWITCH = range(4)  # frame_type
_SELECT: Final = 2  # each frame says for itself
_ALL_FRAMES: Final = 0xFF
_HEADER_BYTES: Final = 128  # more than the fields that are read here can be


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence header. `width`, `height`: the largest picture [pixels]; `width_bits`, `height_bits`: of the size of
    a picture that is smaller; `number_bits`: of frame ids, `step_bits`: of their differences, 0 = there are none;
    `order_bits`: of the order hint; `screen_tools`, `whole_vectors`: 0, 1, or that each frame says for itself."""

    width: int
    height: int
    width_bits: int
    height_bits: int
    number_bits: int
    step_bits: int
    order_bits: int
    screen_tools: int
    whole_vectors: int


def parse_sequence(body: bytes) -> Sequence:
    """The body of a sequence header OBU.

    Raises ProtocolError: av1-sequence, also for a decoder model or a still picture, which no live stream has;
    av1-profile for others than 0.
    """
    reader = BitReader(body[:_HEADER_BYTES], "av1-sequence")
    if reader.bits(3):
        raise ProtocolError("av1-profile")
    if reader.bits(2):  # still_picture, reduced_still_picture_header
        raise ProtocolError("av1-sequence", "still picture")
    _skip_timing(reader)
    delayed = reader.flag()  # initial_display_delay_present_flag
    for _ in range(reader.bits(5) + 1):
        reader.bits(12)  # operating_point_idc
        if reader.bits(5) > 7:
            reader.bits(1)  # seq_tier
        if delayed and reader.flag():
            reader.bits(4)
    width_bits, height_bits = reader.bits(4) + 1, reader.bits(4) + 1
    width, height = reader.bits(width_bits) + 1, reader.bits(height_bits) + 1
    step_bits = number_bits = 0
    if reader.flag():  # frame_id_numbers_present_flag
        step_bits = reader.bits(4) + 2
        number_bits = reader.bits(3) + step_bits + 1
    reader.bits(3 + 4)  # tools of intra and inter prediction
    ordered = reader.flag()  # enable_order_hint
    if ordered:
        reader.bits(2)
    screen_tools = _SELECT if reader.flag() else reader.bits(1)
    whole_vectors = _SELECT
    if screen_tools:
        whole_vectors = _SELECT if reader.flag() else reader.bits(1)
    order_bits = reader.bits(3) + 1 if ordered else 0
    return Sequence(
        width,
        height,
        width_bits,
        height_bits,
        number_bits,
        step_bits,
        order_bits,
        screen_tools,
        whole_vectors,
    )


def _skip_timing(reader: BitReader) -> None:
    """Section 5.5.3."""
    if not reader.flag():
        return
    reader.bits(32)
    reader.bits(32)
    if reader.flag():  # equal_picture_interval
        reader.golomb(0xFFFFFFFE)
    if reader.flag():
        raise ProtocolError("av1-sequence", "decoder model")


def frame_header(body: bytes, sequence: Sequence) -> tuple[bool, int, int]:
    """The body of an OBU that begins with a frame header: whether it is that of a key frame to be shown, and its
    width and height, 0 = those of a frame before. Raises ProtocolError("av1-frame")."""
    reader = BitReader(body[:_HEADER_BYTES], "av1-frame")
    if reader.flag():  # show_existing_frame
        return False, 0, 0
    kind, shown = reader.bits(2), reader.flag()
    if not shown:
        reader.bits(1)  # showable_frame
    new = kind == _KEY and shown
    intra = kind in (_KEY, _INTRA_ONLY)
    resilient = new or kind == _SWITCH or reader.flag()
    reader.bits(1)  # disable_cdf_update
    screen_tools = sequence.screen_tools
    if screen_tools == _SELECT:
        screen_tools = reader.bits(1)
    if screen_tools and sequence.whole_vectors == _SELECT:
        reader.bits(1)
    reader.bits(sequence.number_bits)
    if not (kind == _SWITCH or reader.flag()):  # frame_size_override_flag
        return new, sequence.width, sequence.height
    reader.bits(sequence.order_bits)
    if not (intra or resilient):
        reader.bits(3)  # primary_ref_frame
    refreshed = _ALL_FRAMES if new or kind == _SWITCH else reader.bits(8)
    if (not intra or refreshed != _ALL_FRAMES) and resilient and sequence.order_bits:
        reader.bits(8 * sequence.order_bits)
    if not intra:
        _skip_references(reader, sequence)
        if not resilient and any(reader.flag() for _ in range(7)):  # found_ref
            return False, 0, 0
    width = reader.bits(sequence.width_bits) + 1
    return new, width, reader.bits(sequence.height_bits) + 1


def _skip_references(reader: BitReader, sequence: Sequence) -> None:
    """Which frames are referred to (section 5.9.2)."""
    short = bool(sequence.order_bits) and reader.flag()
    if short:
        reader.bits(6)
    for _ in range(7):
        if not short:
            reader.bits(3)
        reader.bits(sequence.step_bits)
