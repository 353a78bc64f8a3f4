"""All pictures of one leg: which of its streams a packet belongs to, and what is told to the peer of all of them.

In a bundle camera, slides and sound share one transport, one run of transport-wide numbers and one estimate of the
path; pictures on ports of their own have a transport that is theirs. A packet is known by its source (SSRC). A new
source is taken in when its first packet has been verified, by its payload type where that is one stream's alone, else
by the name of the stream in its header extension, or by the description (RFC 8843 section 9.2).

A fault of ours in here costs the leg its pictures, never its sound.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from math import inf
from random import Random
from typing import Final

from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.media.allowance import Allowance
from bridge.media.picture_reports import PictureReports
from bridge.media.session import Session
from bridge.media.settings import MediaSettings
from bridge.media.track import Track
from bridge.media.transport import OTHERS_PER_S, Transport
from bridge.media.video_sender import VideoSender
from bridge.media.video_session import VideoSession
from bridge.rtp import rtcp, rtcp_feedback
from bridge.rtp.estimate import Estimate
from bridge.rtp.packet import parse as parse_sound
from bridge.rtp.video_packet import VideoPacket, parse
from bridge.sdp.video import Content, NegotiatedVideo
from bridge.video.contract import AccessUnit, MediaMessage, SourceGone
from mixer.scene import SLIDES

USUAL_BITRATE: Final = 3_000_000  # [bit/s], where none was agreed on
PACKET_OCTETS: Final = 800  # of pictures, in the mean; a peer that sends smaller ones has the factor for it
FEWEST_PER_S: Final = 150.0  # packets: a picture of slices is many, however low its rate
IDLE_S: Final = 0.2  # from one look at a leg off stage to the next

Tell = Callable[[contract.Event], None]


class LegPictures:
    """`give`, `tell_worker`: to the worker of the leg's conference; `give` says whether it takes the picture.
    `on_fault` is told of faults of ours, once; nothing comes of these pictures then until they are configured anew.

    `types`: payload types that are theirs. `deadline`: when `wake` wants to be called [monotonic seconds].
    """

    def __init__(
        self,
        session: Session,
        own: Transport | None,
        settings: MediaSettings,
        random: Random,
        drops: Counter[str],
        *,
        tell: Tell,
        give: Callable[[str, AccessUnit], bool],
        tell_worker: Callable[[str, MediaMessage], None],
        on_fault: Callable[[str, Exception], None],
        conference: str = "",
        now: float = 0.0,
    ) -> None:
        self.leg = session.leg
        self.conference = conference
        self.own = own
        self.types: frozenset[int] = frozenset()
        self.streams: dict[Content, VideoSession] = {}
        self.deadline = inf
        self.broken = False
        self._session = session
        self._transport = session.transport
        self._settings = settings
        self._drops = drops
        self._tell = tell
        self._give = give
        self._tell_worker = tell_worker
        self._on_fault = on_fault
        self._estimate = Estimate(now)
        self._tracks: dict[
            bytes, tuple[VideoSession, Track]
        ] = {}  # by SSRC; bounded by the streams' own tracks
        self._allowances: dict[Content, Allowance] = {}
        self._strangers = Allowance(0.0, 0.0, now)
        self._feedback_id = 0
        self._heights: dict[Content, int] = {}
        self._served = False
        self._reports = PictureReports(self.streams, session, settings.rtcp_interval_s, random)
        self._counted: Counter[str] = Counter()  # of streams that have ended
        self._began: float | None = None
        self._looked = now  # when `wake` was last called
        if own is not None:
            own.streams = self

    # -- what was agreed ---------------------------------------------------------------------------------------------

    def configure(self, command: contract.ConfigureLeg, now: float) -> None:
        """Take what was negotiated, first or anew. Raises ProtocolError for keys that cannot be used."""
        self.broken = False
        alone = self.own if command.video is not None and command.video_transport is not None else None
        if alone is not None and command.video is not None and command.video_transport is not None:
            alone.configure_video(command.video, command.video_transport, command, now)
        self._move(alone or self._session.transport)
        wanted = {Content.MAIN: command.video, Content.SLIDES: command.slides}
        for content, video in wanted.items():
            self._agree(content, video, now)
        self._settle(now)

    def _move(self, transport: Transport) -> None:
        """The transport that these pictures travel by."""
        if transport is not self._transport:
            for content in list(self.streams):
                self._end(content)
            self._transport.pictures = None
        self._transport = transport

    def _agree(self, content: Content, video: NegotiatedVideo | None, now: float) -> None:
        if video is None or (content is Content.SLIDES and self._transport is self.own):
            self._end(content)
            return
        stream = self.streams.get(content)
        if stream is None:
            stream = self.streams[content] = self._make(content)
            stream.serve(self._served, now)
            stream.show(self._heights.get(content, 0), now)
        stream.configure(video, now)
        bitrate = video.receive_limits.bitrate or USUAL_BITRATE
        rate = self._settings.rate_factor * max(FEWEST_PER_S, bitrate / (8 * PACKET_OCTETS))
        self._allowances[content] = Allowance(rate, rate, now)

    def _make(self, content: Content) -> VideoSession:
        name = self.name(content)
        sender = VideoSender(name, self._transport, self._estimate, self._drops, tell=self._to_worker)
        return VideoSession(self.leg, name, content, sender, self, self._drops)

    def _settle(self, now: float) -> None:
        """What follows from what was agreed for the streams together."""
        agreed = [stream.video for stream in self.streams.values() if stream.video is not None]
        self.types = frozenset().union(*(stream.types for stream in self.streams.values()))
        self._transport.pictures = self if self.types else None
        self._session.companion = self if agreed and self._transport is not self.own else None
        self._feedback_id = next((video.feedback_id for video in agreed if video.transport_cc), 0)
        self._strangers = Allowance(OTHERS_PER_S, OTHERS_PER_S, now)
        self._reports.configure(self._transport, agreed, now)
        self.deadline = now if agreed else inf
        if agreed and self._began is None:
            self._began = self._looked = now

    def _end(self, content: Content) -> None:
        stream = self.streams.pop(content, None)
        if stream is not None:
            stream.close()
            self._counted.update(stream.counts)
            self._tracks = {name: each for name, each in self._tracks.items() if each[0] is not stream}

    # -- what is wanted ----------------------------------------------------------------------------------------------

    def show(self, seen: int, slides: int, now: float) -> None:
        """How high the largest tiles of camera and slides are now [pixels], 0 = on no canvas."""
        self._heights = {Content.MAIN: seen, Content.SLIDES: slides}
        for content, stream in self.streams.items():
            stream.show(self._heights[content], now)
        self._hurry(now)

    def serve(self, served: bool, now: float) -> None:
        """Whether the conference has a worker; True again: it has another one."""
        self._served = served
        for stream in self.streams.values():
            stream.serve(served, now)
        self._hurry(now)

    def move(self, conference: str, served: bool, now: float) -> None:
        """The leg goes to another conference, which has a worker or has not."""
        for stream in self.streams.values():
            stream.serve(False, now)
            stream.sender.close()
        self.conference, self._served = conference, served
        for stream in self.streams.values():
            stream.serve(served, now)
            if stream.video is not None and not self.broken:
                stream.sender.configure(stream.video, now)
        self._hurry(now)

    def want_key(self, source: str, now: float) -> None:
        """The worker cannot decode a source before its next key frame."""
        for stream in self.streams.values():
            if stream.name == source:
                stream.want_key(now)
        self._hurry(now)

    def _hurry(self, now: float) -> None:
        if self.streams and not self.broken:
            self.deadline = now

    # -- in: before decryption -----------------------------------------------------------------------------------------

    def admit(self, datagram: bytes, arrival: float) -> bool:
        """Whether a packet is to be unwrapped. What nobody sees is only counted, but for one now and then."""
        try:
            return self._admit(datagram, arrival)
        except Exception as fault:
            self.fail(fault)
            return False

    def _admit(self, datagram: bytes, arrival: float) -> bool:
        known = self._tracks.get(datagram[8:12])
        if known is None:
            return self._may(self._strangers, arrival)
        stream, track = known
        if not self._may(self._allowances[stream.content], arrival):
            return False
        if track.open:
            return True
        number = datagram[2] << 8 | datagram[3]
        if track.passes(number, arrival):
            return True
        track.skip(number, len(datagram), arrival)
        self._drops["other-layer" if stream.on_stage else "off-stage"] += 1
        if self._feedback_id:
            self._note_unread(datagram, arrival)
        return False

    def _may(self, allowance: Allowance, arrival: float) -> bool:
        if allowance.take(arrival):
            return True
        self._drops["over-rate"] += 1
        return False

    def _note_unread(self, datagram: bytes, arrival: float) -> None:
        """A packet that is not read has arrived all the same, or its sender takes the path for a bad one. Its header is
        in the clear, but for what padding says at its encrypted end."""
        if datagram[0] & 0x20:
            datagram = bytes((datagram[0] & 0xDF,)) + datagram[1:]
        try:
            number = parse_sound(datagram, 0, self._feedback_id).transport_number
        except ProtocolError:
            return
        if number is not None:
            self._reports.note(number, arrival)

    # -- in: after it --------------------------------------------------------------------------------------------------

    def take_picture(self, octets: bytes, arrival: float) -> None:
        """A packet that was let through and verified. Raises ProtocolError for what is of no use."""
        try:
            self._take(octets, arrival)
        except ProtocolError:
            raise
        except Exception as fault:
            self.fail(fault)

    def take_rtp(self, octets: bytes, arrival: float) -> None:
        """What comes along a transport of our own and is no picture by its payload type is of no use."""
        raise ProtocolError("rtp-payload-type")

    def _take(self, octets: bytes, arrival: float) -> None:
        known = self._tracks.get(octets[8:12])
        if known is not None:
            stream, track = known
            packet = parse(octets, stream.ids)
        else:
            stream, track, packet = self._begin(octets, arrival)
        if packet.transport_number is not None:
            self._reports.note(packet.transport_number, arrival)
        self._session.come_alive(arrival)
        stream.take(track, packet, len(octets), arrival)

    def _begin(self, octets: bytes, arrival: float) -> tuple[VideoSession, Track, VideoPacket]:
        """The first packet of a source."""
        payload_type = octets[1] & 0x7F
        found: list[tuple[VideoSession, VideoPacket]] = []
        for stream in self.streams.values():
            if payload_type in stream.types:
                packet = parse(octets, stream.ids)
                if stream.is_named(packet.mid):
                    found.append((stream, packet))
        if len(found) > 1:  # a peer says the name only until we have reported on the source
            described = [each for each in found if each[0].describes(each[1].ssrc)]
            found = described or [each for each in found if each[0].describes(each[1].ssrc) is None]
        if len(found) != 1:
            raise ProtocolError("rtp-payload-type" if not found else "rtp-unknown-stream")
        stream, packet = found[0]
        track = stream.begin(packet, arrival)
        self._tracks[octets[8:12]] = (stream, track)
        self._sift()
        return stream, track, packet

    def _sift(self) -> None:
        """Forget sources that their streams have forgotten."""
        self._tracks = {
            name: each for name, each in self._tracks.items() if each[0].tracks.get(each[1].ssrc) is each[1]
        }

    def take_rtcp(self, octets: bytes, arrival: float) -> None:
        """A compound packet along a transport of our own. Raises ProtocolError."""
        packets = rtcp.parse_compound(octets)
        self._session.come_alive(arrival)
        self.obey(packets, arrival)

    def obey(self, packets: Sequence[rtcp.RtcpPacket], arrival: float) -> None:
        """What a compound packet of the peer's says."""
        try:
            for packet in packets:
                match packet:
                    case rtcp_feedback.TransportWide():  # of the whole transport: told once
                        for stream in islice(self.streams.values(), 1):
                            stream.obey(packet, arrival)
                    case rtcp.SourceDescription() | rtcp.App() | rtcp.Other():
                        pass
                    case _:
                        for stream in self.streams.values():
                            stream.obey(packet, arrival)
                        if isinstance(packet, rtcp.Bye):
                            self._sift()
        except Exception as fault:
            self.fail(fault)

    # -- the worker ----------------------------------------------------------------------------------------------------

    def give(self, unit: AccessUnit) -> bool:
        """Give a picture to the worker; whether it takes it."""
        return self._give(self.conference, unit)

    def gone(self, source: str) -> None:
        """Nothing more comes of a source."""
        self._to_worker(SourceGone(source))

    def _to_worker(self, message: MediaMessage) -> None:
        self._tell_worker(self.conference, message)

    def tell(self, event: contract.Event) -> None:
        """Tell control."""
        self._tell(event)

    def sound_leaves(self, wallclock: float, now: float) -> float | None:
        """When the sound leaves that was captured at a moment of the peer's clock."""
        return self._session.leaves(wallclock, now)

    # -- time ----------------------------------------------------------------------------------------------------------

    def wake(self, now: float, wallclock: float) -> None:
        """Do what is due. `wallclock`: seconds since 1970, for sender reports."""
        try:
            self._wake(now, wallclock)
        except Exception as fault:
            self.fail(fault)

    def _wake(self, now: float, wallclock: float) -> None:
        self._looked = now
        if self._transport is self.own and now >= self._transport.deadline:
            self._transport.wake(now)
        on_stage, due = False, inf
        wishes: list[bytes] = []
        for stream in self.streams.values():
            stream.wake(now)
            wishes += stream.feedback
            stream.feedback.clear()
            on_stage = on_stage or stream.on_stage
            due = min(due, stream.sender.deadline)
        self._reports.wake(wishes, on_stage, now, wallclock)
        self.deadline = now if on_stage else min(now + IDLE_S, due)

    def excuse(self, seconds: float) -> None:
        """The whole process slept for so long: that nothing came in that time says nothing."""
        for stream in self.streams.values():
            stream.excuse(seconds)

    # -- the end -------------------------------------------------------------------------------------------------------

    def name(self, content: Content) -> str:
        """Of a stream."""
        return self.leg + SLIDES if content is Content.SLIDES else self.leg

    @property
    def quality(self) -> contract.VideoQuality | None:
        """What they were like until now, camera and slides together; None = there never were any."""
        if self._began is None:
            return None
        count = self._counted.copy()
        for stream in self.streams.values():
            count += stream.counts
        seconds = max(1.0, self._looked - self._began)
        main = self.streams.get(Content.MAIN)
        return contract.VideoQuality(
            packets_received=count["received"],
            packets_lost=count["lost"],
            packets_sent=count["sent"],
            resent=count["resent"],
            frames_received=count["frames"],
            frames_frozen=count["frozen"],
            key_frames_asked=count["keys"],
            codec_received=main.codec if main is not None else "",
            codec_sent=main.video.send.codec if main is not None and main.video and main.video.send else "",
            bitrate_received=int(8 * count["octets"] / seconds),
            bitrate_sent=int(8 * count["octets-sent"] / seconds),
        )

    @property
    def traffic(self) -> tuple[int, int, int]:
        """Packets received, sent and sent again."""
        counted = self._counted
        received, sent, resent = counted["received"], counted["sent"], counted["resent"]
        for stream in self.streams.values():
            received += stream.tracks.received
            sent += stream.sender.packets
            resent += stream.sender.resent
        return received, sent, resent

    def fail(self, fault: Exception) -> None:
        """A fault of ours: these pictures end, the sound goes on."""
        if not self.broken:
            self.broken = True
            self._transport.pictures = self._session.companion = None
            self.deadline = inf
            for stream in self.streams.values():
                with contextlib.suppress(Exception):  # what is broken may break again
                    stream.close()
            self._on_fault(self.leg, fault)

    def close(self, now: float, wallclock: float) -> None:
        """Say goodbye, and end."""
        if self.streams and not self.broken:
            self._reports.report(now, wallclock, bye=True)
        self._transport.pictures = self._session.companion = None
        for content in list(self.streams):
            self._end(content)
