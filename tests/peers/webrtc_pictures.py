"""Pictures of `webrtc_client.Browser`: a colour that was encoded before, once for all who show it, and what comes.

Whoever shows the colour sends it as VP8; what comes is kept as it came, and decoded when somebody looks.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from fractions import Fraction
from functools import cache
from typing import Any, Final

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtp import RtpPacket

from tests.peers.camera import CLOCK, Screen, encoder
from tests.peers.colours import COLOURS, Rgb

_RATE: Final = 10
_SIZE: Final = (320, 180)


@cache
def _encoded(colour: str) -> tuple[bytes, ...]:
    """A second of a colour with a mark that moves, its first picture a key frame."""
    coder = encoder("VP8", _SIZE, _RATE)
    width, height = _SIZE
    found: list[bytes] = []
    for number in range(_RATE):
        picture = np.empty((height, width, 3), np.uint8)
        picture[:] = COLOURS[colour]
        picture[-20:, 20 * number : 20 * number + 20] = 255
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        found += [bytes(packet) for packet in coder.encode(frame)]
    return tuple(found)


class Shown(MediaStreamTrack):
    """Shows a colour; what it gives to the sender is encoded already."""

    kind = "video"

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._frames = itertools.cycle(_encoded(colour))
        self._begin = 0.0
        self._number = 0

    async def recv(self) -> av.Packet[Any]:
        """The next picture, when it is due."""
        now = time.monotonic()
        self._begin = self._begin or now
        await asyncio.sleep(self._begin + self._number / _RATE - now)
        packet = av.Packet(next(self._frames))
        packet.pts, packet.time_base = self._number * CLOCK // _RATE, Fraction(1, CLOCK)
        self._number += 1
        return packet


class Watched:
    """What came of one stream. `count`: of the packets."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self.count = 0
        self._packets: list[RtpPacket] = []  # bounded: the oldest go

        async def keep(packet: RtpPacket, arrival_time_ms: int) -> None:
            self.count += 1
            self._packets.append(packet)
            del self._packets[:-20_000]

        receiver._handle_rtp_packet = keep  # type: ignore[method-assign]

    def picture(self) -> Rgb | None:
        """The newest one, None = there is none yet."""
        screen, found = Screen("VP8"), None
        for each in list(self._packets):
            found = (
                screen.take(each.sequence_number, each.timestamp, bool(each.marker), each.payload) or found
            )
        return None if found is None else np.asarray(found.to_ndarray(format="rgb24"), np.uint8)


def with_camera(peer: RTCPeerConnection, colour: str) -> Watched:
    """Add a camera that shows a colour; returns what comes.

    There is one stream of pictures at the most: aiortc cannot tell two apart that are not announced by their SSRC.
    """
    camera = peer.addTransceiver(Shown(colour), direction="sendrecv")
    known = RTCRtpSender.getCapabilities("video").codecs
    camera.setCodecPreferences([each for each in known if each.mimeType == "video/VP8"])
    return Watched(camera.receiver)
