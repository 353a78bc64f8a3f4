"""One leg's streams on the loop thread: what its packets go through, inwards and outwards, and what is due in time.

How they travel is the business of its transport (`bridge.media.transport`), which takes datagrams and gives packets.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import Protocol

from bridge.codec.table import BY_NAME
from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.media.settings import MediaSettings
from bridge.media.silence import Silence
from bridge.media.transport import Transport
from bridge.rtp import rtcp
from bridge.rtp.congestion import Arrivals
from bridge.rtp.dtmf import DtmfReceiver, DtmfSender
from bridge.rtp.jitter import FRAME, RATE
from bridge.rtp.packet import parse
from bridge.rtp.receive_stream import ReceiveStream
from bridge.rtp.send_stream import SendStream, compose_report
from bridge.rtp.sync import SourceClock
from bridge.sdp.audio import NegotiatedAudio

# From a packet to the feedback on it; deadlines are looked at every 100 ms, so it is given five times a second.
# Sound alone wants no more: browsers themselves tell of so few packets four times a second (250 ms).
FEEDBACK_S = 0.15
PICTURES_FEEDBACK_S = 0.05  # where pictures come as well; with that, it is given ten times a second


class Companion(Protocol):
    """The pictures that travel along the transport of the sound."""

    def obey(self, packets: Sequence[rtcp.RtcpPacket], arrival: float) -> None:
        """What a compound packet of the peer's says; it may be about the sound alone."""
        ...


class Session:
    """A leg, from its first packet to its last report.

    `tell` gets MediaStarted, Digit, MediaLost and MediaBack; `on_loss` the share of our packets that the peer says
    it lost, with each of its reports. `drops` counts what is dropped, by name.
    """

    def __init__(
        self,
        leg: str,
        transport: Transport,
        settings: MediaSettings,
        random: Random,
        drops: Counter[str],
        *,
        tell: Callable[[contract.Event], None],
        on_loss: Callable[[str, float], None],
    ) -> None:
        self.leg = leg
        self.transport = transport
        transport.streams = self
        self._due = inf
        self._settings = settings
        self._random = random
        self._drops = drops
        self._tell = tell
        self._on_loss = on_loss
        self.received = ReceiveStream({})
        self.pop = self.received.pop  # pop(now): the units of this tick
        # Random as RFC 3550 section 5.1 and RFC 7022 want it; the number is low so that SRTP sees no early wrap.
        self.sent = SendStream(
            secrets.randbits(32), 0, 8000, sequence=secrets.randbits(15), timestamp=secrets.randbits(32)
        )
        self.cname = secrets.token_urlsafe(12).encode()
        self.companion: Companion | None = None
        self._clock = SourceClock(8000)  # of the source that is heard, as it reports it
        self._audio: NegotiatedAudio | None = None
        self._types: frozenset[int] = frozenset()
        self._event_type = -1
        self._level_id = self._feedback_id = 0
        self._arrivals = Arrivals()
        self._feedback_due = inf
        self._level: int | None = None
        self._keys_in = DtmfReceiver()
        self._keys_out: DtmfSender | None = None
        self._silence = Silence()
        self._started = False
        self._report_due = inf
        # By agreement nothing is sent since then [monotonic seconds].
        self._resting_since: float | None = None
        self._marks = False  # the next packet is the first after such a rest

    # -- what was agreed -------------------------------------------------------------------------------------------

    def configure(self, command: contract.ConfigureLeg, now: float) -> None:
        """Take what was negotiated, first or anew; streams, numbers and what was learnt go on without a gap.

        Raises ProtocolError for keys that cannot be used.
        """
        audio, before = command.audio, self._audio
        self.transport.configure(command, now)
        self._rest(audio.sends, now)
        clock_rate = BY_NAME[audio.codec.lower()].clock_rate
        self.sent.configure(audio.payload_type, clock_rate, audio.level_id, audio.mid_id, audio.mid)
        self._level_id, self._feedback_id = audio.level_id, audio.feedback_id
        self.received.configure(audio.receive, audio.event_receive)
        self._types = frozenset(audio.receive)
        self._event_type = -1 if audio.event_receive is None else audio.event_receive
        self._take_event_type(audio)
        self._audio = audio
        if audio.receives and not audio.held:
            self._silence.configure(now, self._settings.warning_s, command.timeout_s)
        else:
            self._silence.configure(now, inf, command.held_timeout_s)
        if before is None:
            self._report_due = now + self._interval() / 2
        self._arm()

    def _rest(self, sends: bool, now: float) -> None:
        """Begin to rest, or go on: RTP time passes all the same (RFC 3550 section 5.1)."""
        self._pass_rest(now)
        if sends:
            self._marks = self._marks or self._resting_since is not None
            self._resting_since = None
        elif self._resting_since is None:
            self._resting_since = now

    def _pass_rest(self, now: float) -> None:
        if self._resting_since is not None:
            ticks = int((now - self._resting_since) * (RATE / FRAME) + 0.5)
            self._resting_since += ticks * (FRAME / RATE)
            self.sent.skip(ticks * FRAME)

    def _take_event_type(self, audio: NegotiatedAudio) -> None:
        wanted, keys = audio.event_send, self._keys_out
        if wanted is None:
            self._keys_out = None
        elif keys is None or (keys.payload_type, keys.clock_rate) != (wanted, audio.event_clock_rate):
            self._keys_out = DtmfSender(wanted, audio.event_clock_rate)

    # -- in --------------------------------------------------------------------------------------------------------

    def take_rtp(self, octets: bytes, arrival: float) -> None:
        """A packet that its transport has let in. Raises ProtocolError for what is of no use."""
        packet = parse(octets, self._level_id, self._feedback_id)
        if packet.transport_number is not None:
            self.note(packet.transport_number, arrival, FEEDBACK_S)
        is_event = packet.payload_type == self._event_type
        if not is_event and packet.payload_type not in self._types:
            raise ProtocolError("rtp-payload-type")
        if self._silence.heard(arrival) or not self._started:
            self._come_alive()
        if is_event and (digit := self._keys_in.push(packet, arrival)) is not None:
            self._tell(contract.Digit(self.leg, digit))
        if is_event and self._keys_in.deadline is not None:
            self._due = min(self._due, self._keys_in.deadline)
        assert self._audio is not None
        if self._audio.receives:
            self.received.push(packet, arrival)
            level = packet.level
            if level is not None and (self._level is None or level < self._level):
                self._level = level
        else:
            self._drops["on-hold"] += 1

    def note(self, number: int, arrival: float, within: float) -> None:
        """Remember the arrival of a packet of any stream along the transport, by its transport-wide number, until the
        sender is told of it: that is due `within` so many seconds."""
        self._arrivals.note(number, arrival)
        if arrival + within < self._feedback_due:
            self._feedback_due = arrival + within
            self._due = min(self._due, self._feedback_due)

    def come_alive(self, arrival: float) -> None:
        """Something of the peer's came that has proven itself, pictures too."""
        if self._silence.heard(arrival) or not self._started:
            self._come_alive()

    def leaves(self, wallclock: float, now: float) -> float | None:
        """When the sound leaves [monotonic seconds] that was captured at a moment of the peer's clock [s since 1900];
        None if its reports or its packets do not tell."""
        ssrc = self.received.ssrc
        timestamp = self._clock.timestamp(ssrc, wallclock, now) if ssrc is not None else None
        return self.received.played(timestamp, now) if timestamp is not None else None

    def take_level(self) -> int | None:
        """How loud [-dBov, 0 to 127] the peer says that it was since the last call, None if it did not say."""
        level, self._level = self._level, None
        return level

    def take_rtcp(self, octets: bytes, arrival: float) -> None:
        """A compound packet that its transport has let in. Raises ProtocolError."""
        packets = rtcp.parse_compound(octets)
        if self._silence.heard(arrival):
            self._come_alive()
        for packet in packets:
            self._obey(packet, arrival)
        if self.companion is not None:
            self.companion.obey(packets, arrival)

    def _obey(self, packet: rtcp.RtcpPacket, arrival: float) -> None:
        match packet:
            case rtcp.SenderReport(blocks=blocks):
                self._hear_sender(packet, arrival)
                self._hear_of_us(blocks, arrival)
            case rtcp.ReceiverReport(blocks=blocks):
                self._hear_of_us(blocks, arrival)
            case rtcp.Bye(sources=sources):
                self.received.on_bye(sources)
            case _:
                pass  # feedback on pictures, descriptions: nothing here wants them

    def _hear_sender(self, report: rtcp.SenderReport, arrival: float) -> None:
        self.received.on_sender_report(report, arrival)
        if report.ssrc == self.received.ssrc:
            self._clock.rate = self.received.rate
            self._clock.hear(report, arrival)

    def _hear_of_us(self, blocks: tuple[rtcp.ReportBlock, ...], arrival: float) -> None:
        if any(block.ssrc == self.sent.ssrc for block in blocks):
            self.sent.on_report(blocks, arrival)
            self._on_loss(self.leg, self.sent.remote_lost)

    def _come_alive(self) -> None:
        if self._started:
            self._tell(contract.MediaBack(self.leg))
        else:
            self._started = True
            self._tell(contract.MediaStarted(self.leg))

    # -- out -------------------------------------------------------------------------------------------------------

    def send_audio(self, payload: bytes, samples: int, marker: bool, level: int = 127) -> None:
        """Send a payload that stands for `samples` at 48 kHz, or a key that is to be sent in its place.

        `level`: how loud it is [-dBov, 0 to 127].
        """
        audio, keys = self._audio, self._keys_out
        if audio is None or not audio.sends:
            return
        if not self.transport.may_send():
            self.sent.skip(samples)
            return
        packet = None
        if keys is not None and keys.active:
            packet = self.sent.packetise_event(keys, samples)
        if packet is None:
            packet = self.sent.packetise(payload, samples, marker or self._marks, level)
        self._marks = False
        self.transport.send_rtp(packet)

    def leave_out(self, ticks: int) -> None:
        """So many ticks were skipped: nothing was sent, but time went on."""
        if self._resting_since is None:
            self.sent.skip(ticks * FRAME)

    def send_digit(self, digit: str) -> None:
        """Send a key to the peer, after those that wait."""
        if self._keys_out is None or not self._keys_out.press(digit):
            self._drops["digit-not-sent"] += 1

    def _send_report(self, now: float, wallclock: float, bye: bool = False) -> None:
        if self._audio is None or not self.transport.may_report():
            return
        self._pass_rest(now)
        report = compose_report(self.sent, self.received, self.cname, now, wallclock, bye=bye)
        self.transport.send_rtcp(report)

    def _send_feedback(self) -> None:
        """Tell when packets came, by their transport-wide numbers."""
        audio = self._audio
        if audio is None or not self.transport.may_report():
            return
        feedback = self._arrivals.feedback(self.sent.ssrc, self.received.ssrc or 0)
        if feedback is not None:
            # Where a report need not come first (RFC 5506), it need not be sent.
            before = b"" if audio.rtcp_reduced_size else rtcp.serialise(rtcp.ReceiverReport(self.sent.ssrc))
            self.transport.send_rtcp(before + feedback)

    # -- time ------------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When `wake` wants to be called [monotonic seconds]."""
        return min(self._due, self.transport.deadline)

    def wake(self, now: float, wallclock: float) -> None:
        """Do what is due. `wallclock`: seconds since 1970, for sender reports."""
        if now >= self.transport.deadline:
            self.transport.wake(now)
        if now >= self._report_due:
            self._send_report(now, wallclock)
            self._report_due = now + self._interval()
        if now >= self._feedback_due:
            self._feedback_due = inf
            self._send_feedback()
        if (digit := self._keys_in.expire(now)) is not None:
            self._tell(contract.Digit(self.leg, digit))
        if now >= self._silence.deadline and (told := self._silence.check(now, self.leg)) is not None:
            self._tell(told)
        self._arm()

    def excuse(self, seconds: float) -> None:
        """The whole process slept for so long: the peer's silence in that time is not held against it."""
        self._silence.excuse(seconds)
        self._arm()

    def say_goodbye(self, now: float, wallclock: float) -> None:
        """The last report, with BYE."""
        self._send_report(now, wallclock, bye=True)

    @property
    def quality(self) -> contract.Quality:
        """What the leg's media was like until now."""
        sent, received = self.sent, self.received
        return contract.Quality(
            packets_received=received.packets,
            packets_lost=received.lost,
            packets_sent=sent.packets,
            jitter_ms=received.jitter_s * 1e3,
            codec=self._audio.codec if self._audio is not None else "",
            remote_lost_fraction=max(0.0, min(1.0, sent.remote_packets_lost / max(1, sent.packets))),
            round_trip_ms=sent.round_trip_s * 1e3,
        )

    def _interval(self) -> float:
        """From one report to the next (RFC 3550 section 6.2: between half and one and a half of the mean)."""
        return self._settings.rtcp_interval_s * (0.5 + self._random.random())

    def _arm(self) -> None:
        keys = self._keys_in.deadline
        due = min(self._report_due, self._feedback_due, self._silence.deadline)
        self._due = due if keys is None else min(due, keys)
