"""One session on the workbench: fake time, no sockets, everything that it tells or sends kept in lists."""

from __future__ import annotations

import datetime
import struct
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

from bridge.media import contract
from bridge.media.endpoint import Address
from bridge.media.own_ports import OwnPorts
from bridge.media.protection import Protection
from bridge.media.session import Session
from bridge.media.settings import MediaSettings
from bridge.message import Message
from bridge.rtc.identity import Identity
from bridge.rtp.link import Link, PlainLink
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.transport import PLAIN, NegotiatedTransport

IDENTITY = Identity.make(datetime.datetime.now(datetime.UTC))
PEER = ("192.0.2.7", 4000)
PEER_RTCP = ("192.0.2.7", 4001)
SIGNALLING = "192.0.2.7"
AUDIO = NegotiatedAudio(
    codec="PCMU",
    payload_type=0,
    receive={0: "PCMU", 8: "PCMA", 111: "opus", 13: "CN"},
    remote=PEER,
    remote_rtcp=PEER_RTCP,
    event_send=101,
    event_receive=101,
)


class FakeEndpoint:
    address, port, rtcp_port = "192.0.2.1", 20000, 20001


class BenchLeg:
    """`configure` first; then feed datagrams and let time pass."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.events: list[contract.Event] = []
        self.losses: list[float] = []
        self.rtp: list[tuple[bytes, Address]] = []
        self.rtcp: list[tuple[bytes, Address]] = []
        self.drops: Counter[str] = Counter()
        self.own: set[Address] = set()
        self.link: Link = PlainLink()
        self.sequence = 100
        self.timestamp = 5000
        endpoint: Any = FakeEndpoint()
        self.transport = OwnPorts(
            "a",
            endpoint,
            Protection(IDENTITY),
            MediaSettings().rate_factor,
            self.drops,
            self.events.append,
            send_rtp_to=self._send_rtp,
            send_rtcp_to=self._send_rtcp,
            is_own=self.own.__contains__,
        )
        self.session = Session(
            "a",
            self.transport,
            MediaSettings(),
            Random(1),
            self.drops,
            tell=self.events.append,
            on_loss=lambda _, fraction: self.losses.append(fraction),
        )

    def _send_rtp(self, datagram: bytes, to: Address) -> bool:
        self.rtp.append((datagram, to))
        return True

    def _send_rtcp(self, datagram: bytes, to: Address) -> bool:
        self.rtcp.append((datagram, to))
        return True

    def configure(
        self,
        audio: NegotiatedAudio = AUDIO,
        signalling: str = SIGNALLING,
        latch: bool = False,
        transport: NegotiatedTransport = PLAIN,
        **changes: Any,
    ) -> None:
        agreed = replace(audio, **changes)
        command = contract.ConfigureLeg("a", agreed, signalling, latch, transport=transport)
        self.session.configure(command, self.now)

    def packet(
        self,
        payload: bytes = bytes(160),
        payload_type: int = 0,
        ssrc: int = 77,
        step: int = 160,
        marker: bool = False,
        extension: bytes = b"",
    ) -> bytes:
        """The peer's next packet, wrapped by its link."""
        self.sequence = self.sequence + 1 & 0xFFFF
        self.timestamp = self.timestamp + step & 0xFFFFFFFF
        first = 0x90 if extension else 0x80
        head = struct.pack("!BBHII", first, payload_type | marker << 7, self.sequence, self.timestamp, ssrc)
        return self.link.wrap_rtp(head + extension + payload)

    def hear(self, datagram: bytes | None = None, source: Address = PEER) -> None:
        """A datagram comes to the RTP port now; the next packet of the peer unless another is given."""
        self.transport.take_rtp(self.packet() if datagram is None else datagram, source, self.now)

    def hear_rtcp(self, datagram: bytes, source: Address = PEER_RTCP) -> None:
        self.transport.take_rtcp(datagram, source, self.now)

    def pass_time(self, seconds: float, talking: bool = False) -> None:
        """Let time pass in ticks, with the peer talking or not."""
        for _ in range(round(seconds * 50)):
            self.now += 0.02
            if talking:
                self.hear()
            self.session.pop(self.now)
            if self.session.deadline <= self.now:
                self.session.wake(self.now, 1_700_000_000.0 + self.now)

    def send(self, count: int = 1) -> None:
        """The mixer gives so many payloads for the leg."""
        for _ in range(count):
            self.session.send_audio(b"\xff" * 160, 960, False)

    def told(self, kind: type[Message]) -> list[contract.Event]:
        return [event for event in self.events if isinstance(event, kind)]
