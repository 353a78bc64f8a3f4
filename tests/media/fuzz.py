"""What the fuzzer feeds to a live leg: any datagram is taken or dropped by name, nothing ever rises."""

from __future__ import annotations

from collections.abc import Callable

from bridge.rtp import rtcp
from tests.media.bench_leg import PEER, BenchLeg


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


_PHONE = BenchLeg()

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
    )
}
