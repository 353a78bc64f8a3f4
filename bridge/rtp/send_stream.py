"""What goes to a peer: RTP packets, and the reports about both directions."""

from __future__ import annotations

from collections import deque
from struct import Struct

from bridge.rtp import rtcp
from bridge.rtp.dtmf import DtmfSender
from bridge.rtp.extensions import extensions
from bridge.rtp.jitter import RATE
from bridge.rtp.receive_stream import ReceiveStream

_header = Struct("!BBHII").pack
_PLAIN, _EXTENDED = 0x80, 0x90  # the first octet of a packet without and with a header extension
_SILENCE = 127  # [-dBov]


class SendStream:
    """One stream that we send: numbers, timestamps, header extensions and counts.

    All lengths are samples at 48 kHz; `clock_rate` [Hz] is the RTP clock. `remote_lost` (0..1), `remote_jitter_s` and
    `round_trip_s` are what the peer last reported, 0 before.
    """

    __slots__ = (
        "_extensions",
        "_introduces",
        "_level_id",
        "_reported",
        "_reports",
        "_scale",
        "octets",
        "packets",
        "payload_type",
        "remote_jitter_s",
        "remote_lost",
        "remote_packets_lost",
        "round_trip_s",
        "sequence",
        "ssrc",
        "timestamp",
    )

    def __init__(
        self, ssrc: int, payload_type: int, clock_rate: int, sequence: int = 0, timestamp: int = 0
    ) -> None:
        """`ssrc`, `sequence` and `timestamp` should be random (RFC 3550 section 5.1). Sequence is best below 2^15, so
        that SRTP sees no wrap at once (RFC 3711 section 3.3.1)."""
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.sequence = sequence & 0xFFFF
        self.timestamp = timestamp & 0xFFFFFFFF
        self._scale = RATE // clock_rate
        self._level_id = 0
        self._introduces = True  # the peer may not know yet to which of its streams this one belongs
        self._extensions: tuple[bytes, ...] | None = None  # by level
        self.packets = 0
        self.octets = 0
        self.remote_lost = 0.0
        self.remote_packets_lost = 0
        self.remote_jitter_s = 0.0
        self.round_trip_s = 0.0
        self._reported = (0, 0)  # `packets` at the report before last, and at the last one
        # (middle of the NTP timestamp, when sent): the last 8 sender reports; older ones are forgotten.
        self._reports: deque[tuple[int, float]] = deque(maxlen=8)

    def configure(
        self, payload_type: int, clock_rate: int, level_id: int = 0, mid_id: int = 0, mid: str = ""
    ) -> None:
        """Another codec from the next packet on; numbers and timestamps go on.

        `level_id`, `mid_id`: ids of the header extensions that tell the level and `mid`, 0 = not told. The mid is told
        until the peer has reported on our stream: then it knows to which of its own it belongs.
        """
        self.payload_type = payload_type
        self._scale = RATE // clock_rate
        self._level_id = level_id
        self._introduces = True
        self._extensions = extensions(level_id, mid_id, mid)

    def packetise(self, payload: bytes, samples: int, marker: bool = False, level: int = _SILENCE) -> bytes:
        """The next packet: `payload` stands for `samples`, its sound is as loud as `level` [-dBov, 0 to 127].

        The marker says that a silence is over.
        """
        sequence = self.sequence
        timestamp = self.timestamp
        self.sequence = (sequence + 1) & 0xFFFF
        self.timestamp = (timestamp + samples // self._scale) & 0xFFFFFFFF
        self.packets += 1
        self.octets += len(payload)
        kind = self.payload_type | 0x80 if marker else self.payload_type
        if self._extensions is None:
            return _header(_PLAIN, kind, sequence, timestamp, self.ssrc) + payload
        return _header(_EXTENDED, kind, sequence, timestamp, self.ssrc) + self._extensions[level] + payload

    def skip(self, samples: int) -> None:
        """Nothing is sent for so long (DTX, hold, mute): timestamps go on (RFC 3550 section 5.1)."""
        self.timestamp = (self.timestamp + samples // self._scale) & 0xFFFFFFFF

    def packetise_event(self, sender: DtmfSender, samples: int) -> bytes | None:
        """The telephone-event packet to send instead of the sound of the next `samples`, or None: send the sound."""
        event = sender.next(self.timestamp, samples)
        if event is None:
            return None
        payload, marker, timestamp = event
        kind = sender.payload_type | 0x80 if marker else sender.payload_type
        if self._extensions is None:
            packet = _header(_PLAIN, kind, self.sequence, timestamp, self.ssrc) + payload
        else:
            head = _header(_EXTENDED, kind, self.sequence, timestamp, self.ssrc)
            packet = head + self._extensions[_SILENCE] + payload
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        self.skip(samples)
        return packet

    def report(
        self, now: float, wallclock: float, blocks: tuple[rtcp.ReportBlock, ...] = ()
    ) -> rtcp.SenderReport | rtcp.ReceiverReport:
        """SR, or RR if nothing was sent since the report before last (RFC 3550 section 6.4).

        `wallclock`: seconds since 1970. The RTP timestamp is that of the next packet, so at most one packet time off.
        """
        idle = self.packets == self._reported[0]
        self._reported = (self._reported[1], self.packets)
        if idle:
            return rtcp.ReceiverReport(self.ssrc, blocks)
        ntp = int((wallclock + 2_208_988_800) * 4_294_967_296) & 0xFFFFFFFFFFFFFFFF
        self._reports.append((ntp >> 16 & 0xFFFFFFFF, now))
        return rtcp.SenderReport(
            self.ssrc, ntp, self.timestamp, self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF, blocks
        )

    def on_report(self, blocks: tuple[rtcp.ReportBlock, ...], now: float) -> None:
        """What the peer tells about us. The round trip is taken from our monotonic clock, not from its word alone."""
        for block in blocks:
            if block.ssrc != self.ssrc:
                continue
            if self._introduces:
                self._introduces = False
                self._extensions = extensions(self._level_id, 0, "")
            self.remote_lost = block.fraction_lost / 256
            self.remote_packets_lost = block.lost
            self.remote_jitter_s = block.jitter * self._scale / RATE
            for middle, sent in self._reports:
                if middle == block.last_sr:
                    self.round_trip_s = max(0.0, now - sent - block.delay / 65_536)


def compose_report(
    send: SendStream,
    receive: ReceiveStream | None,
    cname: bytes,
    now: float,
    wallclock: float,
    bye: bool = False,
    reduced: bool = False,
) -> bytes:
    """The RTCP datagram that is due: SR or RR, SDES with `cname` (random, nothing personal), BYE at the end.

    `reduced` leaves the SDES out, where RFC 5506 was negotiated; not for the first report.
    """
    block = receive.report_block(now) if receive is not None else None
    data = rtcp.serialise(send.report(now, wallclock, (block,) if block is not None else ()))
    if not reduced:
        data += rtcp.serialise(rtcp.SourceDescription(((send.ssrc, ((rtcp.CNAME, cname),)),)))
    if bye:
        data += rtcp.serialise(rtcp.Bye((send.ssrc,)))
    return data
