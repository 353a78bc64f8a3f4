"""Sequence numbers of one source: extension over the wrap, duplicates, restarts, and the counts that reports need.

RFC 3550 appendix A.1 and A.3, but for the probation, which `stream.ReceiveStream` does per SSRC.
"""

from __future__ import annotations

from bridge.errors import ProtocolError

MAX_DROPOUT = 3_000
MAX_MISORDER = 100
# How far back duplicates are known. Wider than MAX_MISORDER, so none gets through.
_WINDOW = (1 << 128) - 1


class SequenceTracker:
    """Extends 16 bit sequence numbers. The low 16 bits of an extended number are always those of the wire.

    `highest`: the highest extended number so far. `received` counts duplicates too, as receiver reports want it;
    `unique` does not. `paused`: numbers skipped while the source was silent on purpose, not counted as lost.
    """

    __slots__ = (
        "_expected_before",
        "_next_after_jump",
        "_received_before",
        "_window",
        "duplicates",
        "first",
        "highest",
        "misordered",
        "paused",
        "received",
    )

    def __init__(self, sequence: int) -> None:
        self.first = self.highest = sequence
        self.received = 1
        self.duplicates = 0
        self.misordered = 0
        self.paused = 0
        self._window = 1
        self._next_after_jump = -1
        self._expected_before = 0
        self._received_before = 0

    def extend(self, sequence: int) -> int:
        """The extended number of an arriving packet.

        Raises ProtocolError: rtp-duplicate; rtp-sequence-jump for a number far off. If the very next number follows
        a jump, the source has restarted: the counts start anew and the number goes on upwards.
        """
        highest = self.highest
        delta = (sequence - highest) & 0xFFFF
        if 0 < delta < MAX_DROPOUT:
            self.highest = highest = highest + delta
            self.received += 1
            self._window = (self._window << delta | 1) & _WINDOW
            return highest
        back = -delta & 0xFFFF
        if back > MAX_MISORDER:
            return self._jump(sequence, highest + delta)
        self.received += 1
        bit = 1 << back
        if self._window & bit:
            self.duplicates += 1
            raise ProtocolError("rtp-duplicate")
        self._window |= bit
        self.misordered += 1
        if self.paused:  # not a pause after all: it comes now
            self.paused -= 1
        extended = highest - back
        self.first = min(self.first, extended)
        return extended

    def _jump(self, sequence: int, extended: int) -> int:
        """A number out of every window: the first is dropped, the second in a row is a restart (A.1)."""
        if sequence != self._next_after_jump:
            self._next_after_jump = (sequence + 1) & 0xFFFF
            raise ProtocolError("rtp-sequence-jump")
        self.first = self.highest = extended
        self.received = 1
        self.duplicates = self.misordered = self.paused = 0
        self._window = 1
        self._next_after_jump = -1
        self._expected_before = self._received_before = 0
        return extended

    @property
    def expected(self) -> int:
        """How many packets should have come."""
        return self.highest - self.first + 1 - self.paused

    @property
    def unique(self) -> int:
        """How many different packets came."""
        return self.received - self.duplicates

    @property
    def highest_on_wire(self) -> int:
        """The 32 bit extended highest number for a report: cycles are counted from this source's start."""
        return (self.highest - (self.first & ~0xFFFF)) & 0xFFFFFFFF

    @property
    def lost(self) -> int:
        """Packets lost so far as RFC 3550 defines it; negative with duplicates."""
        return self.expected - self.received

    def fraction_lost(self) -> int:
        """Lost in 256ths since the last call (RFC 3550 A.3). Starts a new interval: call it once a report."""
        expected, received = self.expected, self.received
        wanted = expected - self._expected_before
        lost = wanted - (received - self._received_before)
        self._expected_before, self._received_before = expected, received
        if wanted <= 0 or lost <= 0:
            return 0
        return min(255, (lost << 8) // wanted)
