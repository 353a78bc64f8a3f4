"""Keeps: a picture is due when the sound leaves that was captured with it; without reports, when it came."""

from __future__ import annotations

from bridge.rtp import rtcp
from bridge.rtp.sync import SourceClock
from tests.media.bench_pictures import Camera, VideoLeg

EPOCH = 3_900_000_000  # of the peer's clock [s since 1900]


def report(ssrc: int, wallclock: float, timestamp: int) -> bytes:
    ntp = int((EPOCH + wallclock) * 2**32)
    return rtcp.serialise(rtcp.SenderReport(ssrc, ntp, timestamp & 0xFFFFFFFF, 1, 1))


class Filmed:
    """A peer that talks and films; its pictures take `late` seconds longer to come than its sound."""

    def __init__(self, late: float = 0.0, offset: int = 0) -> None:
        self.leg = VideoLeg()
        self.leg.agree()
        self.leg.go()
        self.camera = Camera()
        self.late = late
        self.offset = offset

    def run(self, seconds: float, reports: bool = True) -> None:
        leg, camera = self.leg, self.camera
        for n in range(round(seconds * 25)):
            leg.pass_time(0.04, talking=True)
            packets = camera.picture(key=n == 0)
            if reports and n % 25 == 12:
                captured = leg.now - self.late
                leg.hear_report(report(77, leg.now, leg.timestamp))
                leg.hear_report(report(500, captured + self.offset, camera.timestamp))
            leg.watch(*packets)

    @property
    def waits(self) -> list[float]:
        """How long each of the last pictures has to wait [s]."""
        return [round(unit.due - unit.arrival, 3) for unit in self.leg.units[-5:]]


def test_without_reports_a_picture_is_due_when_it_came() -> None:
    peer = Filmed()
    peer.run(2.0, reports=False)
    assert peer.waits == [0.0] * 5


def test_pictures_wait_as_long_as_the_sound_does() -> None:
    peer = Filmed()
    peer.run(3.0)
    delay = peer.leg.session.received.buffer.delay
    stamp = peer.leg.session.received.played(peer.leg.timestamp, peer.leg.now)
    assert stamp is not None and delay > 0
    assert all(abs(wait - (stamp - peer.leg.now)) < 0.021 for wait in peer.waits)


def test_pictures_that_come_after_their_sound_wait_for_nothing() -> None:
    peer = Filmed(late=0.2)
    peer.run(3.0)
    assert peer.waits == [0.0] * 5


def test_none_waits_longer_than_300_ms() -> None:
    peer = Filmed(late=-0.6)
    peer.run(3.0)
    assert peer.waits == [0.3] * 5


def test_streams_with_two_clocks_are_not_believed() -> None:
    for late in (-5.0, 5.0):
        peer = Filmed(late=late)
        peer.run(3.0)
        assert peer.waits == [0.0] * 5


def test_a_peer_that_is_silent_gives_no_measure() -> None:
    peer = Filmed()
    peer.run(2.0)
    for _ in range(60):
        peer.leg.watch(*peer.camera.picture())
        peer.leg.pass_time(0.04)
    assert peer.waits == [0.0] * 5


def test_a_clock_says_nothing_of_others_and_nothing_for_ever() -> None:
    clock = SourceClock(90_000)
    assert clock.wallclock(5, 0, 10.0) is None
    clock.hear(rtcp.SenderReport(5, 0, 100, 1, 1), 10.0)  # no wall clock
    assert clock.wallclock(5, 0, 10.0) is None
    clock.hear(rtcp.SenderReport(5, EPOCH << 32, 0xFFFFFF00, 1, 1), 10.0)
    moment = clock.wallclock(5, 90_000 - 0x100, 11.0)
    assert moment is not None and abs(moment - EPOCH - 1.0) < 1e-6
    assert clock.timestamp(5, moment, 11.0) == 90_000 - 0x100
    assert clock.wallclock(6, 0, 11.0) is None and clock.timestamp(6, moment, 11.0) is None
    assert clock.timestamp(5, moment + 1e6, 11.0) is None
    assert clock.wallclock(5, 0, 80.0) is None
