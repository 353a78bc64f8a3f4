"""One source (SSRC) of pictures as it comes in: what of it is let through to be decrypted, and how it arrives.

What nobody sees is dropped before it is decrypted. But SRTP's numbers are longer than those on the wire: the receiver
counts the wraps (RFC 3711 section 3.3.1), and only in packets that it has authenticated. It guesses right as long as
fewer than 2^15 numbers lie between two of them; beyond, nothing of the source would ever verify again. So of what is
dropped one packet a second is let through all the same, one in each span of `SPAN` numbers, and the first after each
wrap.
"""

from __future__ import annotations

from math import inf
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp import rtcp
from bridge.rtp.frames import FrameAssembler
from bridge.rtp.sequence import SequenceTracker
from bridge.rtp.sync import SourceClock

CLOCK: Final = 90_000  # [Hz], of all pictures
PASS_S: Final = 1.0
SPAN: Final = 4_096
_TICK: Final = 1 / CLOCK


class Track:
    """Reception of one SSRC. `rid`: name of the simulcast layer, "" = none; `repairing`: what others lost comes again
    here (RFC 4588); `repairs`: who that is, None = not known.

    `open`: whether all of it is wanted; then `assembler` makes pictures of it. `heard`: when something of it came,
    `proven`: when something was let through and verified [monotonic seconds]. `height`: of its newest key frame,
    0 = unknown. `octets`: of what came, as sent. `asked`, `unanswered`: when a key frame was last asked for, and how
    often since the last one came; `wants_key`: whether one is to be asked for as soon as that may be again.
    """

    __slots__ = (
        "_jitter",
        "_passed",
        "_sr_arrival",
        "_sr_middle",
        "_tracker",
        "_transit",
        "asked",
        "assembler",
        "clock",
        "heard",
        "height",
        "octets",
        "open",
        "proven",
        "repairing",
        "repairs",
        "rid",
        "ssrc",
        "unanswered",
        "wants_key",
    )

    def __init__(self, ssrc: int, rid: str, now: float) -> None:
        self.ssrc = ssrc
        self.rid = rid
        self.repairing = False
        self.repairs: Track | None = None
        self.open = False
        self.assembler: FrameAssembler | None = None
        self.heard = self.proven = now
        self.height = 0
        self.octets = 0
        self.asked = -inf
        self.unanswered = 0
        self.wants_key = False
        self.clock = SourceClock(CLOCK)
        self._tracker: SequenceTracker | None = None
        self._passed = 0
        self._transit = self._jitter = 0.0
        self._sr_middle = 0
        self._sr_arrival = 0.0

    # -- packets -----------------------------------------------------------------------------------------------------

    def passes(self, sequence: int, arrival: float) -> bool:
        """Whether a packet with this number is to be let through, off stage. Numbers that go down are a wrap."""
        return arrival - self.proven >= PASS_S or not 0 < sequence - self._passed < SPAN

    def skip(self, sequence: int, octets: int, arrival: float) -> None:
        """A packet was dropped unread: it has come all the same."""
        self.heard = arrival
        self.octets += octets
        try:
            self._count(sequence)
        except ProtocolError:
            return  # a duplicate, or what may be a restart: it counts as soon as a second follows

    def take(self, sequence: int, timestamp: int, octets: int, arrival: float) -> None:
        """A packet was let through and verified. Raises ProtocolError: rtp-duplicate, rtp-sequence-jump."""
        self.heard = self.proven = arrival
        self.octets += octets
        self._passed = sequence
        self._count(sequence)
        transit = arrival - timestamp * _TICK
        change = abs(transit - self._transit)
        self._transit = transit
        if change < 1.0:  # more is a wrap of the timestamp, or a jump
            self._jitter += (change - self._jitter) * 0.0625

    def _count(self, sequence: int) -> None:
        if self._tracker is None:
            self._tracker = SequenceTracker(sequence)
        else:
            self._tracker.extend(sequence)

    # -- reports -----------------------------------------------------------------------------------------------------

    @property
    def packets(self) -> int:
        """Different packets that came, dropped ones too."""
        return self._tracker.unique if self._tracker is not None else 0

    @property
    def lost(self) -> int:
        """Packets that did not come, or not yet."""
        tracker = self._tracker
        return max(0, tracker.expected - tracker.unique) if tracker is not None else 0

    def on_sender_report(self, report: rtcp.SenderReport, now: float) -> None:
        """Its sender told which moment a timestamp was."""
        self.clock.hear(report, now)
        self._sr_middle = report.ntp >> 16 & 0xFFFFFFFF
        self._sr_arrival = now

    def report_block(self, now: float) -> rtcp.ReportBlock | None:
        """How it is received since the last call; None before the first packet."""
        tracker = self._tracker
        if tracker is None:
            return None
        delay = min(0xFFFFFFFF, int((now - self._sr_arrival) * 65_536)) if self._sr_middle else 0
        return rtcp.ReportBlock(
            self.ssrc,
            tracker.fraction_lost(),
            tracker.lost,
            tracker.highest_on_wire,
            min(int(self._jitter * CLOCK), 0xFFFFFFFF),
            self._sr_middle,
            delay,
        )
