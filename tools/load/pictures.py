"""One caller's pictures: sends a clip, and notes of what comes the header and the kernel's time stamp."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from bridge.rtp import rtcp, rtcp_feedback
from tools.load.clips import CLOCK, RATE, Clip, VideoCodec
from tools.load.stream import bound_pair

_REPORT_EVERY: Final = RATE  # pictures
_TAKES_BPS: Final = 2_500_000  # that a browser says it can take
_FEEDBACK, _PLI, _FIR = 206, 1, 4  # RFC 4585 section 6.3, RFC 5104 section 4.3.1


class PictureStream(ABC):
    """What one caller shows and sees. `clip` None: it only watches. `listens`: payloads are kept too.

    `sent_ns`: for each picture of the clip when its last packet was sent the last time [ns of the wall clock]; `keys`:
    how often a key frame was asked for: the clip then goes on with its next one.
    """

    def __init__(self, codec: VideoCodec, clip: Clip | None, listens: bool) -> None:
        self.codec = codec
        self.clip = clip
        self.notes = bytearray()
        self.payloads: list[bytes] | None = [] if listens else None
        self.sent_ns: list[tuple[int, int]] = []  # (number of the picture, when), as many as were sent
        self.keys = 0
        self.active = False
        self._position = 0
        self._sequence, self._clock = random.getrandbits(15), random.getrandbits(32)
        self.ssrc = random.getrandbits(32)
        self._ticks = 0
        self._key_wanted = True

    @abstractmethod
    def _put(self, packet: bytes) -> None:
        """Send an RTP packet."""

    @abstractmethod
    def _put_control(self, packets: bytes) -> None:
        """Send RTCP packets."""

    def stop(self) -> None:
        """Send no more; what comes is still noted."""
        self.active = False

    def send(self, now_ns: int) -> None:
        """Send the picture that is due. Whoever calls keeps the pace."""
        self._ticks += 1
        self._clock = (self._clock + CLOCK // RATE) & 0xFFFFFFFF
        if self.clip is not None:
            self._send_picture(self.clip, now_ns)
        if self._ticks % _REPORT_EVERY == 1:
            self._put_control(rtcp.serialise(self._report()))

    def _send_picture(self, clip: Clip, now_ns: int) -> None:
        if self._key_wanted:
            self._position = next((key for key in clip.keys if key >= self._position), 0)
            self._key_wanted = False
        payloads = clip.pictures[self._position]
        last = len(payloads) - 1
        for index, payload in enumerate(payloads):
            self._sequence = (self._sequence + 1) & 0xFFFF
            second = clip.codec.payload_type | (index == last) << 7
            self._put(struct.pack("!BBHII", 0x80, second, self._sequence, self._clock, self.ssrc) + payload)
        self.sent_ns.append((self._position, now_ns))
        self._position = (self._position + 1) % len(clip.pictures)

    def _report(self) -> rtcp.ReceiverReport:
        """That all is well with what comes."""
        if not self.notes:
            return rtcp.ReceiverReport(self.ssrc)
        sequence, _, ssrc = struct.unpack_from("!HII", self.notes, len(self.notes) - 26)
        return rtcp.ReceiverReport(self.ssrc, (rtcp.ReportBlock(ssrc, 0, 0, sequence, 0, 0, 0),))

    def note(self, header: bytes, stamp: bytes, payload: bytes) -> None:
        """A packet has come: 12 octets of its header, 16 of the kernel's time."""
        self.notes += header + stamp
        if self.payloads is not None:
            self.payloads.append(payload)

    def take_control(self, datagram: bytes) -> None:
        """RTCP has come."""
        while len(datagram) >= 12:
            length = 4 + 4 * int.from_bytes(datagram[2:4], "big")
            if datagram[1] == _FEEDBACK and datagram[0] & 31 in (_PLI, _FIR):
                self.keys += 1
                self._key_wanted = True
            datagram = datagram[length:]


class BrowserPictures(PictureStream):
    """Along the path of the sound: `put` and `put_control` protect what they are given, and send it."""

    def __init__(
        self,
        codec: VideoCodec,
        clip: Clip | None,
        listens: bool,
        put: Callable[[bytes], None],
        put_control: Callable[[bytes], None],
    ) -> None:
        super().__init__(codec, clip, listens)
        self._put_along, self._put_control_along = put, put_control

    def _put(self, packet: bytes) -> None:
        self._put_along(packet)

    def _put_control(self, packets: bytes) -> None:
        rate = rtcp_feedback.EstimatedBitrate(self.ssrc, _TAKES_BPS, ())
        self._put_control_along(packets + rtcp.serialise(rate))


class PhonePictures(PictureStream):
    """A pair of UDP ports on loopback."""

    def __init__(self, codec: VideoCodec, clip: Clip | None, listens: bool) -> None:
        super().__init__(codec, clip, listens)
        self._rtp, self._rtcp = bound_pair()
        self._rtcp.setblocking(False)
        self._remote: tuple[str, int] = ("", 0)

    def fileno(self) -> int:
        """For the poll."""
        return self._rtp.fileno()

    @property
    def port(self) -> int:
        """Where it wants its packets."""
        return int(self._rtp.getsockname()[1])

    def start(self, remote: tuple[str, int]) -> None:
        """Send to `remote` from the next picture on, RTCP one port above."""
        self._rtp.connect(remote)
        self._rtcp.connect((remote[0], remote[1] + 1))
        self.active = True

    def close(self) -> None:
        """Give the ports back."""
        self._rtp.close()
        self._rtcp.close()

    def send(self, now_ns: int) -> None:
        """Send the picture that is due, after a look at what was asked for."""
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self.take_control(self._rtcp.recv(2048))
        super().send(now_ns)

    def receive(self) -> None:
        """Take one packet in; the poll tells when there are more."""
        try:
            datagram, notes, _, _ = self._rtp.recvmsg(2048, 64)
        except (ConnectionRefusedError, BlockingIOError):
            return
        if len(datagram) > 12:
            self.note(datagram[:12], notes[0][2], datagram[12:])

    def _put(self, packet: bytes) -> None:
        _quietly(self._rtp, packet)

    def _put_control(self, packets: bytes) -> None:
        _quietly(self._rtcp, packets)


def _quietly(opened: socket.socket, packet: bytes) -> None:
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):  # as if it were lost
        opened.send(packet)
