"""What the fuzzer feeds to a live leg: any datagram is taken or dropped by name, nothing ever rises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.media.endpoint import Receiver
from bridge.media.ice_path import IcePath
from bridge.media.protection import Protection
from bridge.media.session import Session
from bridge.media.settings import MediaSettings
from bridge.media.shared_port import SharedPort
from bridge.rtc.dtls import Handshake
from bridge.rtc.ice import Path
from bridge.rtp import rtcp, rtcp_feedback
from bridge.rtp.congestion import Arrivals
from bridge.sdp.transport import DtlsRole, NegotiatedDtls, NegotiatedTransport
from bridge.sdp.video import VideoFormat
from tests.media.bench_leg import AUDIO, IDENTITY, PEER, BenchLeg
from tests.media.bench_pictures import BROWSER, Camera, VideoLeg
from tests.media.bench_video import BenchVideo
from tests.rtc.checks import AGREED, check
from tests.rtc.ends import THEIRS


def _leg() -> BenchLeg:
    leg = BenchLeg()
    leg.configure(rtcp_mux=True)
    return leg


_LEG = _leg()  # one for all cases: what one leaves behind, the next ones meet


def fuzz_media_port(data: bytes) -> object:
    """A datagram from the peer at the RTP port, and the tick after it."""
    leg = _LEG
    before = leg.session.received.packets + sum(leg.drops.values())
    leg.now += 0.02
    leg.hear(data, PEER)
    units = leg.session.pop(leg.now)
    leg.session.wake(leg.now, 1.7e9)
    leg.events.clear()
    leg.rtp.clear()
    leg.losses.clear()
    return units, before


class _Browser:
    """A leg on a shared port that has no socket: what is sent goes nowhere."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.path = Path("192.0.2.7", 4000, 0)
        self.drops: Counter[str] = Counter()
        self.faults: list[Exception] = []
        self.events: list[contract.Event] = []
        port = SharedPort((), 0, False, Receiver(self.drops), self.drops)
        self.transport = IcePath(
            "a", port, Protection(IDENTITY), 3.0, self.drops, self.events.append, self.faults.append
        )
        self.session = Session(
            "a",
            self.transport,
            MediaSettings(),
            Random(1),
            self.drops,
            tell=self.events.append,
            on_loss=lambda *_: None,
        )
        dtls = NegotiatedDtls(DtlsRole.SERVER, (THEIRS.fingerprint,))
        self.session.configure(
            contract.ConfigureLeg("a", AUDIO, transport=NegotiatedTransport(AGREED, dtls)), self.now
        )
        self.transport.take_check(check(nominate=True), self.path, self.now)


_BROWSER = _Browser()


def fuzz_shared_port(data: bytes) -> object:
    """A datagram along a path that has passed, as it is and as a check, and the tick after it."""
    leg = _BROWSER
    leg.now += 0.02
    for path in (leg.path, leg.path._replace(port=4001)):
        leg.transport.take_check(data, path, leg.now)
    leg.transport.take(data, leg.path, leg.now)
    leg.session.wake(leg.now, 1.7e9)
    leg.events.clear()
    return leg.drops


_PHONE = BenchLeg()

_HELLO = Handshake(THEIRS, NegotiatedDtls(DtlsRole.CLIENT, (IDENTITY.fingerprint,)), 0.0).start(0.0)

_PICTURES = BenchVideo(transport_cc=True, feedback_id=3)  # one for all cases as well


def fuzz_video_feedback(data: bytes) -> object:
    """RTCP of somebody who gets pictures: whatever it says, what is sent stays within bounds."""
    bench = _PICTURES
    bench.show(3, key=True)
    asked = len(bench.told)
    try:
        packets = rtcp.parse_compound(data)
    except ProtocolError:
        return None
    for packet in packets:
        bench.hear(packet)
    bench.pass_time(0.1)
    assert 64_000 <= bench.rate <= 3_000_000
    assert len(bench.told) - asked <= 2
    assert len(bench.take()) <= 20
    bench.told.clear()
    bench.way.rtcp.clear()
    return packets


def _feedback() -> list[bytes]:
    """What such a peer may say."""
    ssrc, arrivals = _PICTURES.ssrc, Arrivals()
    for number in range(9):
        arrivals.note(number, 5.0 + number / 100)
    return [
        arrivals.feedback(1, ssrc) or b"",
        rtcp.serialise(rtcp_feedback.Nack(1, ssrc, ((_PICTURES.sender.stream.sequence, 0xFFFF),))),
        rtcp.serialise(rtcp_feedback.PictureLoss(1, ssrc)),
        rtcp.serialise(rtcp_feedback.FullIntra(1, ((ssrc, 3),))),
        rtcp.serialise(rtcp_feedback.EstimatedBitrate(1, 500_000, (ssrc,))),
        rtcp.serialise(rtcp_feedback.BitrateRequest(1, ((ssrc, 500_000),))),
        rtcp.serialise(rtcp.ReceiverReport(1, (rtcp.ReportBlock(ssrc, 2, 3, 4, 5, 6, 7),))),
    ]


def _filmed() -> VideoLeg:
    leg = VideoLeg()
    leg.agree(EVERY, replace(EVERY, mid="2"))
    leg.go(360, 360)
    return leg


EVERY = replace(
    BROWSER,
    receive={96: VideoFormat("VP8", 96, 97), 98: VideoFormat("H264", 98), 99: VideoFormat("VP9", 99)},
    tmmbr=True,
    orientation_id=7,
    rids=("l", "h"),
)
_FILMED = _filmed()


def fuzz_video_port(data: bytes) -> object:
    """A datagram from a peer with camera and slides, and the ticks after it."""
    leg = _FILMED
    leg.now += 0.02
    leg.watch(data, wrapped=True)
    leg.session.wake(leg.now, 1.7e9)
    leg.pictures.wake(leg.now, 1.7e9)
    assert not leg.faults, leg.faults
    assert all(len(datagram) < 1_300 for datagram, _ in leg.rtp) and len(leg.rtp) < 20
    leg.events.clear()
    leg.rtp.clear()
    leg.units.clear()
    leg.worker.clear()
    return leg.drops


def _films() -> list[bytes]:
    """What such a peer may send."""
    low = Camera(501, mid=b"1", rid=b"l")
    slides = Camera(502, mid=b"2", number=b"\0\1")
    again = Camera(503, mid=b"1", repaired=b"l")
    return [
        *low.picture(key=True)[-1:],
        *slides.picture(key=True, octets=100),
        *low.picture(octets=100),
        again.packet(b"\0\x65" + bytes(20), payload_type=97),
        low.packet(b"\x78\0\x0bg\x42\xc0\x1e\xd9\0\xa0\x47\xfe\x88\0\x02h\xce", payload_type=98),
        rtcp.serialise(rtcp.SenderReport(501, 1 << 60, 2, 3, 4)) + rtcp.serialise(rtcp.Bye((502,))),
    ]


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "media_port": (
        fuzz_media_port,
        [
            _PHONE.packet(),
            _PHONE.packet(b"\xfc\xff\xfe", 111, step=960),
            _PHONE.packet(b"\x05\x8a\x03\x20", 101, step=0, marker=True),
            _PHONE.packet(b"\x50", 13),
            rtcp.serialise(rtcp.SenderReport(77, 1, 2, 3, 4, (rtcp.ReportBlock(1, 2, 3, 4, 5, 6, 7),))),
            rtcp.serialise(rtcp.Bye((77,))),
        ],
    ),
    "video_feedback": (fuzz_video_feedback, _feedback()),
    "video_port": (fuzz_video_port, _films()),
    "shared_port": (
        fuzz_shared_port,
        [check(), check(nominate=True), check(password="wrong"), *_HELLO, _PHONE.packet()],
    ),
}
