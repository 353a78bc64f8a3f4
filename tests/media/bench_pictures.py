"""A leg with pictures on the workbench: fake time, no sockets; what the worker would be told is kept in lists."""

from __future__ import annotations

import struct
from dataclasses import replace
from random import Random
from typing import Any

from bridge.media import contract
from bridge.media.endpoint import Address
from bridge.media.leg_pictures import LegPictures
from bridge.media.own_ports import OwnPorts
from bridge.media.protection import Protection
from bridge.media.settings import MediaSettings
from bridge.rtp import rtcp, vp8
from bridge.rtp.link import Link, PlainLink
from bridge.sdp.transport import PLAIN, NegotiatedTransport
from bridge.sdp.video import NegotiatedVideo, VideoFormat
from bridge.video.contract import AccessUnit, MediaMessage
from tests.media.bench_leg import AUDIO, IDENTITY, PEER, PEER_RTCP, SIGNALLING, BenchLeg, FakeEndpoint

MID, RID, REPAIRED_RID, NUMBER = 4, 5, 6, 3  # ids of header extensions
VIDEO_PEER = ("192.0.2.7", 4002)
VP8 = VideoFormat("VP8", 96, 97)
VIDEO = NegotiatedVideo(
    receive={96: VP8},
    remote=PEER,
    remote_rtcp=PEER_RTCP,
    send=VP8,
    repairs={97: 96},
    nack=True,
    pli=True,
    rtcp_mux=True,
    rtcp_reduced_size=True,
)
BROWSER = replace(
    VIDEO,
    remb=True,
    transport_cc=True,
    feedback_id=NUMBER,
    mid="1",
    mid_id=MID,
    rid_id=RID,
    repaired_rid_id=REPAIRED_RID,
)


def elements(**values: bytes) -> bytes:
    """A header extension: mid, rid, repaired and number."""
    ids = {"mid": MID, "rid": RID, "repaired": REPAIRED_RID, "number": NUMBER}
    octets = b"".join(bytes((ids[name] << 4 | len(value) - 1,)) + value for name, value in values.items())
    octets += bytes(-len(octets) & 3)
    return b"\xbe\xde" + struct.pack("!H", len(octets) // 4) + octets


class Camera:
    """A source of VP8 as a peer sends it: headers that are good, and nothing behind them. `told`: header extensions."""

    def __init__(self, ssrc: int = 500, height: int = 360, sequence: int = 100, **told: bytes) -> None:
        self.ssrc = ssrc
        self.height = height
        self.sequence = sequence
        self.timestamp = 90_000
        self.told = told
        self.number = 0
        self.sent: dict[int, bytes] = {}  # packets, by number
        self.payloads: dict[int, bytes] = {}

    def picture(self, key: bool = False, octets: int = 2_000, payload_type: int = 96) -> list[bytes]:
        """The packets of the next picture, a 25th of a second after the one before."""
        self.timestamp = self.timestamp + 3_600 & 0xFFFFFFFF
        self.number += 1
        head = b"\x11\0\0"
        if key:
            width = self.height * 16 // 9 & ~1
            head = b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, self.height)
        payloads = vp8.payloads(head + bytes(octets), self.number)
        return [self.packet(payload, payload is payloads[-1], payload_type) for payload in payloads]

    def packet(self, payload: bytes, marker: bool = False, payload_type: int = 96) -> bytes:
        """The next packet."""
        self.sequence = self.sequence + 1 & 0xFFFF
        first = 0x90 if self.told else 0x80
        head = struct.pack(
            "!BBHII", first, payload_type | marker << 7, self.sequence, self.timestamp, self.ssrc
        )
        packet = head + (elements(**self.told) if self.told else b"") + payload
        self.sent[self.sequence] = packet
        self.payloads[self.sequence] = payload
        return packet


class VideoLeg(BenchLeg):
    """A leg with pictures, in a bundle with the sound, or on `alone` on ports of their own."""

    def __init__(self, alone: bool = False) -> None:
        super().__init__()
        self.units: list[AccessUnit] = []
        self.worker: list[MediaMessage] = []
        self.faults: list[Exception] = []
        self.takes = True  # whether the worker does
        self.video_rtp: list[bytes] = []
        self.video_rtcp: list[bytes] = []
        self.video_link: Link = PlainLink()
        self.alone = self._own_ports() if alone else None
        self.pictures = LegPictures(
            self.session,
            self.alone,
            MediaSettings(),
            Random(1),
            self.drops,
            tell=self.events.append,
            give=self._give,
            tell_worker=lambda _, message: self.worker.append(message),
            on_fault=lambda _, fault: self.faults.append(fault),
            conference="1001",
            now=self.now,
        )

    def _own_ports(self) -> OwnPorts:
        endpoint: Any = FakeEndpoint()

        def send_rtp(datagram: bytes, _: Address) -> bool:
            (self.video_rtcp if 192 <= datagram[1] <= 223 else self.video_rtp).append(datagram)
            return True

        def send_rtcp(datagram: bytes, _: Address) -> bool:
            self.video_rtcp.append(datagram)
            return True

        return OwnPorts(
            "a",
            endpoint,
            Protection(IDENTITY),
            MediaSettings().rate_factor,
            self.drops,
            lambda _: None,
            send_rtp_to=send_rtp,
            send_rtcp_to=send_rtcp,
            is_own=self.own.__contains__,
        )

    def _give(self, conference: str, unit: AccessUnit) -> bool:
        assert conference == "1001"
        if self.takes:
            self.units.append(unit)
        return self.takes

    def agree(
        self,
        video: NegotiatedVideo | None = VIDEO,
        slides: NegotiatedVideo | None = None,
        video_transport: NegotiatedTransport | None = None,
        transport: NegotiatedTransport = PLAIN,
        **audio: Any,
    ) -> None:
        """Both ends have each other's description. Sound and RTCP share a port where pictures are in the bundle."""
        agreed = replace(AUDIO, rtcp_mux=self.alone is None, **audio)
        if self.alone is not None and video_transport is None:
            video_transport = PLAIN
        if self.alone is not None and video is not None and video.remote == PEER:
            video = replace(video, remote=VIDEO_PEER)
        command = contract.ConfigureLeg(
            "a",
            agreed,
            SIGNALLING,
            transport=transport,
            video=video,
            slides=slides,
            video_transport=video_transport,
        )
        self.session.configure(command, self.now)
        self.pictures.configure(command, self.now)

    def go(self, seen: int = 360, slides: int = 0) -> None:
        """There is a worker, and this leg is on stage."""
        self.pictures.serve(True, self.now)
        self.pictures.show(seen, slides, self.now)

    def watch(self, *packets: bytes, wrapped: bool = False) -> None:
        """Packets of pictures come now."""
        for packet in packets:
            if self.alone is None:
                datagram = packet if wrapped else self.link.wrap_rtp(packet)
                self.transport.take_rtp(datagram, PEER, self.now)
            else:
                datagram = packet if wrapped else self.video_link.wrap_rtp(packet)
                self.alone.take_rtp(datagram, VIDEO_PEER, self.now)

    def hear_report(self, octets: bytes) -> None:
        """RTCP comes along the transport of the pictures."""
        if self.alone is None:
            self.transport.take_rtp(self.link.wrap_rtcp(octets), PEER, self.now)
        else:
            self.alone.take_rtp(self.video_link.wrap_rtcp(octets), VIDEO_PEER, self.now)

    def pass_time(self, seconds: float, talking: bool = False) -> None:
        for _ in range(round(seconds * 50)):
            super().pass_time(0.02, talking)
            if self.pictures.deadline <= self.now:
                self.pictures.wake(self.now, 1.7e9 + self.now)

    def film(self, camera: Camera, seconds: float, key_at: float = 0.0) -> None:
        """The camera runs, 25 pictures a second; the first one at `key_at` [s] or behind is a key frame."""
        for n in range(round(seconds * 25)):
            self.watch(*camera.picture(key=n == round(key_at * 25)))
            self.pass_time(0.04)

    @property
    def asked(self) -> list[rtcp.RtcpPacket]:
        """All RTCP that was sent along the transport of the pictures since the last call, unless it is SRTCP."""
        if self.alone is None:
            sent = [datagram for datagram, _ in self.rtp if 192 <= datagram[1] <= 223]
            self.rtp.clear()
        else:
            sent = list(self.video_rtcp)
            self.video_rtcp.clear()
        return [packet for datagram in sent for packet in rtcp.parse_compound(datagram)]
