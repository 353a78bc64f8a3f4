"""Which moments of two streams belong together: RTP clocks against the wall clock (RFC 3550 section 6.4.1)."""

from __future__ import annotations

from bridge.rtp import rtcp

STALE_S = 60.0  # a report as old as this says nothing: the clock may have been set anew
_NTP = 1 / 4_294_967_296


class SourceClock:
    """The RTP clock of one source, as its newest sender report tells it. `rate`: of the RTP clock [Hz].

    Wall clocks are the source's own [s since 1900]; they compare with those of its other streams, and with nothing
    else.
    """

    __slots__ = ("_arrival", "_ssrc", "_timestamp", "_wallclock", "rate")

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._ssrc = -1
        self._wallclock = 0.0
        self._timestamp = 0
        self._arrival = 0.0

    def hear(self, report: rtcp.SenderReport, now: float) -> None:
        """A sender report came. One without a wall clock (RFC 3550: zero) is passed over."""
        if report.ntp:
            self._ssrc = report.ssrc
            self._wallclock = report.ntp * _NTP
            self._timestamp = report.rtp_timestamp
            self._arrival = now

    def wallclock(self, ssrc: int, timestamp: int, now: float) -> float | None:
        """When what has this RTP timestamp was captured; None if the source has not reported of late."""
        if ssrc != self._ssrc or now - self._arrival > STALE_S:
            return None
        return self._wallclock + _signed(timestamp - self._timestamp) / self.rate

    def timestamp(self, ssrc: int, wallclock: float, now: float) -> int | None:
        """The RTP timestamp of what was captured at that moment; None if the source has not reported of late."""
        if ssrc != self._ssrc or now - self._arrival > STALE_S:
            return None
        ahead = wallclock - self._wallclock
        if abs(ahead) > STALE_S * 2:
            return None
        return self._timestamp + round(ahead * self.rate) & 0xFFFFFFFF


def _signed(difference: int) -> int:
    return (difference + 0x80000000 & 0xFFFFFFFF) - 0x80000000
