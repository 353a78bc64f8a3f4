"""One call's RTP: sends a loop of payloads, and notes of what comes the header and the kernel's time stamp."""

from __future__ import annotations

import random
import socket
import struct
from abc import ABC, abstractmethod
from collections import deque

from tools.load.speech import Codec, Loop

SO_TIMESTAMPNS = 35  # of Linux; the socket module does not name it
NOTE = 28  # octets noted of a packet: 12 of the RTP header, 16 of the kernel's struct timespec
_KEYS = "0123456789*#"
_FIRST_PORT, _LAST_PORT = 32_000, 60_998
_RECEIVE_BUFFER = 1 << 20


class Stream(ABC):
    """What one caller says and hears.

    `listens`: payloads are kept too, for what must be heard and not only counted.
    """

    def __init__(self, codec: Codec, loop: Loop, position: int, listens: bool) -> None:
        self.codec = codec
        self.notes = bytearray()
        self.payloads: list[bytes] | None = [] if listens else None
        self.sent = 0
        self.begun_ns: list[int] = []  # when the loop was begun anew [ns of the wall clock]
        self.active = False
        self._loop, self._position = loop, position
        self._step = codec.clock // 50
        self._sequence, self._clock = random.getrandbits(15), random.getrandbits(32)
        self._ssrc = random.getrandbits(32)
        self._talking = False  # for the marker after silence
        # Events still to be sent, b"" is a pause; bounded by who asks for them.
        self._keys: deque[bytes] = deque()
        self._key_clock = 0
        self._event_type = 101

    @abstractmethod
    def fileno(self) -> int:
        """For the poll."""

    @abstractmethod
    def receive(self) -> None:
        """Take one packet in; the poll tells when there are more."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the kernel has lent."""

    @abstractmethod
    def _transmit(self, second: int, clock: int, payload: bytes, position: int) -> None:
        """Send a packet. `second`: the second octet of its header, `position`: that of the payload in the loop."""

    def stop(self) -> None:
        """Send no more; what comes is still noted."""
        self.active = False

    def press(self, keys: str) -> None:
        """Queue RFC 4733 events of 100 ms, 100 ms apart; their end is sent three times."""
        for key in keys:
            code = _KEYS.index(key)
            for step in (1, 2, 3, 4, 5, 5, 5):
                self._keys.append(struct.pack("!BBH", code, 10 | (step == 5) << 7, step * self._step))
            self._keys.extend([b""] * 5)

    def send(self, now_ns: int) -> None:
        """Send this slot's packet, if there is one. Whoever calls keeps the pace of 50 a second."""
        position = self._position
        payload = self._loop[position] if self._loop else b""
        if position == 0:
            self.begun_ns.append(now_ns)
        self._position = (position + 1) % max(1, len(self._loop))
        self._clock = (self._clock + self._step) & 0xFFFFFFFF
        clock, kind = self._clock, self.codec.payload_type
        event = self._keys.popleft() if self._keys else b""
        if event:
            if event[2:] == self._step.to_bytes(2, "big"):
                self._key_clock = clock
            payload, clock, kind = event, self._key_clock, self._event_type
        if not payload:
            self._talking = False
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        second = kind if self._talking else kind | 0x80
        self._talking = True
        try:
            self._transmit(second, clock, payload, position)
            self.sent += 1
        except (ConnectionRefusedError, BlockingIOError):
            pass


class PhoneStream(Stream):
    """A pair of UDP ports on loopback: RTP, and RTCP, which is not read."""

    def __init__(self, codec: Codec, loop: Loop, position: int, listens: bool) -> None:
        super().__init__(codec, loop, position, listens)
        self._rtp, self._rtcp = bound_pair()

    def fileno(self) -> int:
        """For the poll."""
        return self._rtp.fileno()

    @property
    def port(self) -> int:
        """Where it wants its packets."""
        return int(self._rtp.getsockname()[1])

    def start(self, remote: tuple[str, int], event_type: int) -> None:
        """Send to `remote` from the next slot on."""
        self._rtp.connect(remote)
        self._event_type, self.active = event_type, True

    def close(self) -> None:
        """Give the ports back."""
        self._rtp.close()
        self._rtcp.close()

    def _transmit(self, second: int, clock: int, payload: bytes, position: int) -> None:
        self._rtp.send(struct.pack("!BBHII", 0x80, second, self._sequence, clock, self._ssrc) + payload)

    def receive(self) -> None:
        """Take one packet in; the poll tells when there are more."""
        try:
            datagram, notes, _, _ = self._rtp.recvmsg(2048, 64)
        except (ConnectionRefusedError, BlockingIOError):
            return
        if len(datagram) < 12 or 72 <= datagram[1] & 127 <= 76:  # RTCP beside RTP (RFC 5761)
            return
        self.notes += datagram[:12] + notes[0][2]
        if self.payloads is not None:
            self.payloads.append(datagram[12:])


_pairs = iter(range(_FIRST_PORT, _LAST_PORT, 2))  # of ports that were not tried yet


def bound_pair() -> tuple[socket.socket, socket.socket]:
    """Sockets for RTP (`prepare`d) and RTCP on a fresh pair of ports. Raises RuntimeError when none is left."""
    for port in _pairs:
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        try:
            rtp.bind(("127.0.0.1", port))
            rtcp.bind(("127.0.0.1", port + 1))
        except OSError:
            rtp.close()
            rtcp.close()
            continue
        prepare(rtp)
        return rtp, rtcp
    raise RuntimeError("no ports left")


def prepare(sock: socket.socket) -> None:
    """Make a UDP socket tell when packets came, and keep many of them until they are read."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
