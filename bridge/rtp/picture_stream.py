"""A stream of pictures to a peer: numbers, timestamps and header extensions of its packets, and what is sent again.

Pictures come cut into payloads that all sinks share. What a packet needs besides is here: nothing of a payload is
copied before it goes out, and what was sent is remembered as a reference to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from struct import Struct
from typing import Final

from bridge.rtp import rtcp
from bridge.rtp.batch import SLOT, SLOTS, Batch
from bridge.rtp.extensions import numbered

CLOCK: Final = 90_000  # [Hz], of all pictures
HISTORY_S: Final = 1.0  # what is older is not sent again: a key frame is quicker
HISTORY_PICTURES: Final = 64
HISTORY_PACKETS: Final = 1_000

_MOST_EXPECTED: Final = 20_000  # packets from one report to the next: 30 s of a stream as large as any
_NTP_EPOCH: Final = 2_208_988_800  # 1970, in seconds since 1900
_original = Struct("!H").pack
_PLAIN, _EXTENDED = 0x80, 0x90  # the first octet of a packet without and with a header extension


class _Sent:
    """A picture of which `count` packets were sent, the first with number `first`, at `when` [monotonic seconds]."""

    __slots__ = ("count", "first", "payloads", "timestamp", "when")

    def __init__(self, first: int, timestamp: int, payloads: tuple[bytes, ...], when: float) -> None:
        self.first = first
        self.timestamp = timestamp
        self.payloads = payloads
        self.when = when
        self.count = 0


class PictureStream:
    """One stream that we send. `begin` a picture, then `fill` batches while packets of it are `left`.

    `ssrc`: of the pictures, `repair_ssrc`: of what is sent again (RFC 4588). `remote_lost` (0..1), `round_trip_s` and
    `remote_packets_lost` are what the peer last reported, 0 before.
    """

    __slots__ = (
        "_after",
        "_before",
        "_extended",
        "_head",
        "_highest",
        "_history",
        "_introduces",
        "_kept",
        "_mid",
        "_named",
        "_numbered",
        "_offset",
        "_present",
        "_repair_head",
        "_repair_sequence",
        "_repair_type",
        "_reported",
        "_reports",
        "octets",
        "packets",
        "payload_type",
        "remote_lost",
        "remote_packets_lost",
        "repair_ssrc",
        "resent",
        "round_trip_s",
        "sequence",
        "ssrc",
        "timestamp",
    )

    def __init__(
        self, ssrc: int, repair_ssrc: int, sequence: int = 0, repair_sequence: int = 0, offset: int = 0
    ) -> None:
        """All should be random (RFC 3550 section 5.1); `offset` is that of timestamps. Sequence is best below 2^15, so
        that SRTP sees no wrap at once (RFC 3711 section 3.3.1)."""
        self.ssrc = ssrc
        self.repair_ssrc = repair_ssrc
        self.sequence = sequence & 0xFFFF
        self._repair_sequence = repair_sequence & 0xFFFF
        self._highest = self.sequence - 1  # extended number that the peer last told of
        self._offset = offset
        self.timestamp = -1  # of the last picture; none yet
        self.payload_type = 0
        self._repair_type: int | None = None
        self._mid = (0, "", 0)
        self._introduces = True  # the peer may not know yet to which of its streams this one belongs
        self._extend()
        self._present: _Sent | None = None
        self._history: deque[_Sent] = deque()  # bounded by the constants above
        self._kept = 0  # packets in it
        self.packets = self.octets = self.resent = 0
        self.remote_lost = 0.0
        self.remote_packets_lost = 0
        self.round_trip_s = 0.0
        self._reported = (0, 0)  # `packets` at the report before last, and at the last one
        # (middle of the NTP timestamp, when sent): the last 8 sender reports; older ones are forgotten.
        self._reports: deque[tuple[int, float]] = deque(maxlen=8)

    # -- what was agreed -------------------------------------------------------------------------------------------

    def configure(
        self, payload_type: int, repair_type: int | None, mid_id: int = 0, mid: str = "", feedback_id: int = 0
    ) -> None:
        """Take what was agreed, first or anew; numbers and timestamps go on.

        `repair_type`: payload type of what is sent again, None = there is none. `mid_id`, `feedback_id`: ids of the
        header extensions that tell `mid` and the transport-wide number, 0 = not told. The mid is told until the peer
        has reported on this stream.
        """
        if (payload_type, repair_type) != (self.payload_type, self._repair_type):
            self._history.clear()
            self._kept = 0
        self.payload_type = payload_type
        self._repair_type = repair_type
        self._introduces = True
        self._mid = (mid_id, mid, feedback_id)
        self._extend()

    def _extend(self) -> None:
        """Make the form of the header anew."""
        mid_id, mid, feedback_id = self._mid
        before, after = numbered(mid_id if self._introduces else 0, mid, feedback_id)
        self._before, self._after = before, after
        self._numbered = bool(feedback_id)
        self._extended = bool(before)
        number = "H" if self._numbered else ""
        self._head = Struct(f"!BBHII{len(before)}s{number}{len(after)}s")
        # A stream of repairs is new to the peer whenever one is sent, and nobody reports on it: it always tells.
        self._named = numbered(mid_id, mid, feedback_id)
        before, after = self._named
        self._repair_head = Struct(f"!BBHII{len(before)}s{number}{len(after)}s")

    # -- pictures --------------------------------------------------------------------------------------------------

    def begin(self, payloads: tuple[bytes, ...], composed: float, now: float) -> None:
        """The next picture, seen at `composed` [monotonic seconds]. What was left of the one before is not sent."""
        timestamp = self.timestamp_at(composed)
        if self.timestamp >= 0 and (timestamp - self.timestamp - 1) & 0xFFFFFFFF >= 0x80000000:
            timestamp = self.timestamp + 1 & 0xFFFFFFFF  # no two pictures have the same
        self.timestamp = timestamp
        self._present = _Sent(self.sequence, timestamp, payloads, now)
        self._history.append(self._present)
        self._kept += len(payloads)
        self._forget(now)

    def _forget(self, now: float) -> None:
        history = self._history
        while (
            self._kept > HISTORY_PACKETS
            or len(history) > HISTORY_PICTURES
            or (history and now - history[0].when > HISTORY_S)
        ):
            self._kept -= len(history.popleft().payloads)

    def timestamp_at(self, moment: float) -> int:
        """The RTP timestamp of a moment [monotonic seconds]."""
        return int(moment * CLOCK + 0.5) + self._offset & 0xFFFFFFFF

    @property
    def left(self) -> int:
        """How many packets of the present picture are still to be sent."""
        present = self._present
        return len(present.payloads) - present.count if present is not None else 0

    def abandon(self) -> None:
        """Nothing more of the present picture is sent."""
        self._present = None

    def fill(self, batch: Batch, count: int, number: int = 0) -> tuple[int, int]:
        """Write the next `count` packets of the present picture into `batch`; no more than are `left`, nor than fit.

        `number`: the transport-wide one of the first, where those were agreed on. Returns the sequence number of the
        first packet, and how many there are.
        """
        present = self._present
        if present is None:
            return self.sequence, 0
        payloads = present.payloads[present.count : present.count + min(count, SLOTS)]
        first = sequence = self.sequence
        kind, timestamp, ssrc = self.payload_type, present.timestamp, self.ssrc
        view, pack, before, after = batch.view, self._head.pack_into, self._before, self._after
        octet, size = _EXTENDED if self._extended else _PLAIN, self._head.size
        sizes: list[int] = []
        at = octets = 0
        present.count += len(payloads)
        last = len(payloads) - 1 if present.count == len(present.payloads) else -1
        for index, payload in enumerate(payloads):
            if index == last:
                kind |= 0x80  # the marker
            if self._numbered:
                pack(view, at, octet, kind, sequence, timestamp, ssrc, before, number + index & 0xFFFF, after)
            else:
                pack(view, at, octet, kind, sequence, timestamp, ssrc, before, after)
            begin, length = at + size, len(payload)
            view[begin : begin + length] = payload
            sizes.append(size + length)
            octets += length
            sequence = sequence + 1 & 0xFFFF
            at += SLOT
        batch.sizes = sizes
        self.sequence = sequence
        self.packets += len(sizes)
        self.octets += octets
        return first, len(sizes)

    # -- again -----------------------------------------------------------------------------------------------------

    @property
    def repairs(self) -> bool:
        """Whether what is sent again has a stream of its own."""
        return self._repair_type is not None

    @property
    def kept(self) -> int:
        """How many packets are remembered."""
        return self._kept

    def find(self, sequence: int) -> bytes | None:
        """The payload that was sent with this number, None if it is forgotten."""
        found = self._find(sequence)
        return found[0].payloads[found[1]] if found is not None else None

    def _find(self, sequence: int) -> tuple[_Sent, int] | None:
        for sent in reversed(self._history):
            index = sequence - sent.first & 0xFFFF
            if index < sent.count:
                return sent, index
        return None

    def repair(self, sequence: int, number: int = 0) -> bytes | None:
        """The packet that sends this one again in the stream of repairs (RFC 4588 section 4), None if it cannot."""
        found = self._find(sequence)
        if found is None or self._repair_type is None:
            return None
        sent, index = found
        repair_sequence = self._repair_sequence
        self._repair_sequence = repair_sequence + 1 & 0xFFFF
        kind = self._repair_type | (0x80 if index + 1 == len(sent.payloads) else 0)
        before, after = self._named
        fixed = (
            _EXTENDED if before else _PLAIN,
            kind,
            repair_sequence,
            sent.timestamp,
            self.repair_ssrc,
            before,
        )
        extension = (number, after) if self._numbered else (after,)
        head = self._repair_head.pack(*fixed, *extension)
        self.resent += 1
        return head + _original(sequence) + sent.payloads[index]

    # -- reports ---------------------------------------------------------------------------------------------------

    def report(
        self, now: float, wallclock: float, blocks: tuple[rtcp.ReportBlock, ...] = ()
    ) -> rtcp.SenderReport | rtcp.ReceiverReport:
        """SR, or RR if nothing was sent since the report before last (RFC 3550 section 6.4).

        `wallclock`: seconds since 1970 at `now`; the RTP timestamp is that of a picture composed now.
        """
        idle = self.packets == self._reported[0]
        self._reported = (self._reported[1], self.packets)
        if idle:
            return rtcp.ReceiverReport(self.ssrc, blocks)
        ntp = int((wallclock + _NTP_EPOCH) * 4_294_967_296) & 0xFFFFFFFFFFFFFFFF
        self._reports.append((ntp >> 16 & 0xFFFFFFFF, now))
        return rtcp.SenderReport(
            self.ssrc,
            ntp,
            self.timestamp_at(now),
            self.packets & 0xFFFFFFFF,
            self.octets & 0xFFFFFFFF,
            blocks,
        )

    def on_report(self, blocks: tuple[rtcp.ReportBlock, ...], now: float) -> tuple[int, int] | None:
        """What the peer tells about us: (packets lost, packets expected) since it told before, None if it tells
        nothing. The round trip is taken from our monotonic clock, not from its word alone."""
        told = None
        for block in blocks:
            if block.ssrc != self.ssrc:
                continue
            if self._introduces:
                self._introduces = False
                self._extend()
            expected = block.highest - self._highest & 0xFFFFFFFF
            self._highest = block.highest
            if expected > _MOST_EXPECTED:  # the first report, if it counts otherwise than we; or nonsense
                expected = 0
            told = (block.fraction_lost * expected + 128 >> 8, expected)
            self.remote_lost = block.fraction_lost / 256
            self.remote_packets_lost = block.lost
            for middle, sent in self._reports:
                if middle == block.last_sr:
                    self.round_trip_s = max(0.0, now - sent - block.delay / 65_536)
        return told


def missing(items: tuple[tuple[int, int], ...]) -> Iterator[int]:
    """The numbers that a generic NACK names, in order (RFC 4585 section 6.2.1)."""
    for first, mask in items:
        yield first
        for bit in range(16):
            if mask >> bit & 1:
                yield first + bit + 1 & 0xFFFF
