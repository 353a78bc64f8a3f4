"""Packets of one source into frames that can be decoded, in order: what a decoder never sees cannot hurt it.

Packets are put in order; a gap is waited for as long as its repair can be expected. A frame ends with its marker, or
where the next timestamp begins, and is read by its payload format, which checks its headers. Behind an unrepaired loss,
and behind a frame that could not be read, everything is dropped until the next key frame, so that no picture ever shows
the traces of one that is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from bridge.errors import ProtocolError
from bridge.rtp.av1 import Av1Reader
from bridge.rtp.coded import FrameReader, Limits
from bridge.rtp.h264 import H264Reader
from bridge.rtp.order import BEFORE, Arrived, PacketOrder
from bridge.rtp.video_packet import VideoPacket
from bridge.rtp.vp8 import Vp8Reader
from bridge.rtp.vp9 import Vp9Reader

KEY_INTERVAL_S: Final = 0.5  # between two requests for a key frame
_KEY_COMES_S: Final = 0.3  # while packets of one come in, no other is asked for
_MOST_PATIENCE_S: Final = 0.4  # for a repair
_LATE_S: Final = 0.15  # for a packet that can only be late, where repairs are not agreed on
_FIRST_S: Final = 0.05  # for packets that the first one to come may have overtaken
_MOST_FRAME_BYTES: Final = 2_000_000
# Frames of a source that are read, and so decoded: the quickest cameras make sixty a second, and some come together.
_FRAMES_PER_S: Final = 75.0
_FRAMES_AT_ONCE: Final = 40.0
_PACKET_BYTES: Final = 100  # that each packet costs beside its payload

READERS: Final[Mapping[str, Callable[[Limits, tuple[bytes, ...]], FrameReader]]] = {
    "H264": H264Reader,
    "VP8": lambda limits, _: Vp8Reader(limits),
    "VP9": lambda limits, _: Vp9Reader(limits),
    "AV1": lambda limits, _: Av1Reader(limits),
}
"""By codec name: what reads its frames, made of limits and of H.264's parameter sets."""


class Frame(NamedTuple):
    """One encoded picture, whole; what it refers to has come before it.

    `codec`: "H264" (Annex B, each key frame with its parameter sets), "VP8", "VP9", "AV1" (a temporal unit, OBUs with
    sizes). `arrival`: of its last packet [monotonic seconds]. `width`, `height`: of a key frame [pixels], else 0.
    `rotation`: 0, 90, 180 or 270 degrees clockwise to make it upright.
    """

    codec: str
    key: bool
    timestamp: int
    arrival: float
    octets: bytes
    width: int
    height: int
    rotation: int


class Before(Enum):
    """What comes right before the next packet in order."""

    WHOLE = "whole"  # the packet that belongs there
    UNKNOWN = "unknown"  # the next one is the first that came at all
    MISSING = "missing"


class FrameAssembler:
    """One source at a time. Nothing here raises for what a peer sends.

    `ssrc`: the source followed, None before the first packet. `round_trip_s`: to the peer, as far as known; `repairs`:
    whether it sends again what is asked for: its user keeps both up to date. `drops`: packets and frames dropped, by
    name. `frames`, `keys`: given out; `frozen`: whole frames held back since one before them was missing.
    """

    __slots__ = (
        "_arrival",
        "_asked",
        "_before",
        "_broken",
        "_budget",
        "_budget_at",
        "_candidate",
        "_codec",
        "_ended",
        "_formats",
        "_headless",
        "_key_coming",
        "_limits",
        "_markers",
        "_number",
        "_octets",
        "_order",
        "_parameter_sets",
        "_payload_type",
        "_payloads",
        "_reader",
        "_readers",
        "_rotation",
        "_timestamp",
        "_wants",
        "drops",
        "frames",
        "frozen",
        "keys",
        "repairs",
        "round_trip_s",
        "ssrc",
    )

    def __init__(
        self, formats: Mapping[int, str], limits: Limits, parameter_sets: Iterable[bytes] = ()
    ) -> None:
        """`formats`: payload type -> codec name as negotiated; `limits`: what a picture may be; `parameter_sets`: of
        H.264, from the description, without start codes. Raises KeyError for unknown codecs."""
        self.drops: Counter[str] = Counter()
        self.frames = self.keys = self.frozen = 0
        self.repairs = True
        self.round_trip_s = 0.1
        self.ssrc: int | None = None
        self._asked = -KEY_INTERVAL_S
        self._budget, self._budget_at = (
            _FRAMES_AT_ONCE,
            0.0,
        )  # frames that may be read, and when that was counted
        self._order = PacketOrder()
        self._payloads: list[bytes] = []  # of the frame that comes in
        self._limits, self._parameter_sets = limits, tuple(parameter_sets)
        self._candidate: Arrived | None = None
        self._wants = False
        self._readers: dict[str, FrameReader] = {}
        self._forget_source()
        self._forget_order()
        self.configure(formats, limits, self._parameter_sets)

    def configure(
        self, formats: Mapping[int, str], limits: Limits, parameter_sets: Iterable[bytes] = ()
    ) -> None:
        """Take what a new offer/answer agreed on. The stream goes on; with other limits or parameter sets, from the
        next key frame on. Raises KeyError for unknown codecs."""
        self._formats = dict(formats)
        sets = tuple(parameter_sets)
        for codec in formats.values():
            READERS[codec]
        if (limits, sets) != (self._limits, self._parameter_sets):
            self._limits, self._parameter_sets = limits, sets
            self._readers.clear()
            self._payload_type = -1
            self._break()

    # -- what the peer is asked for --

    def missing(self, now: float) -> tuple[int, ...]:
        """Sequence numbers to ask for again now, at most 100; () where repairs are not agreed on."""
        missing = self._order.missing
        return missing.due(now, self.round_trip_s) if self.repairs and missing else ()

    def needs_key(self, now: float) -> bool:
        """Whether to ask for a key frame now: true at most once in 500 ms, and taken as asked for."""
        if not self._wants or now < self._asked + KEY_INTERVAL_S:
            return False
        if self._key_coming and now < self._arrival + _KEY_COMES_S:
            return False
        self._asked = now
        return True

    def want_key(self) -> None:
        """Nothing can be made of the frames to come before the next key frame: the decoder begins, or has failed."""
        self._break()

    @property
    def deadline(self) -> float | None:
        """When to call `wake` and `missing`, if nothing comes before [monotonic seconds]."""
        order = self._order
        if not order.waiting:
            return None
        given_up = order.gap_since + self._patience_s()
        asked = order.missing.deadline if self.repairs else None
        return given_up if asked is None else min(given_up, asked)

    # -- packets --

    def push(self, packet: VideoPacket, arrival: float) -> list[Frame]:
        """Take a packet that came from the right place, or was unwrapped from a retransmission (`rtx`); returns what
        can be decoded now."""
        if packet.ssrc != self.ssrc:
            return self._take_stranger(packet, arrival)
        order = self._order
        number = order.number(packet.sequence)
        found: list[Frame] = []
        if number == order.expected and not order.waiting:
            order.expected = number + 1
            order.highest = number
            self._take(packet, arrival, found)
        elif order.is_far(number):
            return self._take_stranger(packet, arrival)
        elif number < order.expected or number in order.waiting:
            self.drops["rtp-late" if number < order.gave_up else "rtp-duplicate"] += 1
        else:
            order.wait(number, packet, arrival, self._begins_key(packet))
            self._drain(arrival, found)
        if self._candidate:
            self._candidate = None
        return found

    def wake(self, now: float) -> list[Frame]:
        """Give up waiting for what will not come any more; returns what can be decoded behind it."""
        found: list[Frame] = []
        if self._order.waiting:
            self._drain(now, found)
        return found

    def restart(self) -> None:
        """Packets were left out on purpose: the next one follows on nothing, and frames begin with a key frame."""
        self._forget_order()
        self.ssrc = None
        self._break()

    # -- sources --

    def _take_stranger(self, packet: VideoPacket, arrival: float) -> list[Frame]:
        """A packet of another source, or with a number far off: the first is held back, a second behind it is proof
        (RFC 3550 appendix A.1)."""
        before = self._candidate
        if self.ssrc is None:
            before = (packet, arrival)
        elif (
            before is None
            or before[0].ssrc != packet.ssrc
            or not 0 < (packet.sequence - before[0].sequence & 0xFFFF) < BEFORE
        ):
            self.drops["rtp-new-source" if packet.ssrc != self.ssrc else "rtp-sequence-jump"] += 1
            self._candidate = (packet, arrival)
            return []
        if packet.ssrc != self.ssrc:
            self._forget_source()
        self._forget_order()
        self.ssrc = packet.ssrc
        self._order.begin(*before, self._begins_key(before[0]))
        found: list[Frame] = []
        self._drain(arrival, found)
        return found if before[0] is packet else found + self.push(packet, arrival)

    def _forget_source(self) -> None:
        """All that was learnt of it."""
        self._readers.clear()
        self._codec = ""
        self._rotation = 0
        self._markers = True  # whether they are where frames end

    def _forget_order(self) -> None:
        """Where in its packets we were."""
        self._order.clear()
        self._candidate = None
        self._payloads = []
        self._octets = 0
        self._arrival = 0.0
        self._payload_type = self._timestamp = -1
        self._reader: FrameReader | None = None
        self._before = Before.WHOLE
        self._headless = False  # the beginning of this frame is missing: the rest of it is dropped
        self._ended = False  # a picture with this timestamp has come to its end
        self._key_coming = False
        self._number: int | None = None
        self._broken = True

    # -- order --

    def _begins_key(self, packet: VideoPacket) -> bool:
        reader = self._reader_for(packet)
        return reader is not None and packet.payload != b"" and reader.begins_key(packet.payload)

    def _drain(self, now: float, found: list[Frame]) -> None:
        """Take all that is in order, or whose gap need not be waited for."""
        order = self._order
        while order.waiting:
            entry = order.pop()
            if entry is not None:
                self._take(*entry, found)
            elif self._broken and order.leap_to_key():
                self._cut()
            elif order.is_full or now >= order.gap_since + self._patience_s():
                self._give_up()
            else:
                return

    def _patience_s(self) -> float:
        if not self._order.begun:
            return _FIRST_S
        if not self.repairs:
            return _LATE_S
        return min(_MOST_PATIENCE_S, 2 * self.round_trip_s + 0.1)

    def _give_up(self) -> None:
        """Go on behind the gap."""
        following = self._order.give_up()
        if not self._payloads and self._is_next(following):
            return
        self._cut()
        if not self._order.begun:
            self._before = Before.UNKNOWN
            return
        self._before = Before.MISSING
        self.drops["video-gap"] += 1
        self._break()

    def _is_next(self, packet: VideoPacket) -> bool:
        """Whether no picture is missing between the last frame and this packet: only padding was lost."""
        reader = self._reader_for(packet)
        if reader is None or reader is not self._reader or self._broken or self._number is None:
            return False
        following = self._number + 1 & reader.number_mask
        payload = packet.payload
        return bool(payload) and reader.begins(payload) and reader.number(payload) == following

    def _cut(self) -> None:
        """Nothing more comes of this frame."""
        self._payloads = []
        self._octets = 0
        self._timestamp = -1
        self._before = Before.WHOLE
        self._key_coming = self._headless = self._ended = False

    # -- frames --

    def _take(self, packet: VideoPacket, arrival: float, found: list[Frame]) -> None:
        """The next packet in order."""
        payload = packet.payload
        if not payload:  # to measure the path, or to keep it open
            self.drops["video-empty"] += 1
            return
        if packet.timestamp != self._timestamp or packet.payload_type != self._payload_type:
            if self._payloads:
                self._finish(found)
            self._begin(packet)
        elif self._ended:
            self._go_on(packet)
        if not self._headless:
            self._payloads.append(payload)
            self._octets += len(payload) + _PACKET_BYTES
            self._arrival = max(arrival, self._arrival)
            if packet.rotation is not None:
                self._rotation = packet.rotation
            if self._octets > _MOST_FRAME_BYTES:
                self._lose("video-frame-size")
            elif packet.marker and self._markers:
                self._finish(found)

    def _begin(self, packet: VideoPacket) -> None:
        """The first packet of a frame."""
        self._timestamp = packet.timestamp
        self._payload_type = packet.payload_type
        self._ended = self._key_coming = False
        codec = self._formats.get(packet.payload_type)
        self._headless = codec is None
        if codec is None:
            self.drops["rtp-payload-type"] += 1
            return
        if codec != self._codec:
            self._codec = codec
            self._broken = True
        self._reader = self._reader_of(codec)
        if self._before is not Before.WHOLE:
            self._doubt(packet.payload)
        self._key_coming = self._broken and self._reader.begins_key(packet.payload)

    def _doubt(self, payload: bytes) -> None:
        """The first frame behind a gap, or of all, may lack its beginning; then the rest of it is dropped."""
        before, self._before = self._before, Before.WHOLE
        assert self._reader is not None
        if before is Before.UNKNOWN:
            self._headless = self._reader.continues(payload)
            if self._headless:
                self.drops["video-gap"] += 1
                self._break()
        else:
            self._headless = not self._reader.begins(payload)

    def _go_on(self, packet: VideoPacket) -> None:
        """More with the timestamp of a frame that has ended: another frame, or this peer marks more than its ends."""
        self._ended = False
        if self._reader is not None and self._reader.continues(packet.payload):
            self._markers = False
            self._lose("video-marker")

    def _finish(self, found: list[Frame]) -> None:
        """All payloads of a frame are there."""
        payloads = self._payloads
        self._payloads = []
        self._octets = 0
        reader = self._reader
        assert reader is not None
        if not self._may_read():
            self.drops["video-over-rate"] += 1
            self._ended = True
            self._break()
            return
        try:
            coded = reader.read(payloads)
        except ProtocolError as drop:
            self.drops[drop.name] += 1
            self._ended = True
            self._break()
            return
        if coded is None:
            return
        self._ended = True
        if coded.key:
            self._broken = self._wants = self._key_coming = False
            self.keys += 1
        elif self._broken:
            self.frozen += 1
            self._wants = True
            return
        self._number = coded.number
        self.frames += 1
        found.append(
            Frame(
                self._codec,
                coded.key,
                self._timestamp,
                self._arrival,
                coded.octets,
                coded.width,
                coded.height,
                self._rotation,
            )
        )

    def _may_read(self) -> bool:
        """Whether one more frame is within bounds now; it is counted."""
        elapsed = self._arrival - self._budget_at
        if elapsed > 0.0:
            self._budget_at = self._arrival
            self._budget = min(_FRAMES_AT_ONCE, self._budget + elapsed * _FRAMES_PER_S)
        if self._budget < 1.0:
            return False
        self._budget -= 1.0
        return True

    def _lose(self, name: str) -> None:
        """What is there of this frame, and what comes of it, is of no use."""
        self.drops[name] += 1
        self._payloads = []
        self._octets = 0
        self._headless = True
        self._break()

    def _break(self) -> None:
        """What comes next refers to something that is missing."""
        self._broken = self._wants = True
        self._key_coming = False

    def _reader_of(self, codec: str) -> FrameReader:
        reader = self._readers.get(codec)
        if reader is None:
            reader = self._readers[codec] = READERS[codec](self._limits, self._parameter_sets)
        return reader

    def _reader_for(self, packet: VideoPacket) -> FrameReader | None:
        codec = self._formats.get(packet.payload_type)
        return None if codec is None else self._reader_of(codec)
