"""Encoded pictures to send, cut into packets, and what a decoder makes of what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from bridge.rtp import h264, vp8
from bridge.rtp.frames import Frame
from bridge.rtp.video_packet import VideoPacket
from bridge.sdp.video import VideoLimits
from tests.priority import kept_priority

LIMITS = VideoLimits(max_fs=3_600)
TYPES = {96: "VP8", 97: "H264", 98: "VP9", 99: "AV1"}
NUMBERS = {codec: number for number, codec in TYPES.items()}
STEP = 3_600  # a 25th of a second in ticks of 90 kHz
_ENCODERS = {
    "H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}),
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "-8"}),
    "VP9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "AV1": ("libsvtav1", {"preset": "12", "svtav1-params": "rc=2:pred-struct=1:tbr=600"}),
}
_DECODERS = {"H264": "h264", "VP8": "vp8", "VP9": "vp9", "AV1": "libdav1d"}


class Encoder:
    """A sender's encoder: a noise that moves, so that a picture whose predecessor is missing shows it everywhere."""

    def __init__(
        self,
        codec: str,
        width: int = 320,
        height: int = 180,
        keys: int = 10,
        bitrate: int = 1_500_000,
        **more: str,
    ) -> None:
        """`keys`: frames from one key frame to the next; `more`: options of the encoder."""
        name, options = _ENCODERS[codec]
        self._context = context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        context.bit_rate, context.thread_count = bitrate, 1
        context.options = {**options, "g": str(keys), **{key.replace("_", "-"): more[key] for key in more}}
        self._noise = np.random.default_rng(1).integers(
            0, 255, (height * 3 // 2, width + 300), dtype=np.uint8
        )
        self._count = 0

    @kept_priority()
    def next(self, key: bool = False) -> list[bytes]:
        """The next frame, or what there is when the encoder gathers some; `key`: a key frame."""
        at = 3 * (self._count % 100)
        width = self._context.width
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(self._noise[:, at : at + width]), "yuv420p")
        frame.pts = self._count
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._count += 1
        return [bytes(packet) for packet in self._context.encode(frame)]

    @kept_priority()
    def rest(self) -> list[bytes]:
        """What was gathered."""
        return [bytes(packet) for packet in self._context.encode(None)]


@lru_cache
def encoded(
    codec: str, count: int = 40, width: int = 320, height: int = 180, keys: int = 10, **more: str
) -> tuple[bytes, ...]:
    """`count` frames, a key frame every `keys`. `more`: options of the encoder."""
    encoder = Encoder(codec, width, height, keys, 1_500_000, **more)
    return tuple(frame for given in [encoder.next() for _ in range(count)] for frame in given) + tuple(
        encoder.rest()
    )


def payloads(codec: str, frame: bytes, number: int, mode: int = 1) -> list[bytes]:
    """The RTP payloads of a frame, with its number where there is place for it."""
    match codec:
        case "H264":
            return h264.payloads(frame, mode)
        case "VP8":
            return vp8.payloads(frame, number)
        case "VP9":
            return vp9_payloads(frame, number)
        case _:
            return av1_payloads(frame)


def vp9_payloads(frame: bytes, number: int, limit: int = 1_100) -> list[bytes]:
    """In flexible mode with one layer, as Chromium sends it (RFC 9628)."""
    inter = bool(frame[0] & 0x04)
    pieces = [frame[at : at + limit] for at in range(0, len(frame), limit)]
    found = []
    for place, piece in enumerate(pieces):
        flags = 0x90 | 0x40 * inter | 0x08 * (place == 0) | 0x04 * (place == len(pieces) - 1)
        head = bytes((flags,)) + (0x8000 | number & 0x7FFF).to_bytes(2, "big")
        found.append(head + b"\x02" * inter + piece)
    return found


def av1_payloads(unit: bytes, limit: int = 1_100) -> list[bytes]:
    """Without sizes and delimiters, as the format recommends: one element and one piece of it in each packet."""
    found: list[bytes] = []
    at = 0
    new = False
    while at < len(unit):
        head, size, shift = unit[at], 0, 0
        at += 1
        while unit[at] & 0x80:
            size |= (unit[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
        size |= unit[at] << shift
        body = unit[at + 1 : at + 1 + size]
        at += 1 + size
        if head >> 3 == 2:
            continue
        new = new or head >> 3 == 1
        whole = bytes((head & 0xFD,)) + body
        pieces = [whole[place : place + limit] for place in range(0, len(whole), limit)]
        for place, piece in enumerate(pieces):
            z, y = 0x80 * (place > 0), 0x40 * (place < len(pieces) - 1)
            found.append(bytes((0x10 | z | y | 0x08 * (new and not found),)) + piece)
    return found


def packets(
    codec: str,
    frames: Iterable[bytes],
    sequence: int = 65_500,
    ssrc: int = 7,
    timestamp: int = 0xFFFFE000,
    mode: int = 1,
) -> list[VideoPacket]:
    """The packets of these frames, 25 a second."""
    found: list[VideoPacket] = []
    for index, frame in enumerate(frames):
        cut = payloads(codec, frame, index, mode)
        for place, payload in enumerate(cut):
            marker = place == len(cut) - 1
            number = sequence + len(found) & 0xFFFF
            ticks = timestamp + STEP * index & 0xFFFFFFFF
            found.append(VideoPacket(NUMBERS[codec], marker, number, ticks, ssrc, payload))
    return found


class Viewer:
    """Decodes frames as a worker would."""

    def __init__(self, codec: str) -> None:
        self._context = cast(VideoCodecContext, av.CodecContext.create(_DECODERS[codec], "r"))
        self._context.thread_count = 1

    def see(self, octets: bytes) -> NDArray[np.uint8]:
        """The picture of one frame, (3/2 height, width) uint8; there is exactly one."""
        packet = av.Packet(octets)
        (picture,) = self._context.decode(packet)
        return np.asarray(picture.to_ndarray(format="yuv420p"), np.uint8)


def seen(codec: str, frames: Sequence[Frame]) -> dict[int, NDArray[np.uint8]]:
    """What is seen of these frames, by timestamp."""
    viewer = Viewer(codec)
    return {frame.timestamp: viewer.see(frame.octets) for frame in frames}


def differing(codec: str, frames: Sequence[Frame], sent: Mapping[int, NDArray[np.uint8]]) -> list[int]:
    """The timestamps of what is seen otherwise than the sender meant it (`sent`): where it smears."""
    return [
        stamp for stamp, picture in seen(codec, frames).items() if not np.array_equal(picture, sent[stamp])
    ]
