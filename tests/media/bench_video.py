"""A sender of pictures on the workbench: no sockets, in time that the test sets; what it sends and tells is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from bridge.media import contract
from bridge.media.protection import Protection
from bridge.media.transport import Transport
from bridge.media.video_sender import VideoSender
from bridge.message import Message
from bridge.rtp.batch import Batch
from bridge.rtp.estimate import Estimate
from bridge.rtp.packet import RtpPacket, parse
from bridge.rtp.rtcp import RtcpPacket, parse_compound
from bridge.sdp.video import NegotiatedVideo, VideoFormat
from bridge.video.contract import EncodedPicture, MediaMessage
from tests.media.bench_leg import IDENTITY

VIDEO = NegotiatedVideo(
    receive={96: VideoFormat("VP8", 96)},
    remote=("192.0.2.7", 5000),
    remote_rtcp=("192.0.2.7", 5001),
    send=VideoFormat("VP8", 96, rtx=97),
    nack=True,
    pli=True,
    fir=True,
)


class OpenWay(Transport):
    """A transport that keeps what is sent. `open`: whether it may be sent along, `full`: whether that waits."""

    def __init__(self, drops: Counter[str]) -> None:
        self.told: list[contract.Event] = []
        super().__init__("a", Protection(IDENTITY), 3.0, drops, self.told.append)
        self.open = True
        self.full = False
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []

    def protect(self, video: NegotiatedVideo, now: float) -> None:
        """Use the keys that were agreed on."""
        self._protection.configure(video, None, now)

    def _aim(self, *_: object) -> None:
        pass

    @property
    def protocol(self) -> str:
        return "udp"

    def may_send(self, packets: int = 1) -> bool:
        return self.open

    def may_report(self) -> bool:
        return self.open

    def crowded(self) -> bool:
        return self.full

    def _send(self, datagram: bytes) -> None:
        self.rtp.append(datagram)

    def _send_report(self, datagram: bytes) -> None:
        self.rtcp.append(datagram)

    def _path_told(self) -> None:
        return None


class BenchVideo:
    """One sender, configured; `show` pictures and let time pass."""

    def __init__(self, video: NegotiatedVideo = VIDEO, open: bool = True, **changes: Any) -> None:
        self.now = 1000.0
        self.drops: Counter[str] = Counter()
        self.way = OpenWay(self.drops)
        self.way.open = open
        self.told: list[MediaMessage] = []
        self.batch = Batch()
        self.estimate = Estimate(self.now)
        self.sender = VideoSender("a", self.way, self.estimate, self.drops, tell=self.told.append)
        self.agreed = replace(video, **changes)
        self.sender.configure(self.agreed, self.now)

    @property
    def ssrc(self) -> int:
        return self.sender.stream.ssrc

    @property
    def rate(self) -> int:
        """What it may send [bit/s]."""
        return self.estimate.share(self.ssrc)

    def configure(self, **changes: Any) -> None:
        self.agreed = replace(self.agreed, **changes)
        self.sender.configure(self.agreed, self.now)

    def show(self, payloads: int = 3, key: bool = False, octets: int = 1000) -> list[RtpPacket]:
        """A picture comes from the worker and leaves whole; returns its packets."""
        self.offer(payloads, key, octets)
        return self.drain()

    def offer(self, payloads: int = 3, key: bool = False, octets: int = 1000) -> bool:
        picture = EncodedPicture(("a",), key, self.now, tuple(cut(payloads, octets)))
        return self.sender.offer(picture, self.now)

    def drain(self) -> list[RtpPacket]:
        """Let what waits leave at its time; 40 ms pass at most."""
        end = self.now + 0.04
        while (due := self.send()) <= end:
            self.now = max(self.now, due)
        self.now = end
        return self.take()

    def send(self) -> float:
        """Let what is due leave; returns when the next is."""
        return self.sender.send(self.now, self.batch)

    def take(self) -> list[RtpPacket]:
        """What was sent since the last call."""
        datagrams, self.way.rtp = self.way.rtp, []
        return [parse(datagram, feedback_id=self.agreed.feedback_id) for datagram in datagrams]

    def hear(self, packet: RtcpPacket) -> None:
        self.sender.take_feedback(packet, self.now)

    def pass_time(self, seconds: float, each: Callable[[], object] = lambda: None) -> None:
        """Time passes in steps of 100 ms; `each` is done in every one."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            each()
            if self.sender.deadline <= self.now:
                self.sender.wake(self.now)

    def told_of(self, kind: type[Message]) -> list[MediaMessage]:
        return [message for message in self.told if isinstance(message, kind)]

    def reports(self) -> list[RtcpPacket]:
        datagrams, self.way.rtcp = self.way.rtcp, []
        return [packet for datagram in datagrams for packet in parse_compound(datagram)]


def cut(payloads: int, octets: int = 1000) -> Iterator[bytes]:
    """Payloads that differ, all of the same size but the last."""
    for number in range(payloads):
        size = octets if number + 1 < payloads else octets // 2
        yield bytes((number & 0xFF,)) * size
