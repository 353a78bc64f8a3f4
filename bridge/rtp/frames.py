"""Packets of one source into frames that can be decoded, in order: what a decoder never sees cannot hurt it.

Packets are put in order; a gap is waited for as long as its repair can be expected. A frame ends with its marker, or
where the next timestamp begins, and is read by its payload format, which checks its headers. Behind an unrepaired loss,
and behind a frame that could not be read, everything is dropped until the next key frame, so that no picture ever shows
the traces of one that is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from typing import Final, NamedTuple

from bridge.errors import ProtocolError
from bridge.rtp.av1 import Av1Reader
from bridge.rtp.coded import FrameReader, Limits
from bridge.rtp.h264 import H264Reader
from bridge.rtp.missing import MissingPackets
from bridge.rtp.video_packet import VideoPacket
from bridge.rtp.vp8 import Vp8Reader
from bridge.rtp.vp9 import Vp9Reader

KEY_INTERVAL_S: Final = 0.5  # between two requests for a key frame
_KEY_COMES_S: Final = 0.3  # while packets of one come in, no other is asked for
_MOST_PATIENCE_S: Final = 0.4  # for a repair
_LATE_S: Final = 0.15  # for a packet that can only be late, where repairs are not agreed on
_FIRST_S: Final = 0.05  # for packets that the first one to come may have overtaken
_WINDOW: Final = 1_000  # numbers ahead or back; a packet farther off is of a source that began anew
_MOST_MISSING: Final = 300  # beyond, a key frame is cheaper than what is missing
_MOST_WAITING: Final = 1_024  # packets behind a gap; beyond, the gap is given up
_MOST_WAITING_BYTES: Final = 3_000_000
_MOST_FRAME_BYTES: Final = 2_000_000
_PACKET_BYTES: Final = 100  # that each packet costs beside its payload
_BEFORE: Final = 64  # numbers before the first packet that came, which it may have overtaken

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


class FrameAssembler:
    """One source at a time. Nothing here raises for what a peer sends.

    `ssrc`: the source followed, None before the first packet. `round_trip_s`: to the peer, as far as known; `repairs`:
    whether it sends again what is asked for: its user keeps both up to date. `drops`: packets and frames dropped, by
    name. `frames`, `keys`: given out; `frozen`: whole frames held back since one before them was missing.
    """

    __slots__ = (
        "_arrival",
        "_asked",
        "_broken",
        "_candidate",
        "_codec",
        "_ended",
        "_expected",
        "_formats",
        "_gave_up_before",
        "_headless",
        "_highest",
        "_key_coming",
        "_key_starts",
        "_limits",
        "_markers",
        "_missing",
        "_number",
        "_octets",
        "_parameter_sets",
        "_payload_type",
        "_payloads",
        "_reader",
        "_readers",
        "_rotation",
        "_start",
        "_timestamp",
        "_waiting",
        "_waiting_octets",
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
        self._missing = MissingPackets()
        self._waiting: dict[int, tuple[VideoPacket, float]] = {}  # what came behind a gap, by number
        self._key_starts: list[int] = []  # a heap of the numbers of those that begin a key frame
        self._payloads: list[bytes] = []  # of the frame that comes in
        self._limits, self._parameter_sets = limits, tuple(parameter_sets)
        self._candidate: tuple[VideoPacket, float] | None = None
        self._wants = False
        self._readers: dict[str, FrameReader] = {}
        self._expected = self._highest = self._gave_up_before = 0
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
        return self._missing.due(now, self.round_trip_s) if self.repairs and self._missing else ()

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
        if not self._waiting:
            return None
        given_up = self._gap_since() + self._patience_s()
        asked = self._missing.deadline if self.repairs else None
        return given_up if asked is None else min(given_up, asked)

    # -- packets --

    def push(self, packet: VideoPacket, arrival: float) -> list[Frame]:
        """Take a packet that came from the right place, or was unwrapped from a retransmission (`rtx`); returns what
        can be decoded now."""
        if packet.ssrc != self.ssrc:
            return self._take_stranger(packet, arrival)
        highest = self._highest
        number = highest + (packet.sequence - highest + 0x8000 & 0xFFFF) - 0x8000
        found: list[Frame] = []
        if number == self._expected and not self._waiting:
            self._expected = number + 1
            self._highest = number
            self._take(packet, arrival, found)
        elif number > highest + _WINDOW or number < self._expected - _WINDOW:
            return self._take_stranger(packet, arrival)
        elif number < self._expected or number in self._waiting:
            self.drops["rtp-late" if number < self._gave_up_before else "rtp-duplicate"] += 1
        else:
            self._wait(number, packet, arrival)
            self._drain(arrival, found)
        if self._candidate:
            self._candidate = None
        return found

    def wake(self, now: float) -> list[Frame]:
        """Give up waiting for what will not come any more; returns what can be decoded behind it."""
        found: list[Frame] = []
        if self._waiting:
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
            or not 0 < (packet.sequence - before[0].sequence & 0xFFFF) < _BEFORE
        ):
            self.drops["rtp-new-source" if packet.ssrc != self.ssrc else "rtp-sequence-jump"] += 1
            self._candidate = (packet, arrival)
            return []
        if packet.ssrc != self.ssrc:
            self._forget_source()
        self._forget_order()
        self._begin_order(*before)
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
        self._waiting.clear()
        self._waiting_octets = 0
        self._missing.clear()
        self._key_starts.clear()
        self._candidate = None
        self._payloads = []
        self._octets = 0
        self._arrival = 0.0
        self._start = 0.0  # when its first packet came
        self._expected = self._highest = self._gave_up_before = 0
        self._payload_type = self._timestamp = -1
        self._reader: FrameReader | None = None
        self._headless = False  # the beginning of this frame is missing: the rest of it is dropped
        self._ended = False  # a picture with this timestamp has come to its end
        self._key_coming = False
        self._number: int | None = None
        self._broken = True

    def _begin_order(self, packet: VideoPacket, arrival: float) -> None:
        """The first packet that came may have overtaken others; if it begins a key frame, these do not matter."""
        self.ssrc = packet.ssrc
        self._start = arrival
        # High enough that no number is ever negative.
        number = self._highest = packet.sequence + 0x10000
        self._expected = number - _BEFORE
        self._wait(number, packet, arrival)

    # -- order --

    def _wait(self, number: int, packet: VideoPacket, arrival: float) -> None:
        """Keep a packet that others should come before."""
        if number > self._highest:
            self._missing.miss(self._highest + 1, number, arrival)
            self._highest = number
        else:
            self._missing.found(number)
        self._waiting[number] = (packet, arrival)
        payload = packet.payload
        self._waiting_octets += len(payload)
        codec = self._formats.get(packet.payload_type)
        if payload and codec is not None and self._reader_of(codec).begins_key(payload):
            heappush(self._key_starts, number)

    def _drain(self, now: float, found: list[Frame]) -> None:
        """Take all that is in order, or whose gap need not be waited for."""
        waiting = self._waiting
        while waiting:
            entry = waiting.pop(self._expected, None)
            if entry is not None:
                self._expected += 1
                self._waiting_octets -= len(entry[0].payload)
                self._take(*entry, found)
            elif self._broken and (start := self._key_start()) is not None:
                self._leap(start)
            elif not self._is_hopeless(now):
                return
            else:
                self._give_up()

    def _key_start(self) -> int | None:
        """The number of the next packet that begins a key frame, None if none has come."""
        while self._key_starts:
            if self._key_starts[0] >= self._expected:
                return self._key_starts[0]
            heappop(self._key_starts)
        return None

    def _is_hopeless(self, now: float) -> bool:
        return (
            now >= self._gap_since() + self._patience_s()
            or len(self._waiting) > _MOST_WAITING
            or self._waiting_octets > _MOST_WAITING_BYTES
            or len(self._missing) > _MOST_MISSING
        )

    def _gap_since(self) -> float:
        since = self._missing.since
        return self._start if since is None else since

    def _patience_s(self) -> float:
        if not self._missing:
            return _FIRST_S
        if not self.repairs:
            return _LATE_S
        return min(_MOST_PATIENCE_S, 2 * self.round_trip_s + 0.1)

    def _give_up(self) -> None:
        """Go on behind the gap."""
        number = self._expected
        while number not in self._waiting:
            number += 1
        packet = self._waiting[number][0]
        self._gave_up_before = number
        at_start = not self._missing
        whole = not self._payloads and self._is_next(packet)
        self._leap(number)
        if whole:
            return
        reader = self._reader_for(packet)
        if reader is None or not packet.payload:
            headless = not at_start
        elif at_start:  # perhaps nothing was before it
            headless = reader.continues(packet.payload)
        else:
            headless = not reader.begins(packet.payload)
        if headless or not at_start:
            self.drops["video-gap"] += 1
            self._break()
        if headless:
            self._timestamp, self._payload_type = packet.timestamp, packet.payload_type
            self._headless = True

    def _is_next(self, packet: VideoPacket) -> bool:
        """Whether no picture is missing between the last frame and this packet: only padding was lost."""
        reader = self._reader_for(packet)
        if reader is None or reader is not self._reader or self._broken or self._number is None:
            return False
        following = self._number + 1 & reader.number_mask
        payload = packet.payload
        return bool(payload) and reader.begins(payload) and reader.number(payload) == following

    def _leap(self, number: int) -> None:
        """Go on with this packet; nothing before it is wanted any more."""
        for gone in range(self._expected, number):
            entry = self._waiting.pop(gone, None)
            if entry is not None:
                self._waiting_octets -= len(entry[0].payload)
        self._missing.forget_before(number)
        self._expected = number
        self._payloads = []
        self._octets = 0
        self._key_coming = self._headless = self._ended = False
        self._timestamp = -1

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
        self._key_coming = self._broken and self._reader.begins_key(packet.payload)

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
