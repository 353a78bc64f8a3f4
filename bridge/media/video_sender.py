"""One stream of pictures to one peer: its packets, what is sent again, and what the peer's feedback makes of it.

Pictures come from a video worker by way of `bridge.media.fanout`, which decides when packets leave. A picture that
cannot be sent breaks the chain: all that refer to it are dropped too, and the worker is asked for a key frame.
"""

from __future__ import annotations

import math
import secrets
from collections import Counter, deque
from collections.abc import Callable
from math import inf

from bridge.media.allowance import Allowance
from bridge.media.transport import Transport
from bridge.rtp import rtcp
from bridge.rtp.batch import SLOTS, Batch
from bridge.rtp.copies import Copies
from bridge.rtp.estimate import Estimate
from bridge.rtp.picture_stream import PictureStream, missing
from bridge.rtp.rtcp_feedback import (
    BitrateNotice,
    BitrateRequest,
    EstimatedBitrate,
    FullIntra,
    Nack,
    PictureLoss,
    TransportWide,
)
from bridge.sdp.video import NegotiatedVideo, VideoFormat
from bridge.video.contract import CloseSink, EncodedPicture, MediaMessage, OpenSink, WantKeyFrame

MOST_WAITING = (
    4  # pictures, while a key frame leaves piece by piece; one more, and all wait for the next key frame
)
KEY_S = 1.0  # from one wish for a key frame to the next
REPEATED_S = 2.0
TOLD_S = 0.5  # from one change of the bit rate that a worker is told to the next
TOLD_CHANGE = 0.1
READY_S = 0.1  # until the next look whether there is a way by now
AT_ONCE = 8  # packets of a picture that leave together; a larger one leaves in steps,
LEAST_STEP = 4  # of so many packets at least,
STEP_S = 0.01  # so long one after the other,
FASTER = 2.5  # so many times as fast as the path is thought to carry,
SPREAD_S = 0.1  # and within this
CROWDED_S = 0.02  # where what was sent before waits on our side: until the next look
RESENT = 0.1  # of the octets that were sent
RESENT_BURST = 6_000.0  # octets
NOTICES_PER_S, NOTICES_AT_ONCE = 10.0, 10.0  # answers to a peer that says what it takes
ASKED_PER_S, ASKED_AT_ONCE = 1_000.0, 300.0  # numbers that are looked up for a peer that wants them again


class VideoSender:
    """The stream named `sink` (a leg, or a leg and `mixer.scene.SLIDES`) along `transport`.

    `estimate`: of the path, shared by all streams along it. `tell` gets OpenSink, CloseSink and WantKeyFrame for the
    worker of the leg's conference. `drops` counts by name.

    `pictures`, `packets`, `octets`, `resent`, `dropped`: since the start; `stream` has what the peer reported.
    """

    def __init__(
        self,
        sink: str,
        transport: Transport,
        estimate: Estimate,
        drops: Counter[str],
        *,
        tell: Callable[[MediaMessage], None],
    ) -> None:
        self.sink = sink
        self.estimate = estimate
        self._transport = transport
        self._drops = drops
        self._tell = tell
        self.stream = PictureStream(
            secrets.randbits(32),
            secrets.randbits(32),
            secrets.randbits(15),
            secrets.randbits(15),
            secrets.randbits(32),
        )
        self._agreed: NegotiatedVideo | None = None
        self._format: VideoFormat | None = None
        self._opened: OpenSink | None = None
        self._opened_at = -inf
        self._awaits_key = True
        self._waiting: deque[EncodedPicture] = deque()  # bounded by MOST_WAITING
        self._step = AT_ONCE
        self._due = -inf  # not to send before
        self._key_asked = -inf
        self._key_due = self._look_due = inf
        self._fir = (-1, -inf)  # the last command, and when it came
        # What was sent, for peers that want the same packets again. Not protected anew: that would use one key stream
        # for two packets, should anything in them have changed (RFC 3711 section 9.1).
        self._copies: Copies | None = None
        self._notices = Allowance(NOTICES_PER_S, NOTICES_AT_ONCE, -inf)
        self._asked = Allowance(ASKED_PER_S, ASKED_AT_ONCE, -inf)
        self._tokens = RESENT_BURST  # octets that may be sent again
        self.pictures = self.dropped = 0

    # -- what was agreed -------------------------------------------------------------------------------------------

    def configure(self, video: NegotiatedVideo, now: float) -> None:
        """Take what was negotiated, first or anew. Another codec, or an end of a rest, begins with a key frame."""
        self._agreed = video
        wanted = video.send if video.sends and not video.held else None
        before, self._format = self._format, wanted
        if wanted is None:
            self._rest()
            return
        numbered = video.transport_cc and video.feedback_id > 0
        self.estimate.configure(self.stream.ssrc, video.send_limits.bitrate, numbered)
        self.stream.configure(
            wanted.payload_type,
            wanted.rtx,
            video.mid_id,
            video.mid,
            video.feedback_id if numbered else 0,
        )
        self._copies = Copies() if video.nack and wanted.rtx is None else None
        if before != wanted:
            self._break()
        self._open(now)

    def _rest(self) -> None:
        self._break()
        self.estimate.forget(self.stream.ssrc)
        self._key_due = self._look_due = inf
        if self._opened is not None:
            self._opened = None
            self._tell(CloseSink(self.sink))

    def _open(self, now: float) -> None:
        assert self._agreed is not None and self._format is not None
        if self._opened is None and not self._transport.may_send(0):
            self._look_due = now + READY_S  # a key frame that nobody gets would be missed for a second
            return
        told = OpenSink(
            self.sink,
            self._format.codec,
            self._format.packetization_mode,
            self._agreed.send_limits,
            self.estimate.share(self.stream.ssrc),
        )
        if told != self._opened:
            self._opened, self._opened_at = told, now
            self._look_due = now + TOLD_S
            self._tell(told)

    def reopen(self, now: float) -> None:
        """Another worker serves from now on: tell it of this stream, and wait for its first key frame."""
        self._opened = None
        self._break()
        if self._format is not None:
            self._open(now)

    def close(self) -> None:
        """The stream has ended."""
        self._format = None
        self._rest()

    # -- out -------------------------------------------------------------------------------------------------------

    def offer(self, picture: EncodedPicture, now: float) -> bool:
        """Take a picture; whether there is something to send."""
        if self._format is None or not picture.payloads:
            return False
        if picture.key:
            self._drop_waiting()
            self.stream.abandon()
            self._awaits_key = False
            self._key_due = inf
            self._due = -inf
        elif self._awaits_key:
            self.dropped += 1
            self.want_key(now)
            return False
        elif len(self._waiting) >= MOST_WAITING:
            self._drops["picture-overtaken"] += 1
            self.dropped += 1
            self._break()
            self.want_key(now)
            return False
        self._waiting.append(picture)
        return True

    def _drop_waiting(self) -> None:
        self.dropped += len(self._waiting)
        self._waiting.clear()

    def _break(self) -> None:
        """What comes next can be decoded only if it is a key frame."""
        self._awaits_key = True
        self._drop_waiting()
        self.stream.abandon()

    def send(self, now: float, batch: Batch) -> float:
        """Send the packets that are due, by way of `batch`; returns when the next ones are, `inf` = there are none."""
        if now < self._due:
            return self._due
        if not self.stream.left and not self._begin(now):
            return inf
        if self._transport.crowded():
            self._due = now + CROWDED_S
            return self._due
        count = min(self._step, self.stream.left)
        if not self._transport.may_send(count):
            self._drops["picture-not-sent"] += 1
            self.dropped += 1
            self._break()
            return inf
        first, _ = self.stream.fill(batch, count, self.estimate.next_number)
        self.estimate.depart(self.stream.ssrc, batch.sizes, now)
        self._transport.send_batch(batch)
        if self._copies is not None:
            self._copies.keep(first, map(bytes, batch.datagrams()), now)
        if self.stream.left:
            self._due = now + STEP_S
            return self._due
        self.pictures += 1
        return now if self._waiting else inf

    def _begin(self, now: float) -> bool:
        if not self._waiting:
            return False
        picture = self._waiting.popleft()
        self.stream.begin(picture.payloads, picture.composed, now)
        count = len(picture.payloads)
        octets = sum(map(len, picture.payloads))
        self._step = AT_ONCE if count <= AT_ONCE else self._pace(count, octets)
        self._tokens = min(max(RESENT_BURST, self._tokens), self._tokens + RESENT * octets)
        return True

    def _pace(self, count: int, octets: int) -> int:
        """How many packets of a large picture leave in a step."""
        spread = min(SPREAD_S, octets * 8 / (FASTER * self.estimate.share(self.stream.ssrc)))
        return min(SLOTS, max(LEAST_STEP, math.ceil(count * STEP_S / spread)))

    # -- feedback --------------------------------------------------------------------------------------------------

    def take_feedback(self, packet: rtcp.RtcpPacket, now: float) -> None:
        """One packet of the peer's RTCP; what is about other streams is left alone."""
        match packet:
            case rtcp.SenderReport(blocks=blocks) | rtcp.ReceiverReport(blocks=blocks):
                if (told := self.stream.on_report(blocks, now)) is not None:
                    self.estimate.on_round_trip(self.stream.round_trip_s)
                    self.estimate.on_loss(*told, now)
            case TransportWide():
                self.estimate.on_transport_wide(packet, now)
            case Nack(media_ssrc=ssrc, items=items) if ssrc == self.stream.ssrc:
                self._resend(items, now)
            case PictureLoss(media_ssrc=ssrc) if ssrc == self.stream.ssrc:
                self.want_key(now)
            case FullIntra(items=items):
                self._take_commands(items, now)
            case EstimatedBitrate(bitrate=bitrate):
                self.estimate.on_remb(bitrate, now)
            case BitrateRequest(ssrc=peer, items=items):
                self._take_limits(peer, items, now)
            case _:
                return
        self._tell_rate(now)

    def _take_commands(self, items: tuple[tuple[int, int], ...], now: float) -> None:
        """FIR: a command that is repeated has the number of the one before (RFC 5104 section 4.3.1.2); after a while
        it is another all the same, of a peer that does not count, or whose key frame was lost."""
        for ssrc, command in items:
            if ssrc == self.stream.ssrc and (command != self._fir[0] or now - self._fir[1] >= REPEATED_S):
                self._fir = (command, now)
                self.want_key(now)

    def _take_limits(self, peer: int, items: tuple[tuple[int, int], ...], now: float) -> None:
        """TMMBR, answered by TMMBN (RFC 5104 section 4.2.2); one that has no answer is made again."""
        ours = self.stream.ssrc
        limits = [bitrate for ssrc, bitrate in items if ssrc == ours]
        if not limits or self._agreed is None:
            return
        self.estimate.on_request(ours, limits[-1])
        if self._notices.take(now) and self._transport.may_report():
            # Where a report need not come first (RFC 5506), it need not be sent.
            before = b"" if self._agreed.rtcp_reduced_size else rtcp.serialise(rtcp.ReceiverReport(ours))
            notice = BitrateNotice(ours, ((peer, limits[-1]),))
            self._transport.send_rtcp(before + rtcp.serialise(notice))

    def want_key(self, now: float) -> None:
        """The peer needs a key frame: ask for one now, or as soon as that may be."""
        if self._opened is None or self._key_due < inf:
            return
        if now - self._key_asked >= KEY_S:
            self._key_asked = now
            self._tell(WantKeyFrame(self.sink))
        else:
            self._key_due = self._key_asked + KEY_S

    def _resend(self, items: tuple[tuple[int, int], ...], now: float) -> None:
        """Send again what is remembered, within bounds: in a stream of its own, or else as it was."""
        for sequence in missing(items):
            if not self._asked.take(now):
                self._drops["nack-over-rate"] += 1
                return
            copy = None if self._copies is None else self._copies.find(sequence, now)
            payload = copy or self.stream.find(sequence)
            if payload is None or (copy is None and not self.stream.repairs):
                continue
            if self._tokens < len(payload):
                self._drops["resend-over-rate"] += 1
                return
            if not self._transport.may_send():
                return
            self._tokens -= len(payload)
            if copy is not None:
                self.stream.resent += 1
                self._transport.send_again(copy)
            elif (packet := self.stream.repair(sequence, self.estimate.next_number)) is not None:
                self.estimate.depart(self.stream.ssrc, (len(packet),), now)
                self._transport.send_rtp(packet)

    # -- reports and time ------------------------------------------------------------------------------------------

    def report(
        self, now: float, wallclock: float, blocks: tuple[rtcp.ReportBlock, ...] = ()
    ) -> rtcp.SenderReport | rtcp.ReceiverReport:
        """The report that is due on this stream, with `blocks` about what is received; its SDES is the caller's."""
        return self.stream.report(now, wallclock, blocks)

    @property
    def deadline(self) -> float:
        """When `wake` wants to be called [monotonic seconds]."""
        return min(self._key_due, self._look_due)

    def wake(self, now: float) -> None:
        """Do what is due: a wish for a key frame that waited, another bit rate."""
        if now >= self._key_due:
            self._key_due = inf
            self.want_key(now)
        if now >= self._look_due:
            self._look_due = now + TOLD_S
            self.estimate.wake(now)
            if self._opened is None and self._format is not None:
                self._open(now)
            else:
                self._tell_rate(now)

    def _tell_rate(self, now: float) -> None:
        """Tell the worker of another rate, if it is another, and not too often."""
        if self._opened is None or now - self._opened_at < TOLD_S:
            return
        told = self._opened.bitrate
        if abs(self.estimate.share(self.stream.ssrc) - told) >= TOLD_CHANGE * told:
            self._open(now)

    @property
    def codec(self) -> str:
        """Name of the codec that is sent, "" = none."""
        return self._format.codec if self._format is not None else ""

    @property
    def packets(self) -> int:
        """Packets sent, each once."""
        return self.stream.packets

    @property
    def resent(self) -> int:
        """Packets sent again."""
        return self.stream.resent

    @property
    def octets(self) -> int:
        """Octets of payload sent, each once."""
        return self.stream.octets
