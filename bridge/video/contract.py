"""What a video worker is told and tells: by control which pictures to make, by media what comes in and goes out.

A worker serves one conference. Control starts it with one end of a Unix socket; it finds its media process by the name
that this told control (`bridge.media.contract.Hello.pictures`), and says hello there. Either socket's end is its own.
Sources and sinks are named as in `mixer.scene`. Times are monotonic seconds, the same clock in all processes.
"""

from __future__ import annotations

from collections.abc import Hashable

from bridge.message import Message
from bridge.sdp.video import VideoLimits
from mixer.scene import Scene

VERSION = 1


# -- control -> worker ----------------------------------------------------------------------------------------------


class Show(Message, frozen=True):
    """The newest scene. A sink that is in none gets no pictures; a source that is no face is not decoded."""

    scene: Scene

    @property
    def overtakes(self) -> Hashable:
        """Only the newest counts."""
        return "show"


class Leave(Message, frozen=True):
    """Exit."""


# -- worker -> control ----------------------------------------------------------------------------------------------


class Ready(Message, frozen=True):
    """The worker is up, and its media process knows it."""

    version: int
    pid: int


class VideoFigures(Message, frozen=True):
    """Counters since the start, told every second; drops and faults by name.

    `views`, `encoders`: how many there are now. `fps`: pictures composed in the last second, each view counted once:
    the least of all views. `delay_ms_*`: from the arrival of a source's last packet to the leaving of the first picture
    that shows it. `busy`: share of the tick that a tick takes. `shortness`: 0 = all as it should be, 1 = people on
    stage see themselves, 2 = 20 pictures a second, 3 = smaller pictures, each with those before it.
    """

    views: int
    encoders: int
    fps: float
    composed: int
    decoded: int
    encoded: int
    ticks_skipped: int
    delay_ms_p50: float
    delay_ms_p99: float
    busy: float
    shortness: int
    drops: dict[str, int]

    @property
    def overtakes(self) -> Hashable:
        """Only the newest counts."""
        return "figures"


# -- media -> worker ------------------------------------------------------------------------------------------------


class OpenSink(Message, frozen=True):
    """A stream to a peer; a second one replaces the first. Its first picture is a key frame.

    `codec`: "H264" or "VP8". `packetization_mode`: of H.264. `limits`: what the peer can take. `bitrate`: what the path
    to it can carry now [bit/s]. Told again when that changes by a tenth, at most twice a second.
    """

    sink: str
    codec: str
    packetization_mode: int
    limits: VideoLimits
    bitrate: int


class CloseSink(Message, frozen=True):
    """The stream has ended."""

    sink: str


class WantKeyFrame(Message, frozen=True):
    """A sink needs a key frame. An encoder gives one a second at most; who comes in between waits for the next."""

    sink: str

    @property
    def overtakes(self) -> Hashable:
        """Twice is once."""
        return ("key", self.sink)


class AccessUnit(Message, frozen=True):
    """One encoded picture of a source, whole and in order: what it refers to has come before.

    `codec`: "H264" (Annex B, parameter sets in band), "VP8", "VP9", "AV1" (temporal unit, OBUs with sizes). `key`: it
    refers to nothing before it. `arrival`: of its last packet; `due`: when it is to be seen, so that it leaves together
    with its sound. `rotation`: 0, 90, 180, 270 degrees clockwise to make it upright. `width`, `height`: what its
    headers said when they were checked, 0 = not in this one.
    """

    source: str
    codec: str
    key: bool
    arrival: float
    due: float
    rotation: int
    width: int
    height: int
    octets: bytes


class SourceGone(Message, frozen=True):
    """Nothing more comes of a source; its next picture is a key frame."""

    source: str


# -- worker -> media ------------------------------------------------------------------------------------------------


class WorkerHello(Message, frozen=True):
    """Whose pictures these are. The newest worker of a conference takes the place of the one before."""

    version: int
    conference: str
    pid: int


class EncodedPicture(Message, frozen=True):
    """One encoded picture, cut into RTP payloads, for all sinks that get this one. `composed`: when it was."""

    sinks: tuple[str, ...]
    key: bool
    composed: float
    payloads: tuple[bytes, ...]


class NeedKeyFrame(Message, frozen=True):
    """A source cannot be decoded until its next key frame."""

    source: str


ControlMessage = Show | Leave
"""What control may tell a worker."""

WorkerEvent = Ready | VideoFigures
"""What a worker may tell control."""

MediaMessage = OpenSink | CloseSink | WantKeyFrame | AccessUnit | SourceGone
"""What media may tell a worker."""

WorkerMessage = WorkerHello | EncodedPicture | NeedKeyFrame
"""What a worker may tell media."""
