"""What cameras of a crowd show: some seconds of a moving picture with noise, encoded before, for all who show it.

One of them has the number of each picture written into it, in black and white, so that whoever sees the picture in
some tile of another one knows when it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType

from bridge.rtp import h264, vp8

RATE: Final = 25  # pictures a second
SECONDS: Final = 8
CLOCK: Final = 90_000  # [Hz] of RTP
_BITRATES: Final = {180: 150_000, 360: 500_000, 720: 1_500_000}
_KEY_EVERY: Final = 2 * RATE

# The number: eight columns, most significant bit first, each in two fields above one another: white over black is 1.
_BITS: Final = 8
_LEFT, _COLUMN = 0.1, 0.1
_UPPER, _LOWER, _ROW = 0.2, 0.4, 0.2
_CONTRAST: Final = 60

Luma = npt.NDArray[np.uint8]


class VideoCodec(Enum):
    """A codec by its SDP name, with the payload type that we offer it as."""

    H264 = ("H264", 97)
    VP8 = ("VP8", 96)

    @property
    def sdp_name(self) -> str:
        """As rtpmap writes it."""
        return self.value[0]

    @property
    def payload_type(self) -> int:
        """The number that we offer it as."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Clip:
    """`pictures`: the RTP payloads of each, to be begun anew at the end; `keys`: which of them are key frames."""

    codec: VideoCodec
    pictures: tuple[tuple[bytes, ...], ...]
    keys: tuple[int, ...]


@cache
def clip(codec: VideoCodec, height: int, numbered: bool = False) -> Clip:
    """A clip of that height [pixels], a key of `_BITRATES`, 16:9. `numbered`: with the number of each picture in it."""
    encoder = _encoder(codec, height)
    pictures: list[tuple[bytes, ...]] = []
    keys: list[int] = []
    for number, frame in enumerate(_content(height)):
        if numbered:
            plane = frame.planes[0]
            luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            write_number(luma[:, : frame.width], number)
        frame.pts, frame.pict_type = number, PictureType.NONE  # the source calls each one a key frame
        for packet in encoder.encode(frame):
            if packet.is_keyframe:
                keys.append(len(pictures))
            octets = bytes(packet)
            cut = h264.payloads(octets, 1) if codec is VideoCodec.H264 else vp8.payloads(octets, number)
            pictures.append(tuple(cut))
    return Clip(codec, tuple(pictures), tuple(keys))


def _content(height: int) -> Iterator[av.VideoFrame]:
    """FFmpeg's moving test picture with a camera's noise."""
    graph = av.filter.Graph()
    size = f"{height * 16 // 9}x{height}"
    chain = [
        graph.add("testsrc2", f"size={size}:rate={RATE}:duration={SECONDS}"),
        graph.add("noise", "alls=6:allf=t"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    for _ in range(SECONDS * RATE):
        frame = graph.vpull()
        frame.make_writable()
        yield frame


def _encoder(codec: VideoCodec, height: int) -> Any:
    """One slice a picture, no picture waits for another."""
    made: Any = av.CodecContext.create("libx264" if codec is VideoCodec.H264 else "libvpx", "w")
    made.width, made.height, made.pix_fmt = height * 16 // 9, height, "yuv420p"
    made.time_base, made.framerate = Fraction(1, RATE), Fraction(RATE)
    made.bit_rate, made.gop_size, made.thread_count = _BITRATES[height], _KEY_EVERY, 1
    if codec is VideoCodec.H264:
        made.profile = "Baseline"
        parameters = "scenecut=0:repeat-headers=1:slices=1:sliced-threads=0"
        made.options = {"preset": "veryfast", "tune": "zerolatency", "x264-params": parameters}
    else:
        made.options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            "error-resilient": "1",
        }
    return made


# -- the number in a picture -----------------------------------------------------------------------------------------


def write_number(luma: Luma, number: int) -> None:
    """Write it into a picture."""
    for bit in range(_BITS):
        one = bool(number >> _BITS - 1 - bit & 1)
        for top, white in ((_UPPER, one), (_LOWER, not one)):
            _field(luma, bit, top)[:] = 235 if white else 16


def read_number(luma: Luma) -> int | None:
    """Read it from a picture, or from a tile of one; None when there is none."""
    found = 0
    for bit in range(_BITS):
        upper, lower = (_middle(_field(luma, bit, top)) for top in (_UPPER, _LOWER))
        if abs(upper - lower) < _CONTRAST:
            return None
        found = found << 1 | (upper > lower)
    return found


def _field(luma: Luma, bit: int, top: float) -> Luma:
    height, width = luma.shape
    left = _LEFT + bit * _COLUMN
    return luma[
        round(top * height) : round((top + _ROW) * height),
        round(left * width) : round((left + _COLUMN) * width),
    ]


def _middle(field: Luma) -> float:
    height, width = field.shape
    inner = field[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(inner.mean()) if inner.size else 0.0
