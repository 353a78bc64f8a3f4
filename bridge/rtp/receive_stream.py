"""What comes from a peer: through statistics into the jitter buffer.

A receive stream follows one source (SSRC) at a time. It maps the RTP timestamps of whatever source, codec or restart
onto one media time that never jumps, so that the jitter buffer need not know of any of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp import rtcp
from bridge.rtp.jitter import RATE, JitterBuffer
from bridge.rtp.packet import RtpPacket
from bridge.rtp.payload import Format, format_of
from bridge.rtp.sequence import MAX_DROPOUT, SequenceTracker

_SECONDS: Final = 1 / RATE
_LEAP: Final = 14_400  # a timestamp 300 ms ahead of both clock and numbers is a jump
_OLD: Final = 2 * RATE  # an old packet more than 2 s back is not placed any more
# Numbers skipped in one silence of at least this length were never sent (a pause by a source that numbers by time), or
# the path was down; neither is loss that a report or FEC could answer.
_PAUSE_NUMBERS: Final = 40
_PAUSE_S: Final = 0.8
_SILENT_S: Final = 2.0  # without a packet, the buffer's delay says nothing of what comes next


class ReceiveStream:
    """Everything that one leg's audio stream is when it comes in.

    `ssrc`: the source followed, None before the first packet. `jitter_s`: interarrival jitter [s] (RFC 3550 A.8).
    `packets`, `lost`: different packets received, and missing ones, over all sources of this stream.
    """

    __slots__ = (
        "_arrival",
        "_candidate",
        "_duration",
        "_events",
        "_formats",
        "_gone",
        "_lost_before",
        "_packets_before",
        "_scale",
        "_sr_arrival",
        "_sr_middle",
        "_stamp",
        "_timestamp",
        "_tracker",
        "_transit",
        "buffer",
        "jitter_s",
        "pop",
        "resynced",
        "ssrc",
    )

    def __init__(self, formats: Mapping[int, str], events: int | None = None) -> None:
        """`formats`: payload type -> codec name as negotiated, CN included; `events`: that of telephone-event."""
        self.buffer = JitterBuffer()
        self.pop = self.buffer.pop  # pop(now) -> tuple[Unit, ...]: the work for this tick, every 20 ms
        self.configure(formats, events)
        self.ssrc: int | None = None
        self.jitter_s = 0.0
        self.resynced = 0  # times that timestamps jumped or a source restarted
        self._tracker: SequenceTracker | None = None
        self._candidate: tuple[RtpPacket, Format, float] | None = None
        self._gone = False
        self._packets_before = self._lost_before = 0
        # Of the packet with the highest number: RTP timestamp, stamp, duration [48 kHz], arrival [s].
        self._timestamp = self._stamp = 0
        self._duration = 960
        self._scale = 1
        self._arrival = 0.0
        self._transit = 0.0
        self._sr_middle = 0
        self._sr_arrival = 0.0

    def configure(self, formats: Mapping[int, str], events: int | None = None) -> None:
        """Take what a new offer/answer agreed on; the stream itself goes on. Raises KeyError for unknown codecs."""
        self._formats = {payload_type: format_of(name) for payload_type, name in formats.items()}
        self._events = events
        self.buffer.fec_types = frozenset(number for number, fmt in self._formats.items() if fmt.fec)

    # -- packets --

    def push(self, packet: RtpPacket, now: float) -> None:
        """Take a packet that came from the right place.

        Telephone-event packets are counted here and otherwise left to `dtmf.DtmfReceiver`.
        Raises ProtocolError, which drops the packet only: rtp-payload-type (not negotiated), rtp-new-source (the first
        packet of another SSRC: held back until a second follows), rtp-duplicate, rtp-sequence-jump, rtp-late, and
        those of `payload`.
        """
        fmt = self._formats.get(packet[0])
        if fmt is None:
            self._push_event(packet)
        elif packet[4] == self.ssrc:
            self._take(packet, fmt, now)
            if self._candidate:
                self._candidate = None
        else:
            self._other_source(packet, fmt, now)

    def _take(self, packet: RtpPacket, fmt: Format, now: float) -> None:
        """A packet of our source: count it, place it in time, hand it to the buffer."""
        payload_type, _, number, timestamp, _, payload, _, _ = packet
        tracker = self._tracker
        assert tracker is not None
        steps = -tracker.highest
        number = tracker.extend(number)
        steps += number
        if not payload:
            self.buffer.skip(number)
            return
        scale = fmt.scale
        duration = fmt.duration(payload)
        ahead = (timestamp - self._timestamp) * scale
        if steps != 1 or ahead != self._duration or scale != self._scale:
            ahead = self._place(number, steps, timestamp, fmt, now)
        stamp = self._stamp + ahead
        transit = now - stamp * _SECONDS
        self.jitter_s += (abs(transit - self._transit) - self.jitter_s) * 0.0625
        self._transit = transit
        if steps > 0:
            self._timestamp = timestamp
            self._stamp = stamp
            self._arrival = now
            if duration:
                self._duration = duration
        if duration:
            self.buffer.push(number, stamp, duration, payload_type, payload, transit, now)
        else:
            self.buffer.skip(number)

    def _place(self, number: int, steps: int, timestamp: int, fmt: Format, now: float) -> int:
        """How far [48 kHz] a packet that is not simply the next one lies ahead of the highest one so far."""
        ahead = ((timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000) * fmt.scale
        same_clock = fmt.scale == self._scale
        if steps < 0:
            if not same_clock or not -_OLD < ahead <= 0:
                raise ProtocolError("rtp-late")
            return ahead
        self._scale = fmt.scale
        elapsed = int((now - self._arrival) * RATE)
        if steps >= MAX_DROPOUT:
            self.buffer.splice(number)
            return self._leap(0, elapsed)
        if steps > _PAUSE_NUMBERS and elapsed > _PAUSE_S * RATE:
            assert self._tracker is not None
            self._tracker.paused += steps - 1
            self.buffer.splice(number)
        if same_clock and 0 < ahead <= max(steps * self._duration, elapsed) + _LEAP:
            return ahead
        return self._leap(steps, elapsed)

    def _leap(self, steps: int, elapsed: int) -> int:
        """The timestamp says nothing: go on by number (`steps`, 0 = they say nothing either) and clock."""
        self.resynced += 1
        duration = self._duration
        by_number = steps * duration
        if steps and elapsed < by_number + 4_800:
            return by_number
        return max(1, round(elapsed / duration)) * duration

    def _push_event(self, packet: RtpPacket) -> None:
        """A telephone-event counts in our source's numbers; its sound is not ours."""
        if packet.payload_type != self._events:
            raise ProtocolError("rtp-payload-type", str(packet.payload_type))
        if packet.ssrc == self.ssrc and self._tracker is not None:
            self.buffer.skip(self._tracker.extend(packet.sequence))

    # -- sources --

    def _other_source(self, packet: RtpPacket, fmt: Format, now: float) -> None:
        """A packet of another SSRC: the first source is taken as it comes, a new one when two packets follow."""
        if self._tracker is None or self._gone:
            self._follow(packet, now)
            self._take_first(packet, fmt, now)
            return
        held = self._candidate
        if (
            held is None
            or held[0].ssrc != packet.ssrc
            or (held[0].sequence + 1) & 0xFFFF != packet.sequence
            or now - held[2] > 1.0
        ):
            self._candidate = (packet, fmt, now)
            raise ProtocolError("rtp-new-source")
        self._candidate = None
        self._follow(held[0], held[2])
        self._take_first(*held)
        self._take(packet, fmt, now)

    def _follow(self, packet: RtpPacket, now: float) -> None:
        """Begin a source: counts anew, media time goes on."""
        before = self._tracker
        start = packet.sequence
        if before is not None:
            self._packets_before += before.unique
            self._lost_before += max(0, before.expected - before.unique)
            start |= (before.highest >> 16) + 1 << 16  # above all numbers of the old source
            self._stamp += self._leap(0, int((now - self._arrival) * RATE))
        self._tracker = SequenceTracker(start)
        self._gone = False
        self.ssrc = packet.ssrc
        self._timestamp = packet.timestamp
        self._sr_middle = 0
        self.jitter_s = 0.0

    def _take_first(self, packet: RtpPacket, fmt: Format, now: float) -> None:
        """The packet that a source begins with lies at the present stamp."""
        tracker = self._tracker
        assert tracker is not None
        self._arrival = now
        self._scale = fmt.scale
        self._transit = transit = now - self._stamp * _SECONDS
        duration = fmt.duration(packet.payload) if packet.payload else 0
        if not duration:
            return
        self._duration = duration
        self.buffer.splice(tracker.highest)
        self.buffer.push(
            tracker.highest, self._stamp, duration, packet.payload_type, packet.payload, transit, now
        )

    def on_bye(self, sources: tuple[int, ...]) -> None:
        """RTCP BYE: if our source has left, whoever sends next is followed at once."""
        if self.ssrc in sources:
            self._gone = True

    # -- when it is heard --

    @property
    def rate(self) -> int:
        """Of the RTP clock [Hz]."""
        return RATE // self._scale

    def played(self, timestamp: int, now: float) -> float | None:
        """When the buffer gives out what has this RTP timestamp [monotonic seconds]; None if it does not play, or has
        heard nothing for a while."""
        if self._tracker is None or now - self._arrival > _SILENT_S:
            return None
        ahead = (timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        return (self._stamp + ahead * self._scale) * _SECONDS + self.buffer.delay

    # -- reports --

    @property
    def packets(self) -> int:
        """Different packets received, all sources together."""
        return self._packets_before + (self._tracker.unique if self._tracker else 0)

    @property
    def lost(self) -> int:
        """Packets missing, all sources together; pauses do not count."""
        tracker = self._tracker
        return self._lost_before + (max(0, tracker.expected - tracker.unique) if tracker else 0)

    @property
    def paused(self) -> int:
        """Numbers of the present source that were skipped in long silences."""
        return self._tracker.paused if self._tracker else 0

    @property
    def duplicates(self) -> int:
        """Duplicates of the present source."""
        return self._tracker.duplicates if self._tracker else 0

    def on_sender_report(self, report: rtcp.SenderReport, now: float) -> None:
        """Remember when our source reported, for the next block's LSR and DLSR."""
        if report.ssrc == self.ssrc:
            self._sr_middle = report.ntp >> 16 & 0xFFFFFFFF
            self._sr_arrival = now

    def report_block(self, now: float) -> rtcp.ReportBlock | None:
        """How the present source is received since the last call; None before the first packet."""
        tracker = self._tracker
        if tracker is None or self.ssrc is None:
            return None
        delay = min(0xFFFFFFFF, int((now - self._sr_arrival) * 65_536)) if self._sr_middle else 0
        jitter = int(self.jitter_s * RATE / self._scale)
        return rtcp.ReportBlock(
            self.ssrc,
            tracker.fraction_lost(),
            tracker.lost,
            tracker.highest_on_wire,
            min(jitter, 0xFFFFFFFF),
            self._sr_middle,
            delay,
        )
