"""One stream of pictures of one leg, both ways: what comes of it goes as whole pictures to the video worker.

How packets travel, and which of a leg's streams one belongs to, is the business of `bridge.media.leg_pictures`. What is
sent is that of `bridge.media.video_sender`.

On stage one source is assembled, of a simulcast one layer (`bridge.media.tracks`); all others are closed: their packets
are counted and dropped before they are decrypted (`bridge.media.track`). Another source or layer is taken at its first
key frame, and until then the one before is shown. Only what can be decoded is given on: after a loss that was not
repaired in time nothing is, until a key frame has come.
"""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Final, Protocol

from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.media.demand import Demand
from bridge.media.track import Track
from bridge.media.tracks import Tracks
from bridge.media.video_sender import VideoSender
from bridge.rtp import rtcp, rtcp_feedback, rtx
from bridge.rtp.frames import Frame, FrameAssembler
from bridge.rtp.video_packet import ExtensionIds, VideoPacket
from bridge.sdp.video import Content, NegotiatedVideo
from bridge.video.contract import AccessUnit

KEY_S: Final = 0.5  # from one wish for a key frame of a source to the next
PATIENT_ASKS: Final = 10  # a source that answers none of so many is asked less often
LATER_KEY_S: Final = 2.0
GONE_S: Final = 2.0  # without a packet: no pictures come
CHOOSE_S: Final = 0.2  # from one choice among sources to the next
LIP_SYNC_S: Final = 0.3  # a picture waits no longer for its sound
BELIEVED_S: Final = 1.0  # sound so much later than its picture: the peer's two streams have two clocks
TMMBR_S: Final = 5.0  # a request that was not answered is made again
_ROUND_TRIP_S: Final = 0.1  # before any was measured


class Surroundings(Protocol):
    """What a stream needs of its leg."""

    def give(self, unit: AccessUnit) -> bool:
        """Give a picture to the worker. False: it was not taken, and what refers to it will be of no use."""
        ...

    def gone(self, source: str) -> None:
        """Tell the worker that nothing more comes of a source."""
        ...

    def tell(self, event: contract.Event) -> None:
        """Tell control."""
        ...

    def sound_leaves(self, wallclock: float, now: float) -> float | None:
        """When the sound leaves [monotonic seconds] that was captured at a moment of the peer's clock; None = it is not
        known."""
        ...


class VideoSession:
    """The stream `name` of `leg`. `sender`: its way out. `feedback`: RTCP that is due, which the owner sends.

    `demand`: what may come of it. `frames`: given on; `octets`: of payload that was read; `codec`: of the newest frame.
    """

    def __init__(
        self,
        leg: str,
        name: str,
        content: Content,
        sender: VideoSender,
        around: Surroundings,
        drops: Counter[str],
    ) -> None:
        self.leg = leg
        self.name = name
        self.content = content
        self.sender = sender
        self.feedback: list[bytes] = []  # bounded: the owner takes it after each call of `wake`
        self.demand = Demand()
        self.video: NegotiatedVideo | None = None
        self._formats: dict[int, str] = {}
        self.ids = ExtensionIds()
        self.types: frozenset[int] = frozenset()
        self.tracks = Tracks()
        self.frames = self.keys_asked = self.octets = 0
        self.codec = ""
        self._around = around
        self._drops = drops
        self._height = 0  # of its largest tile; 0 = off stage
        self._served = False
        self._frozen = 0
        self._broken = True  # what comes next is of use only if it is a key frame
        self._choose_due = 0.0
        self._seen = False
        self._alive = -inf
        self._fir = 0
        self._round_trip_s = _ROUND_TRIP_S
        self._bound: tuple[tuple[int, int], ...] = ()  # the last TMMBR
        self._bound_due = inf

    # -- what was agreed ---------------------------------------------------------------------------------------------

    def configure(self, video: NegotiatedVideo, now: float) -> None:
        """Take what was negotiated, first or anew. What comes goes on, unless its codecs are others."""
        before, self.video = self.video, video
        self.ids = ExtensionIds(
            video.feedback_id if video.transport_cc else 0,
            video.mid_id,
            video.rid_id,
            video.repaired_rid_id,
            video.orientation_id,
        )
        self.types = frozenset(video.receive) | frozenset(video.repairs)
        self.tracks.layered = len(video.rids) > 1
        self.demand.configure(video.receive_limits.bitrate)
        self._formats = {number: each.codec for number, each in video.receive.items()}
        if not video.receives and before is not None and before.receives:
            self._reset()
        for track in self.tracks.all:
            if track.assembler is not None:
                track.assembler.configure(self._formats, video.receive_limits, video.parameter_sets)
        self.sender.configure(video, now)
        self._turn(now)

    def show(self, height: int, now: float) -> None:
        """How high its largest tile is now [pixels], 0 = it is on no canvas."""
        if height != self._height:
            self._height = height
            self.demand.show(height)
            self._turn(now)

    def serve(self, served: bool, now: float) -> None:
        """Whether there is a worker. A new one knows nothing: it gets all anew."""
        self._served = served
        self._broken = True
        if served:
            self.sender.reopen(now)
        self._turn(now)
        if self.tracks.shown is not None:
            self.want_key(now)

    @property
    def on_stage(self) -> bool:
        """Whether its pictures are wanted, and there is somebody to take them."""
        return self._height > 0 and self._served

    def _turn(self, now: float) -> None:
        """It has gone on stage or off, or what is wanted there has changed."""
        if self.on_stage:
            self._choose(now)
        elif self.tracks.shown is not None or self.tracks.following is not None:
            self._reset()
            self._around.gone(self.name)

    def _reset(self) -> None:
        self.tracks.reset()
        self._broken = True

    def _choose(self, now: float) -> None:
        """Look whether another source or layer is the right one now."""
        self._choose_due = now + CHOOSE_S
        wanted = self.tracks.choose(self._height, now)
        if wanted is not None:
            self._broken = self._broken or wanted is self.tracks.shown
            self._ask(wanted, now)

    # -- in ----------------------------------------------------------------------------------------------------------

    def begin(self, packet: VideoPacket, now: float) -> Track:
        """A source of this stream sends its first packet."""
        video, tracks = self.video, self.tracks
        assert video is not None
        repairing = packet.payload_type in video.repairs
        name = packet.rid or packet.repaired_rid
        track = tracks.begin(packet.ssrc, name, repairing, video.repair_sources, now)
        if self.on_stage and not repairing and tracks.is_silent(now):
            tracks.take_on(track)
            self._broken = True
            self._ask(track, now)
        return track

    def describes(self, ssrc: int) -> bool | None:
        """Whether the description names this source as one of the stream; None = it names none at all."""
        told = self.video.repair_sources if self.video is not None else {}
        return (ssrc in told or ssrc in told.values()) if told else None

    def is_named(self, mid: str) -> bool:
        """Whether a packet may be of this stream that says this name, "" = it says none."""
        return self.video is not None and (not mid or not self.video.mid or mid == self.video.mid)

    def take(self, track: Track, packet: VideoPacket, size: int, arrival: float) -> None:
        """A packet that was let through and verified, `size` octets. Raises ProtocolError for what is of no use."""
        video = self.video
        assert video is not None
        track.take(packet.sequence, packet.timestamp, size, arrival)
        if not video.receives:
            return
        if packet.payload:
            self.octets += len(packet.payload)
            self._alive = arrival
        if not track.open:
            self._look_at(track, packet)
            return
        if track.repairing:
            restored = self._restore(track, packet)
            if restored is None:
                return
            track, packet = restored
        elif packet.payload_type not in video.receive:
            raise ProtocolError("rtp-payload-type")
        for frame in (track.assembler or self._assemble(track, video)).push(packet, arrival):
            self._take_frame(track, frame)

    def _look_at(self, track: Track, packet: VideoPacket) -> None:
        """A packet that was let through only to keep count."""
        if track.repairing:
            if track.repairs is None and self.video is not None:
                self.tracks.match(self.video.repair_sources)
        elif packet.payload and not (self._seen or self.on_stage):
            self._tell_seen(True)

    def _assemble(self, track: Track, video: NegotiatedVideo) -> FrameAssembler:
        assembler = FrameAssembler(self._formats, video.receive_limits, video.parameter_sets)
        assembler.drops = self._drops
        assembler.repairs = video.nack
        assembler.round_trip_s = self._round_trip_s
        track.assembler = assembler
        return assembler

    def _restore(self, track: Track, packet: VideoPacket) -> tuple[Track, VideoPacket] | None:
        """The packet that was sent again in another, and whose it was; None = only padding."""
        repaired = track.repairs
        assert repaired is not None and self.video is not None
        found = rtx.unwrap(packet, self.video.repairs.get(packet.payload_type, -1), repaired.ssrc)
        return (repaired, found) if found is not None else None

    def _take_frame(self, track: Track, frame: Frame) -> None:
        if frame.key:
            track.wants_key = False
            track.unanswered = 0
            track.height = min(frame.width, frame.height) if frame.height else track.height
            if track is self.tracks.following and self.tracks.arrive(self._height, frame.arrival):
                self._broken = True
        if track is self.tracks.shown:
            self._give(track, frame)

    def _give(self, track: Track, frame: Frame) -> None:
        if self._broken and not frame.key:
            self._frozen += 1
            return
        unit = AccessUnit(
            self.name,
            frame.codec,
            frame.key,
            frame.arrival,
            self._due(track, frame),
            frame.rotation,
            frame.width,
            frame.height,
            frame.octets,
        )
        self.codec = frame.codec
        self._broken = False
        if not self._around.give(unit):
            self._broken = True
            self._frozen += 1
            self._want_next_key(track)
            return
        self.frames += 1
        if not self._seen:
            self._tell_seen(True)

    @staticmethod
    def _want_next_key(track: Track) -> None:
        """Nothing that comes of it is of use before its next key frame: ask for one, and again until it comes."""
        track.wants_key = True
        if track.assembler is not None:
            track.assembler.want_key()

    def _due(self, track: Track, frame: Frame) -> float:
        """When it is to be seen: together with the sound that was captured with it."""
        captured = track.clock.wallclock(track.ssrc, frame.timestamp, frame.arrival)
        leaves = self._around.sound_leaves(captured, frame.arrival) if captured is not None else None
        if leaves is None or not frame.arrival < leaves < frame.arrival + BELIEVED_S:
            return frame.arrival
        return min(leaves, frame.arrival + LIP_SYNC_S)

    def _tell_seen(self, on: bool) -> None:
        self._seen = on
        self._around.tell(contract.Seen(self.leg, self.content, on))

    # -- reports and feedback of the peer ----------------------------------------------------------------------------

    def obey(self, packet: rtcp.RtcpPacket, arrival: float) -> None:
        """One packet of the peer's RTCP; what is about other streams is left alone."""
        match packet:
            case rtcp.SenderReport(ssrc=ssrc):
                if (track := self.tracks.get(ssrc)) is not None:
                    track.on_sender_report(packet, arrival)
            case rtcp.Bye(sources=sources):
                for ssrc in sources:
                    self.tracks.forget(ssrc)
            case rtcp_feedback.BitrateNotice(items=items):
                told = dict(items)
                if all(told.get(ssrc, 0) >= rate * 0.98 for ssrc, rate in self._bound):
                    self._bound_due = inf
            case _:
                pass
        self.sender.take_feedback(packet, arrival)

    def blocks(self, now: float) -> tuple[rtcp.ReportBlock, ...]:
        """How its sources are received, those that were heard of late."""
        heard = [track for track in self.tracks.all if now - track.heard < 4 * GONE_S]
        return tuple(block for track in heard if (block := track.report_block(now)) is not None)

    # -- wishes ------------------------------------------------------------------------------------------------------

    def want_key(self, now: float) -> None:
        """A key frame of what is shown is needed; until it comes nothing is given on."""
        self._broken = True
        if self.tracks.shown is not None:
            self._want_next_key(self.tracks.shown)
            self._ask(self.tracks.shown, now)

    def _ask(self, track: Track, now: float) -> None:
        """Ask for a key frame, unless that was done a moment ago: then `wake` does it."""
        video = self.video
        interval = KEY_S if track.unanswered < PATIENT_ASKS else LATER_KEY_S
        if video is None or now - track.asked < interval:
            return
        track.asked = now
        track.unanswered += 1
        track.wants_key = False
        self.keys_asked += 1
        ours = self.sender.stream.ssrc
        if video.pli:
            self._say(rtcp_feedback.PictureLoss(ours, track.ssrc))
        elif video.fir:
            self._fir = self._fir + 1 & 0xFF
            self._say(rtcp_feedback.FullIntra(ours, ((track.ssrc, self._fir),)))
        elif self.content is Content.MAIN:
            self._around.tell(contract.KeyNeeded(self.leg))

    def _say(self, packet: rtcp_feedback.Request) -> None:
        self.feedback.append(rtcp.serialise(packet))

    # -- time --------------------------------------------------------------------------------------------------------

    def measured(self, round_trip_s: float) -> None:
        """How long it is to the peer and back."""
        self._round_trip_s = round_trip_s
        for track in self.tracks.all:
            if track.assembler is not None:
                track.assembler.round_trip_s = round_trip_s

    def wake(self, now: float) -> None:
        """Do what is due, each tick on stage, ten times a second off it."""
        if self.sender.deadline <= now:
            self.sender.wake(now)
        if self.on_stage:
            for track in (self.tracks.shown, self.tracks.following):
                if track is not None:
                    self._mend(track, now)
            if now >= self._choose_due:
                self._choose(now)
                self._look(now)
        if self._seen and now - self._alive >= GONE_S:
            self._tell_seen(False)
        self._bind(now)

    def _mend(self, track: Track, now: float) -> None:
        """Ask again for what is missing, or for a key frame where that is too late."""
        assembler = track.assembler
        if assembler is not None:
            for frame in assembler.wake(now):
                self._take_frame(track, frame)
            if missing := assembler.missing(now):
                items = rtcp_feedback.nack_items(missing)
                self._say(rtcp_feedback.Nack(self.sender.stream.ssrc, track.ssrc, items))
            track.wants_key = assembler.needs_key(now) or track.wants_key
        if track.wants_key or track is self.tracks.following or assembler is None:
            self._ask(track, now)

    def _look(self, now: float) -> None:
        """How much of what is shown is lost on the way."""
        shown = self.tracks.shown
        if shown is not None:
            self.demand.look(shown.ssrc, shown.packets, shown.lost, now)

    def _bind(self, now: float) -> None:
        """Ask a peer that knows TMMBR to send no more than is needed (RFC 5104 section 3.5.4)."""
        video = self.video
        if video is None or not video.tmmbr or not video.receives:
            return
        wanted = tuple((ssrc, self.demand.rate) for ssrc in self.tracks.sources(now))
        if wanted and (wanted != self._bound or now >= self._bound_due):
            self._bound, self._bound_due = wanted, now + TMMBR_S
            self._say(rtcp_feedback.BitrateRequest(self.sender.stream.ssrc, wanted))

    def excuse(self, seconds: float) -> None:
        """The whole process slept for so long: that nothing came in that time says nothing."""
        self._alive += seconds
        for track in self.tracks.all:
            track.heard += seconds

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """The stream has ended, both ways."""
        self.sender.close()
        self.lose()

    def lose(self) -> None:
        """Nothing more comes of it."""
        self._reset()
        self._around.gone(self.name)
        if self._seen:
            self._tell_seen(False)

    @property
    def counts(self) -> Counter[str]:
        """What there was since the start: packets `received` (dropped ones too), `lost`, `sent` and `resent`; `frames`
        given on, and `frozen`: whole ones that were not, since one before them was missing; `keys` asked for;
        `octets` of payload that came, and `octets-sent`."""
        return Counter(
            {
                "received": self.tracks.received,
                "lost": self.tracks.lost,
                "sent": self.sender.packets,
                "resent": self.sender.resent,
                "frames": self.frames,
                "frozen": self._frozen + self.tracks.frozen,
                "keys": self.keys_asked,
                "octets": self.octets,
                "octets-sent": self.sender.octets,
            }
        )
