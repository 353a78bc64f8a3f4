"""The contract between control and a media process: every message that crosses the Unix socket, in both directions.

Messages are msgpack (msgspec) in SOCK_SEQPACKET datagrams, one message each, in order (`bridge.wire`). `VERSION` is
exchanged in `Hello`; the same types are handed over directly where a test joins both ends in one process.
"""

from __future__ import annotations

from collections.abc import Hashable

from bridge.message import Message
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.transport import PLAIN, NegotiatedTransport
from bridge.sdp.video import Content, NegotiatedVideo
from mixer.plan import Plan

VERSION = 3


# -- control -> media ---------------------------------------------------------------------------------------------


class OpenLeg(Message, frozen=True):
    """Reserve ports for a leg on local `address`. Answered by `LegOpened` or `OpenFailed`.

    `shared`: no ports of its own, but the process's one port for all legs with ICE. `video`: a second pair of ports for
    its pictures; on the shared port they need none. `conference`: whose video worker makes the pictures that it sees,
    in its lobby too ("" = none does).
    """

    leg: str
    address: str
    shared: bool = False
    video: bool = False
    conference: str = ""


class MoveLeg(Message, frozen=True):
    """An open leg has gone to another conference: that one's video worker serves it from now on."""

    leg: str
    conference: str


class ConfigureLeg(Message, frozen=True):
    """What was negotiated; a second one (re-INVITE) replaces the first without a gap.

    `latch`: plain RTP may come once from another port or address, but only on address `signalling` (the source
    of the peer's signalling, "" = unknown). `timeout_s`, `held_timeout_s`: RTP silence after which `MediaLost` is
    told once (0 = never). `transport`: ICE and DTLS; on a shared port there is always ICE, and RTCP shares the path.
    Other credentials are an ICE restart, a higher association a new handshake; what was there before serves until
    then.

    `video`, `slides`: streams of pictures, None = there are none. They travel along the same transport (BUNDLE), but
    for video on ports of its own, which has `video_transport`; slides never travel alone.
    """

    leg: str
    audio: NegotiatedAudio
    signalling: str = ""
    latch: bool = False
    timeout_s: float = 30.0
    held_timeout_s: float = 1800.0
    transport: NegotiatedTransport = PLAIN
    video: NegotiatedVideo | None = None
    slides: NegotiatedVideo | None = None
    video_transport: NegotiatedTransport | None = None


class WantKey(Message, frozen=True):
    """The peer of a leg wants a key frame of what we send, and said so in signalling (INFO, RFC 5168)."""

    leg: str


class CloseLeg(Message, frozen=True):
    """Send RTCP BYE, free the ports, forget the leg. Answered by `LegClosed`."""

    leg: str


class SetPlan(Message, frozen=True):
    """The newest plan of a conference; it replaces the one before. A plan without seats ends the conference's sound."""

    plan: Plan


class Play(Message, frozen=True):
    """Play prompts, one after the other, to `legs` (all hear the same samples at the same time).

    Two plays to one leg queue up (at most 8, then the new one is dropped and told as ended). `interrupt` stops what
    plays now and empties the queue first. `loop` repeats until stopped: such a play is background (waiting music) and
    any other play to that leg is heard instead of it while it lasts. `prompts` are names like "ask-pin"; `language`
    like "nb". The room's mix, where the leg hears one, is ducked under a prompt.
    """

    play: str
    legs: tuple[str, ...]
    prompts: tuple[str, ...]
    language: str
    loop: bool = False
    interrupt: bool = False


class StopPlay(Message, frozen=True):
    """Stop all that plays to these legs, background included (barge-in, admission)."""

    legs: tuple[str, ...]


class SendDigit(Message, frozen=True):
    """Send a telephone-event to the peer (dial-out through an IVR)."""

    leg: str
    digit: str


class Shutdown(Message, frozen=True):
    """Close every leg and exit."""


# -- media -> control ---------------------------------------------------------------------------------------------


class Hello(Message, frozen=True):
    """The media process is up. `pictures`: name of the abstract Unix socket where video workers find it."""

    version: int
    pid: int
    pictures: str = ""


class LegOpened(Message, frozen=True):
    """Ports are reserved: RTP on `port`, RTCP on `rtcp_port`, both on `address`.

    On a shared port both are the same, `addresses` are all that the process listens on there, and `tcp_port` is that of
    its passive TCP candidates, 0 = none. `fingerprint`: SHA-256 of the process's DTLS certificate, for legs on ports of
    their own as well; DTLS needs `rtcp_mux` there. `video_port`, `video_rtcp_port`: of the pair for pictures, 0 = none.
    """

    leg: str
    address: str
    port: int
    rtcp_port: int
    addresses: tuple[str, ...] = ()
    tcp_port: int = 0
    fingerprint: bytes = b""
    video_port: int = 0
    video_rtcp_port: int = 0


class OpenFailed(Message, frozen=True):
    """`why`: "no-ports", "bad-address", "too-many-legs", or "no-shared-port" (there is none, or it is taken)."""

    leg: str
    why: str


class MediaStarted(Message, frozen=True):
    """The first valid packet of the leg came in."""

    leg: str


class Connected(Message, frozen=True):
    """ICE has chosen a path, or another one; DTLS is up where there is any. `protocol` is "udp" or "tcp"; `suite` the
    name of the SRTP suite, "" = not protected."""

    leg: str
    protocol: str
    suite: str


class TransportFailed(Message, frozen=True):
    """ICE or DTLS came to nothing, or the peer closed it; the leg hears and says nothing until `Connected` comes again:
    after new credentials or another association, or when a check passes after all. `why` is a drop's name:
    "dtls-fingerprint", "dtls-timeout", "dtls-alert", "dtls-profile", "dtls-closed", "ice-timeout", "ice-consent",
    "ice-not-agreed" (a leg on the shared port was configured without ICE)."""

    leg: str
    why: str


class Digit(Message, frozen=True):
    """A key was pressed (RFC 4733), one of 0-9 * # A-D; told once, at its end or time-out."""

    leg: str
    digit: str


class PlayEnded(Message, frozen=True):
    """A play has ended for all its legs, or was stopped or dropped. Loops end only by being stopped."""

    play: str


class Talking(Message, frozen=True):
    """Who talks in a conference now; told on change, at most 5 times a second."""

    conference: str
    legs: tuple[str, ...]

    @property
    def overtakes(self) -> Hashable:
        """Only the newest of a conference counts."""
        return ("talking", self.conference)


class Seen(Message, frozen=True):
    """Whether pictures come of a leg's stream now: told with the first whole one, and when none came for
    two seconds."""

    leg: str
    content: Content
    on: bool


class KeyNeeded(Message, frozen=True):
    """A key frame of a leg's stream is needed, and its peer knows no feedback: ask by INFO (RFC 5168)."""

    leg: str


class MediaLost(Message, frozen=True):
    """Nothing valid was received from the leg for `seconds`. `final` False: a warning after 5 s (once a silence);
    True: the time-out of ConfigureLeg."""

    leg: str
    seconds: float
    final: bool


class MediaBack(Message, frozen=True):
    """Packets come again after a `MediaLost` warning."""

    leg: str


class VideoQuality(Message, frozen=True):
    """What a leg's pictures were like until now. Bit rates: mean over the leg's life [bit/s]; `frames_frozen`: pictures
    that were not shown since something before them was lost; `resent`: packets sent again on demand."""

    packets_received: int
    packets_lost: int
    packets_sent: int
    resent: int
    frames_received: int
    frames_frozen: int
    key_frames_asked: int
    codec_received: str
    codec_sent: str
    bitrate_received: int
    bitrate_sent: int


class Quality(Message, frozen=True):
    """What a leg's media was like until now; also part of LegClosed."""

    packets_received: int
    packets_lost: int
    packets_sent: int
    jitter_ms: float
    codec: str
    remote_lost_fraction: float
    round_trip_ms: float
    video: VideoQuality | None = None


class LegClosed(Message, frozen=True):
    """The leg is gone from media, its ports are free."""

    leg: str
    quality: Quality


class Figures(Message, frozen=True):
    """Counters of the process since its start, told every second; drops by name."""

    legs: int
    packets_received: int
    packets_sent: int
    ticks: int
    ticks_skipped: int
    tick_late_ms_p50: float
    tick_late_ms_p99: float
    tick_busy_ms_p50: float
    tick_busy_ms_p99: float
    decoded_frames: int
    encoded_frames: int
    drops: dict[str, int]
    pictures_in: int = 0  # access units given to video workers
    pictures_out: int = 0  # pictures sent, each to one leg
    packets_resent: int = 0

    @property
    def overtakes(self) -> Hashable:
        """Only the newest counts."""
        return "figures"


Command = (
    OpenLeg | MoveLeg | ConfigureLeg | WantKey | CloseLeg | SetPlan | Play | StopPlay | SendDigit | Shutdown
)
"""What control may tell a media process."""

Event = (
    Hello | LegOpened | OpenFailed | MediaStarted | Connected | TransportFailed | Digit | PlayEnded | Talking
    | Seen | KeyNeeded | MediaLost | MediaBack | LegClosed | Figures
)  # fmt: skip
"""What a media process may tell control."""
