"""The pictures of a test phone: a camera that shows colours in turn, and a screen that notes each picture it gets.

It shares no code with the bridge. What it sends and gets can be lost on the way, packet by packet, as a test says.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final, NamedTuple

import av
import numpy as np
from av.video.frame import PictureType

from tests.peers.colours import COLOURS, Rgb

CLOCK: Final = 90_000
SMALL: Final = (160, 90)
"""Size of the pictures that are kept [pixels]."""

_LIMIT: Final = 1100  # octets of a payload
_HEADER = struct.Struct("!BBHII")
_REPORT_S, _ASK_S = 1.0, 0.3
_PLI, _FIR, _GENERIC_NACK = (206, 1), (206, 4), (205, 1)

Lose = Callable[[int], bool]
"""Tells of the packets of one way, counted from 0, which are lost."""


class Seen(NamedTuple):
    """A picture that came, made small. `at`: monotonic seconds; `width`, `height`: as it came [pixels]."""

    at: float
    picture: Rgb
    width: int
    height: int


def everything(number: int) -> bool:
    """Lose all."""
    return True


def nothing(number: int) -> bool:
    """Lose nothing."""
    return False


class Camera:
    """Sends and gets pictures from `connect` on, in a thread of its own.

    `colours` are shown in turn, `seconds` each, wholly: half of one and half of another is a smear. `codec`: H264
    (packetization-mode 1) or VP8. `lose_out`, `lose_in`: see `Lose`. `resends`: what is asked for again is sent again.
    """

    def __init__(
        self,
        colours: tuple[str, ...],
        codec: str = "H264",
        *,
        size: tuple[int, int] = (320, 180),
        rate: int = 15,
        seconds: float = 0.4,
        resends: bool = False,
        address: str = "127.0.0.1",
    ) -> None:
        self.codec = codec
        self.colours = colours
        self.size = size
        self.lose_out: Lose = nothing
        self.lose_in: Lose = nothing
        self.sending = True
        self.seen: deque[Seen] = deque(maxlen=900)
        self.latest: Rgb | None = None
        self.asked_for_keys = 0  # by the other end
        self.asked_again = 0
        self.broken = 0  # times that something was missing of what came
        self.key_frames = 0  # that came
        self.packets_in = self.packets_out = 0
        self.bitrate_allowed = 0  # by the newest TMMBR or REMB [bit/s]
        self._resends = resends
        self._rate, self._each = rate, max(1, round(seconds * rate))
        self._rtp, self._rtcp = _pair(address)
        self._remote: tuple[str, int] | None = None
        self._encoder = encoder(codec, size, rate)
        self._payload_type = 97 if codec == "H264" else 96
        self._ssrc = random.getrandbits(32)
        self._sequence, self._number, self._key_wanted = 0, 0, True
        self._sent: dict[int, bytes] = {}
        self._screen = Screen(codec)
        self._remote_ssrc = 0
        self._asked = self._reported = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it wants pictures."""
        return int(self._rtp.getsockname()[1])

    @property
    def description(self) -> str:
        """Its lines of an offer."""
        number = self._payload_type
        lines = [
            f"m=video {self.port} RTP/AVP {number}",
            "b=AS:1500",
            f"a=rtpmap:{number} {self.codec}/{CLOCK}",
        ]
        if self.codec == "H264":
            lines.append(f"a=fmtp:{number} profile-level-id=42e01f;packetization-mode=1")
        feedback = ["nack pli", "ccm fir", "ccm tmmbr", *(["nack"] if self._resends else [])]
        lines += [f"a=rtcp-fb:{number} {each}" for each in feedback]
        return "\r\n".join([*lines, "a=sendrecv", ""])

    def connect(self, remote: tuple[str, int] | None) -> None:
        """Send there (RTCP one port above), or nowhere."""
        self._remote = remote

    def close(self) -> None:
        """End the thread and give the ports back."""
        self._stop.set()
        self._thread.join()
        self._rtp.close()
        self._rtcp.close()

    def since(self, start: float) -> list[Seen]:
        """The pictures that came from a time on [monotonic seconds]."""
        return [each for each in list(self.seen) if each.at >= start]

    def send_raw(self, payload: bytes, *, marker: bool = True) -> None:
        """Send a payload of the test's as the next packet."""
        self._packet(payload, marker)

    # -- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            ready, _, _ = select.select([self._rtp, self._rtcp], [], [], max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if self._rtp in ready:
                self._receive(now)
            if self._rtcp in ready:
                self._take_feedback()
            if now >= due:
                due = max(due + 1 / self._rate, now - 0.2)
                self._frame()
                self._report(now)

    def _frame(self) -> None:
        self._number += 1
        if self._remote is None or not self.sending:
            return
        colour = self.colours[self._number // self._each % len(self.colours)]
        width, height = self.size
        picture = np.empty((height, width, 3), np.uint8)
        picture[:] = COLOURS[colour]
        edge = height // 10
        at = self._number * 6 % (width - edge)
        picture[-edge:, at : at + edge] = 255
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = self._number
        # What an encoder is given carries no wish of what it was decoded as.
        frame.pict_type = PictureType.I if self._key_wanted else PictureType.NONE
        self._key_wanted = False
        for encoded in self._encoder.encode(frame):
            payloads = list(
                _h264_payloads(bytes(encoded)) if self.codec == "H264" else _vp8_payloads(bytes(encoded))
            )
            for index, payload in enumerate(payloads):
                self._packet(payload, index == len(payloads) - 1)

    def _packet(self, payload: bytes, marker: bool) -> None:
        if self._remote is None:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        stamp = self._number * CLOCK // self._rate & 0xFFFFFFFF
        head = _HEADER.pack(0x80, self._payload_type | marker << 7, self._sequence, stamp, self._ssrc)
        self._sent[self._sequence] = head + payload
        self._sent.pop((self._sequence - 500) & 0xFFFF, None)
        self._put(self._sequence)

    def _put(self, sequence: int) -> None:
        number, self.packets_out = self.packets_out, self.packets_out + 1
        if self._remote is not None and sequence in self._sent and not self.lose_out(number):
            _send(self._rtp, self._sent[sequence], self._remote)

    # -- what comes --------------------------------------------------------------------------------------------------

    def _receive(self, now: float) -> None:
        while (datagram := _read(self._rtp)) is not None:
            if len(datagram) < 12 or datagram[0] >> 6 != 2 or 72 <= datagram[1] & 127 <= 76:
                continue
            number, self.packets_in = self.packets_in, self.packets_in + 1
            if self.lose_in(number):
                continue
            _, second, sequence, stamp, ssrc = _HEADER.unpack_from(datagram)
            if ssrc != self._remote_ssrc:
                self._remote_ssrc, self._screen = ssrc, Screen(self.codec)
            skip = 12 + 4 * (datagram[0] & 15)
            if datagram[0] & 0x10:
                skip += 4 + 4 * int.from_bytes(datagram[skip + 2 : skip + 4], "big")
            picture = self._screen.take(sequence, stamp, second > 127, datagram[skip:])
            self.broken += self._screen.broke
            self.key_frames += self._screen.key
            if self._screen.waits and now - self._asked > _ASK_S:
                self._asked = now
                self._ask_key()
            if picture is not None:
                self._show(now, picture)

    def _show(self, now: float, frame: av.VideoFrame) -> None:
        small = frame.reformat(*SMALL, format="rgb24", interpolation="AREA")
        self.seen.append(Seen(now, _rgb(small), frame.width, frame.height))
        self.latest = _rgb(frame.reformat(format="rgb24"))

    def want_key(self) -> None:
        """Let the next picture be a key frame, though nobody has asked for one."""
        self._key_wanted = True

    def ask_keys(self, count: int) -> None:
        """Ask so many times at once for a key frame."""
        for _ in range(count):
            self._ask_key()

    def _ask_key(self) -> None:
        self._control(struct.pack("!BBHII", 0x81, _PLI[0], 2, self._ssrc, self._remote_ssrc))

    def _take_feedback(self) -> None:
        while (datagram := _read(self._rtcp)) is not None:
            while len(datagram) >= 12:
                length = 4 + 4 * int.from_bytes(datagram[2:4], "big")
                self._take_one(datagram[:length])
                datagram = datagram[length:]

    def _take_one(self, packet: bytes) -> None:
        kind = packet[1], packet[0] & 31
        if kind in (_PLI, _FIR):
            self.asked_for_keys += 1
            self._key_wanted = True
        elif kind == (205, 3) and len(packet) >= 20:  # TMMBR
            word = int.from_bytes(packet[16:20], "big")
            self.bitrate_allowed = (word >> 9 & 0x1FFFF) << (word >> 26)
        elif kind == (206, 15) and packet[12:16] == b"REMB":
            self.bitrate_allowed = (int.from_bytes(packet[17:20], "big") & 0x3FFFF) << (packet[17] >> 2)
        elif kind == _GENERIC_NACK and self._resends:
            for first, mask in struct.iter_unpack("!HH", packet[12:]):
                for step in range(17):
                    if step == 0 or mask >> step - 1 & 1:
                        self.asked_again += 1
                        self._put((first + step) & 0xFFFF)

    def _report(self, now: float) -> None:
        """A sender report with a name, each second (RFC 3550 section 6.4.1)."""
        if self._remote is None or now - self._reported < _REPORT_S:
            return
        self._reported = now
        wall = int((time.time() + 2_208_988_800) * 2**32)
        stamp = self._number * CLOCK // self._rate & 0xFFFFFFFF
        report = struct.pack("!BBHIQIII", 0x80, 200, 6, self._ssrc, wall, stamp, self.packets_out, 0)
        self._control(report + struct.pack("!BBHIBB", 0x81, 202, 3, self._ssrc, 1, 4) + b"seen\0\0")

    def _control(self, packet: bytes) -> None:
        if self._remote is not None:
            _send(self._rtcp, packet, (self._remote[0], self._remote[1] + 1))


class Screen:
    """Puts packets together to pictures and decodes them; after a hole it takes nothing before the next key frame.

    `waits`: whether it is in need of one; `broke`: whether the newest packet told of a hole; `key`: whether it was the
    last one of a key frame.
    """

    def __init__(self, codec: str) -> None:
        self.waits = True
        self.broke = self.key = False
        self._codec = codec
        self._decoder: Any = av.CodecContext.create("h264" if codec == "H264" else "vp8", "r")
        self._decoder.thread_count = 1
        self._next: int | None = None
        self._parts: list[bytes] = []

    def take(self, sequence: int, stamp: int, marker: bool, payload: bytes) -> av.VideoFrame | None:
        """One packet; the picture that it completes, if it does."""
        self.broke = self._next is not None and sequence != self._next and not self.waits
        self.key = False
        if self._next is not None and sequence != self._next:
            self.waits, self._parts = True, []
        self._next = (sequence + 1) & 0xFFFF
        self._parts.append(payload)
        if not marker:
            return None
        whole, self._parts = self._parts, []
        try:
            unit, self.key = _h264_unit(whole) if self._codec == "H264" else _vp8_unit(whole)
            if self.waits and not self.key:
                return None
            self.waits = False
            frames = self._decoder.decode(av.Packet(unit))
        except (av.error.FFmpegError, IndexError):
            self.waits = True
            return None
        return frames[-1] if frames else None


def _rgb(frame: av.VideoFrame) -> Rgb:
    return np.asarray(frame.to_ndarray(), np.uint8)


# -- RFC 6184, RFC 7741 ----------------------------------------------------------------------------------------------


def _h264_payloads(unit: bytes) -> Iterator[bytes]:
    for part in unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        if len(part) <= _LIMIT:
            yield part
            continue
        pieces = [part[start : start + _LIMIT] for start in range(1, len(part), _LIMIT)]
        for index, piece in enumerate(pieces):
            ends = (index == 0) << 7 | (index == len(pieces) - 1) << 6
            yield bytes((part[0] & 0xE0 | 28, ends | part[0] & 31)) + piece


def _h264_unit(payloads: list[bytes]) -> tuple[bytes, bool]:
    """An access unit in Annex B, and whether it is a key frame."""
    found, key = b"", False
    for payload in payloads:
        kind = payload[0] & 31
        if kind == 28:
            kind = payload[1] & 31
            if payload[1] & 0x80:
                found += b"\0\0\0\1" + bytes((payload[0] & 0xE0 | kind,))
            found += payload[2:]
        elif kind == 24:
            rest = payload[1:]
            while rest:
                size = int.from_bytes(rest[:2], "big")
                found, key = found + b"\0\0\0\1" + rest[2 : 2 + size], key or rest[2] & 31 == 5
                rest = rest[2 + size :]
        else:
            found += b"\0\0\0\1" + payload
        key = key or kind == 5
    return found, key


def _vp8_payloads(frame: bytes) -> Iterator[bytes]:
    for start in range(0, len(frame), _LIMIT):
        yield bytes((0x10 if start == 0 else 0,)) + frame[start : start + _LIMIT]


def _vp8_unit(payloads: list[bytes]) -> tuple[bytes, bool]:
    found = b""
    for payload in payloads:
        skip = 1
        if payload[0] & 0x80:
            skip = 2
            if payload[1] & 0x80:
                skip += 1 + (payload[2] >> 7)
            skip += bool(payload[1] & 0x40) + bool(payload[1] & 0x30)
        found += payload[skip:]
    return found, not found[0] & 1


def encoder(codec: str, size: tuple[int, int], rate: int) -> Any:
    """One of PyAV's, for pictures of that size in YCbCr 4:2:0; only its first picture is a key frame unasked."""
    made: Any = av.CodecContext.create("libx264" if codec == "H264" else "libvpx", "w")
    made.width, made.height = size
    made.pix_fmt, made.time_base, made.framerate = "yuv420p", Fraction(1, rate), Fraction(rate)
    made.bit_rate, made.gop_size, made.thread_count = 300_000, 3000, 1
    if codec == "H264":
        made.profile = "Baseline"
        made.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": "scenecut=0",
        }
    else:
        made.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}
    return made


# -- sockets -----------------------------------------------------------------------------------------------------------


def _pair(address: str) -> tuple[socket.socket, socket.socket]:
    for _ in range(100):
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        rtp.bind((address, 0))
        try:
            rtcp.bind((address, rtp.getsockname()[1] + 1))
        except (OSError, OverflowError):
            rtp.close()
            rtcp.close()
            continue
        for each in (rtp, rtcp):
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return rtp, rtcp
    raise RuntimeError("no pair of ports")


def _read(source: socket.socket) -> bytes | None:
    try:
        return source.recv(2048)
    except (BlockingIOError, ConnectionRefusedError):
        return None


def _send(source: socket.socket, datagram: bytes, to: tuple[str, int]) -> None:
    try:
        source.sendto(datagram, to)
    except (BlockingIOError, ConnectionRefusedError):
        return
