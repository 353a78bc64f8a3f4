"""What the peer of a leg is told of its pictures: reports, wishes, their rate, when numbered packets came."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from random import Random
from typing import Final

from bridge.media.session import PICTURES_FEEDBACK_S, Session
from bridge.media.transport import Transport
from bridge.media.video_session import VideoSession
from bridge.rtp import rtcp, rtcp_feedback
from bridge.rtp.congestion import Arrivals
from bridge.sdp.video import Content, NegotiatedVideo

REPORT_S: Final = 1.0  # between reports while pictures are seen: their senders go by what is lost
REMB_S: Final = 1.0
REMB_CHANGE: Final = 0.05
SOUND_BITRATE: Final = (
    80_000  # [bit/s]: what REMB allows beside the pictures, as it counts the whole transport
)
LONGEST_FEEDBACK: Final = 1_200  # octets


class PictureReports:
    """Of the `streams` of one leg, which change under it. `interval_s`: mean distance of reports off stage.

    Where sound and pictures share a transport, the session of the sound tells when numbered packets came.
    """

    def __init__(
        self, streams: Mapping[Content, VideoSession], session: Session, interval_s: float, random: Random
    ) -> None:
        self._streams = streams
        self._session = session
        self._interval_s = interval_s
        self._random = random
        self._transport = session.transport
        self._arrivals = Arrivals()
        self._arrivals_due = self._report_due = inf
        self._reduced = False  # no report need come before feedback (RFC 5506)
        self._asks = False  # by REMB
        self._rate, self._rate_due = 0, -inf

    def configure(self, transport: Transport, agreed: list[NegotiatedVideo], now: float) -> None:
        """Take what was negotiated for all streams; they travel by `transport`."""
        self._transport = transport
        self._reduced = all(video.rtcp_reduced_size for video in agreed)
        self._asks = any(video.remb and video.receives for video in agreed)
        self._rate = 0
        if not agreed:
            self._report_due = inf
        elif self._report_due == inf:
            self._report_due = now + REPORT_S * self._random.random()

    @property
    def _bundled(self) -> bool:
        return self._transport is self._session.transport

    def note(self, number: int, arrival: float) -> None:
        """A packet with this transport-wide number came."""
        if self._bundled:
            self._session.note(number, arrival, PICTURES_FEEDBACK_S)
            return
        self._arrivals.note(number, arrival)
        if self._arrivals_due == inf:
            self._arrivals_due = arrival + PICTURES_FEEDBACK_S

    def wake(self, wishes: list[bytes], on_stage: bool, now: float, wallclock: float) -> None:
        """Send what is due, and `wishes`: feedback of the streams."""
        if self._asks:
            wishes += self._ask_rate(now)
        if now >= self._arrivals_due:
            self._arrivals_due = inf
            wishes += self._tell_arrivals(now)
        if now >= self._report_due:
            mean = REPORT_S if on_stage else self._interval_s
            self._report_due = now + mean * (0.5 + self._random.random())
            self.report(now, wallclock)
        if wishes:
            self._send(wishes)

    def _ask_rate(self, now: float) -> list[bytes]:
        """REMB: it counts all that comes along the transport. It is said again, and at once when it is another."""
        rate = SOUND_BITRATE if self._bundled else 0
        rate += sum(stream.demand.rate for stream in self._streams.values())
        if now < self._rate_due and abs(rate - self._rate) <= REMB_CHANGE * self._rate:
            return []
        sources = self._sources(now)
        if not sources:
            return []
        self._rate, self._rate_due = rate, now + REMB_S
        return [rtcp.serialise(rtcp_feedback.EstimatedBitrate(self._ours, rate, sources))]

    def _sources(self, now: float) -> tuple[int, ...]:
        return tuple(ssrc for stream in self._streams.values() for ssrc in stream.tracks.sources(now))

    @property
    def _ours(self) -> int:
        """The SSRC that feedback comes from."""
        return next(iter(self._streams.values())).sender.stream.ssrc

    def _tell_arrivals(self, now: float) -> list[bytes]:
        sources = self._sources(now)
        told = self._arrivals.feedback(self._ours, sources[0]) if sources else None
        return [told] if told is not None else []

    def _send(self, wishes: list[bytes]) -> None:
        """Send feedback, as much in a datagram as fits; where it has to follow a report, an empty one goes before."""
        if not self._transport.may_report():
            return
        before = b"" if self._reduced else rtcp.serialise(rtcp.ReceiverReport(self._ours))
        datagram = b""
        for wish in wishes:
            if datagram and len(before) + len(datagram) + len(wish) > LONGEST_FEEDBACK:
                self._transport.send_rtcp(before + datagram)
                datagram = b""
            datagram += wish
        self._transport.send_rtcp(before + datagram)

    def report(self, now: float, wallclock: float, bye: bool = False) -> None:
        """One report of each stream, with what comes of it. `wallclock`: seconds since 1970; `bye`: the last one."""
        if not self._transport.may_report():
            return
        for stream in self._streams.values():
            ours = stream.sender.stream.ssrc
            report = stream.sender.report(now, wallclock, stream.blocks(now))
            # The same name as the sound has: so the peer plays them together.
            name = rtcp.SourceDescription(((ours, ((rtcp.CNAME, self._session.cname),)),))
            octets = rtcp.serialise(report) + rtcp.serialise(name)
            self._transport.send_rtcp(octets + (rtcp.serialise(rtcp.Bye((ours,))) if bye else b""))
        self._measure()

    def _measure(self) -> None:
        """Tell the streams how long it is to the peer and back."""
        streams = self._streams.values()
        round_trip = max((stream.sender.stream.round_trip_s for stream in streams), default=0.0)
        round_trip = round_trip or self._session.sent.round_trip_s
        if round_trip:
            for stream in streams:
                stream.measured(round_trip)
