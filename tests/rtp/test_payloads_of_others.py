"""What others cut we put together, and what we cut they do: FFmpeg's RTP muxer, and aiortc's payload descriptors."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO, cast

import av
import numpy as np
import pytest
from aiortc.codecs.h264 import H264PayloadDescriptor
from aiortc.codecs.vpx import VpxPayloadDescriptor
from av.video.stream import VideoStream

from bridge.rtp import h264, vp8
from bridge.rtp.frames import FrameAssembler
from bridge.rtp.packet import is_rtcp
from bridge.rtp.video_packet import ExtensionIds, parse
from tests.priority import kept_priority
from tests.rtp.pictures import LIMITS, TYPES, Viewer, encoded, seen

LIBRARIES = {"H264": "libx264", "VP8": "libvpx", "VP9": "libvpx-vp9", "AV1": "libsvtav1"}


class Packets:
    """A file whose every write is a packet."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, packet: bytes) -> int:
        self.sent.append(bytes(packet))
        return len(packet)


@kept_priority()
def muxed(codec: str) -> list[bytes]:
    """The RTP packets that FFmpeg makes of a stream."""
    packets = Packets()
    options = {"packetsize": "1200", "payload_type": "96", "strict": "experimental"}
    with av.open(cast(BinaryIO, packets), "w", format="rtp", options=options) as container:
        stream = container.add_stream(LIBRARIES[codec], rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index, frame in enumerate(encoded(codec)):
            packet = av.Packet(frame)
            packet.stream, packet.time_base = stream, Fraction(1, 90_000)
            packet.pts = packet.dts = 3_600 * index
            container.mux(packet)
    return [packet for packet in packets.sent if not is_rtcp(packet)]


@pytest.mark.parametrize("codec", sorted(LIBRARIES))
def test_what_ffmpeg_cuts(codec: str) -> None:
    into = FrameAssembler({96: codec}, LIMITS)
    frames = [frame for packet in muxed(codec) for frame in into.push(parse(packet, ExtensionIds()), 10.0)]
    assert not into.drops
    assert [frame.key for frame in frames] == [index % 10 == 0 for index in range(40)]
    viewer = Viewer(codec)
    for ours, theirs in zip(seen(codec, frames).values(), encoded(codec), strict=True):
        assert np.array_equal(ours, viewer.see(theirs))


def test_what_aiortc_reads_of_h264() -> None:
    for access_unit in encoded("H264"):
        read = b"".join(H264PayloadDescriptor.parse(payload)[1] for payload in h264.payloads(access_unit, 1))
        kept = [unit for unit in h264.units(access_unit) if unit[0] & 31 in (1, 5, 7, 8)]
        assert h264.units(read) == kept


def test_what_aiortc_reads_of_vp8() -> None:
    for index, frame in enumerate(encoded("VP8")):
        read = b""
        for place, payload in enumerate(vp8.payloads(frame, 0x7FF0 + index)):
            descriptor, rest = VpxPayloadDescriptor.parse(payload)
            assert descriptor.picture_id == 0x7FF0 + index & 0x7FFF
            assert (descriptor.partition_start, descriptor.partition_id) == (place == 0, 0)
            read += rest
        assert read == frame


assert set(LIBRARIES) == set(TYPES.values())
