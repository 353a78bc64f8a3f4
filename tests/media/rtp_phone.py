"""A test phone without signalling: sends a tone as G.711 over real UDP and keeps all that comes back."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import NamedTuple

import numpy as np

from bridge.rtp.link import Link, PlainLink
from bridge.sdp.audio import NegotiatedAudio, SrtpKey
from tests.peers.g711 import LAWS
from tests.peers.sound import Samples, sine, tones_in

FRAME = 160


class Got(NamedTuple):
    """One RTP packet that came back; `arrival` in monotonic seconds."""

    arrival: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class RtpPhone:
    """Sends a tone of `hz` (0 = silence) in PCMU, 50 packets a second, while `talk` runs."""

    def __init__(self, hz: float = 0.0, link: Link | None = None, address: str = "127.0.0.1") -> None:
        self._link = link or PlainLink()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.rtp, self.rtcp = (
            socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(2)
        )
        self.rtp.bind((address, 0))
        self.rtcp.bind((address, 0))
        self.bridge: tuple[str, int] = (address, 0)
        self.bridge_rtcp: tuple[str, int] = (address, 0)
        self.got: list[Got] = []
        self.got_rtcp: list[bytes] = []
        self.ssrc = 0x1000 + self.rtp.getsockname()[1]
        self.sequence = 65_530
        self.timestamp = 0xFFFF_FF00
        self.sent = 0
        tone = sine(hz, 1.0, 8000) if hz else np.zeros(8000, np.float32)
        law = LAWS["PCMU"]
        self._frames = [law.encode(tone[at : at + FRAME]) for at in range(0, 8000, FRAME)]

    @property
    def address(self) -> tuple[str, int]:
        """Where it wants its RTP."""
        name = self.rtp.getsockname()
        return str(name[0]), int(name[1])

    def audio(self, keys: tuple[SrtpKey, SrtpKey] | None = None) -> NegotiatedAudio:
        """What was agreed with it: PCMU, telephone-event 101. `keys`: (bridge to phone, phone to bridge)."""
        host, rtcp_port = self.rtcp.getsockname()[:2]
        return NegotiatedAudio(
            codec="PCMU",
            payload_type=0,
            receive={0: "PCMU", 8: "PCMA", 13: "CN"},
            remote=self.address,
            remote_rtcp=(host, rtcp_port),
            event_send=101,
            event_receive=101,
            srtp_send=keys[0] if keys else None,
            srtp_receive=keys[1] if keys else None,
        )

    def calls(self, port: int, rtcp_port: int) -> None:
        """The bridge's ports for it."""
        self.bridge = (self.bridge[0], port)
        self.bridge_rtcp = (self.bridge_rtcp[0], rtcp_port)

    def packet(self, payload: bytes | None = None, payload_type: int = 0, marker: bool = False) -> bytes:
        """The next packet of its stream, before protection."""
        if payload is None:
            payload = self._frames[self.sent % len(self._frames)]
            self.timestamp = self.timestamp + FRAME & 0xFFFF_FFFF
        self.sequence = self.sequence + 1 & 0xFFFF
        head = struct.pack(
            "!BBHII", 0x80, payload_type | marker << 7, self.sequence, self.timestamp, self.ssrc
        )
        return head + payload

    def send(self) -> None:
        """Send the next 20 ms."""
        self.rtp.sendto(self._link.wrap_rtp(self.packet()), self.bridge)
        self.sent += 1

    def press(self, digit: str) -> None:
        """Send a key, all its packets at once (RFC 4733)."""
        event = "0123456789*#ABCD".index(digit)
        for number, (end, duration) in enumerate([(0, 160), (0, 320), (128, 480), (128, 480), (128, 480)]):
            payload = struct.pack("!BBH", event, end | 10, duration)
            datagram = self.packet(payload, payload_type=101, marker=number == 0)
            self.rtp.sendto(self._link.wrap_rtp(datagram), self.bridge)
        self.timestamp = self.timestamp + 480 & 0xFFFF_FFFF

    def receive(self) -> None:
        """Take what has come."""
        while datagram := _next(self.rtp):
            packet = self._link.unwrap_rtp(datagram)
            _, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
            self.got.append(
                Got(time.monotonic(), second & 127, second > 127, sequence, timestamp, ssrc, packet[12:])
            )
        while datagram := _next(self.rtcp):
            self.got_rtcp.append(datagram)

    def heard(self, last: int = 40) -> list[float]:
        """The tones [Hz] in the last packets that came."""
        law = LAWS["PCMU"]
        sound: list[Samples] = [law.decode(got.payload) for got in self.got[-last:] if got.payload_type == 0]
        return [round(tone.hz) for tone in tones_in(np.concatenate(sound), 8000)] if sound else []

    def close(self) -> None:
        """Free the ports."""
        self.rtp.close()
        self.rtcp.close()


async def talk(phones: list[RtpPhone], seconds: float) -> None:
    """All phones send and receive for so long, in real time, their packets spread over the 20 ms."""
    start = time.monotonic()
    for tick in range(round(seconds * 50)):
        await asyncio.sleep(max(0.0, start + tick * 0.02 - time.monotonic()))
        for phone in phones:
            phone.receive()
            phone.send()
    await asyncio.sleep(0.02)
    for phone in phones:
        phone.receive()


def _next(sock: socket.socket) -> bytes:
    try:
        return sock.recv(4096)
    except BlockingIOError:
        return b""
