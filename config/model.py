"""The configuration as values: frozen dataclasses, defaults here and nowhere else, units in the names.

`load.py` reads TOML into this model field by field: a field's type says what a value must be, its `Bound` within
which limits. What concerns several fields at once is in `rules.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Final, NamedTuple

from config.secret import Secret


class Bound(NamedTuple):
    """Limits of a number, both inside. `or_zero`: 0 is allowed as well, and means "off"."""

    low: float
    high: float
    or_zero: bool = False


Port = Annotated[int, Bound(1, 65535)]
Seconds = Annotated[float, Bound(0, 86_400)]
NO_SECRET: Final = Secret()


class Language(Enum):
    """A language that prompts exist in."""

    BOKMAAL = "nb"
    ENGLISH = "en"


class LogLevel(Enum):
    """From which severity on the log is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Protocol(Enum):
    """A SIP transport."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class SrtpPolicy(Enum):
    """Whether a leg's sound is encrypted: always, if the peer can, never."""

    REQUIRED = "required"
    PREFERRED = "preferred"
    OFF = "off"


class PeerKind(Enum):
    """A known endpoint calls in with its own name; a trunk carries other people's calls, in and out."""

    ENDPOINT = "endpoint"
    TRUNK = "trunk"


class RoomKind(Enum):
    """How one gets into a room, and with which role."""

    OPEN = "open"  # no PIN: everybody is host
    HOST_PIN = "host-pin"  # the PIN makes a host; guests, if allowed, press # only
    HOST_GUEST_PIN = "host-guest-pin"  # two PINs decide the role
    AUTO_LOCK = "auto-lock"  # as host-pin or host-guest-pin, and locked from the first moment


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """The process as a whole. `prompt_folders` are searched first to last, before the prompts that come with it."""

    state_folder: str = ".state"
    language: Language = Language.BOKMAAL
    prompt_folders: tuple[str, ...] = ()
    drain_s: Seconds = 600.0
    media_processes: Annotated[int, Bound(1, 64)] = 1
    log_level: LogLevel = LogLevel.INFO


@dataclass(frozen=True, slots=True)
class Listener:
    """One place where SIP is listened to."""

    protocol: Protocol
    address: str = "127.0.0.1"
    port: Port = 5060


@dataclass(frozen=True, slots=True)
class Peer:
    """A known endpoint or a trunk.

    `addresses`: single ones or prefixes ("192.0.2.0/24"); a call from there, or one that proves `user` and
    `password`, is this peer's. `register`: we register with `server` (a SIP URI), each `expires_s`; `realm` is the only
    one there that is shown the password.
    `latch`: plain RTP may come from another port than its SDP says. `trusted`: other people's wrong PINs do not slow
    it down. `sha256`: it may prove itself by SHA-256 as well as by MD5 (RFC 8760); older phones give up at the sight.
    """

    name: str
    kind: PeerKind
    addresses: tuple[str, ...] = ()
    user: str = ""
    password: Secret = NO_SECRET
    password_file: str = ""
    password_env: str = ""
    realm: str = ""
    register: bool = False
    server: str = ""
    expires_s: Annotated[int, Bound(60, 86_400)] = 3600
    latch: bool = False
    srtp: SrtpPolicy | None = None
    trusted: bool = False
    sha256: bool = False


@dataclass(frozen=True, slots=True)
class SipConfig:
    """Signalling. `public_address`: what Contact and SDP say instead of the listener's own ("" = that one).

    `domains`: hosts in a request URI that are ours besides our own addresses; none = any. `rate_*`: messages a second,
    and how many at once, that are read from one source, from one prefix (/24, /64) and in all.
    """

    listeners: tuple[Listener, ...] = (
        Listener(Protocol.UDP),
        Listener(Protocol.TCP),
        Listener(Protocol.TLS, port=5061),
    )
    public_address: str = ""
    certificate: str = ""
    key: str = ""
    domains: tuple[str, ...] = ()
    max_calls: Annotated[int, Bound(1, 100_000)] = 1000
    rate_source_per_s: Annotated[int, Bound(1, 1_000_000)] = 20
    rate_source_burst: Annotated[int, Bound(1, 1_000_000)] = 100
    rate_prefix_per_s: Annotated[int, Bound(1, 1_000_000)] = 200
    rate_prefix_burst: Annotated[int, Bound(1, 1_000_000)] = 400
    rate_total_per_s: Annotated[int, Bound(1, 1_000_000)] = 4000
    rate_total_burst: Annotated[int, Bound(1, 1_000_000)] = 8000
    connections: Annotated[int, Bound(1, 100_000)] = 1000
    connections_per_source: Annotated[int, Bound(1, 100_000)] = 20
    session_expires_s: Annotated[int, Bound(90, 86_400)] = 1800
    min_se_s: Annotated[int, Bound(90, 86_400)] = 90
    srtp: SrtpPolicy = SrtpPolicy.PREFERRED
    codecs: tuple[str, ...] = ("opus", "G722", "PCMA", "PCMU")
    ptime_ms: int = 20
    peers: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """Sound. `loudest`: at most so many talkers are mixed. `opus_complexity`: of Opus streams as most have them;
    `opus_speech_complexity`: of those with FEC or below 24 kbit/s, which use its speech coder."""

    address: str = "127.0.0.1"
    port_low: Annotated[int, Bound(1024, 65_534)] = 20_000
    port_high: Annotated[int, Bound(1025, 65_535)] = 29_999
    rtp_timeout_s: Seconds = 30.0
    held_timeout_s: Seconds = 1800.0
    loudest: Annotated[int, Bound(2, 64)] = 8
    opus_bitrate_bps: Annotated[int, Bound(6000, 128_000)] = 40_000
    opus_complexity: Annotated[int, Bound(0, 10)] = 4
    opus_speech_complexity: Annotated[int, Bound(0, 10)] = 5


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """Pictures. `workers`: in so many conferences at the same time; in any more there is sound only.

    `height`: of the largest canvas (16:9); `fps`: pictures a second. `codecs`: that we send, best liked first; without
    H.264 nothing of x264 is used. `bitrate_*`: the most for a picture of that height. `letterbox`: faces of another
    shape than their tile are shown whole, with bars, else they are cut. `font`: a file, "" = the one that comes along.
    `x264_preset`, `vp8_speed`: how much care encoders take (vp8_speed: cpu-used, -16 is the least).
    """

    enabled: bool = True
    workers: Annotated[int, Bound(1, 1000)] = 8
    height: int = 720
    fps: int = 25
    codecs: tuple[str, ...] = ("H264", "VP8")
    bitrate_1080_bps: Annotated[int, Bound(1_200_000, 20_000_000)] = 3_000_000
    bitrate_720_bps: Annotated[int, Bound(500_000, 10_000_000)] = 1_500_000
    bitrate_360_bps: Annotated[int, Bound(150_000, 4_000_000)] = 500_000
    bitrate_180_bps: Annotated[int, Bound(64_000, 1_000_000)] = 150_000
    letterbox: bool = True
    font: str = ""
    threads: Annotated[int, Bound(1, 64)] = 2
    x264_preset: str = "superfast"
    vp8_speed: Annotated[int, Bound(-16, 16)] = -8


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """When new calls are refused, and when guessing is slowed down.

    `wrong_pins_room`, `wrong_pins_source`, `unknown_numbers`: how many within `window_s` before a stranger waits.
    `pin_delays_s`: from the last key to the verdict, for the first, second ... try.
    """

    max_sessions: Annotated[int, Bound(1, 100_000)] = 400
    tick_late_ms: Annotated[float, Bound(1, 1000)] = 15.0
    loop_lag_ms: Annotated[float, Bound(1, 10_000)] = 250.0
    window_s: Annotated[float, Bound(60, 86_400)] = 600.0
    wrong_pins_room: Annotated[int, Bound(5, 200)] = 20
    wrong_pins_source: Annotated[int, Bound(5, 200)] = 20
    unknown_numbers: Annotated[int, Bound(5, 1000)] = 20
    pin_tries: Annotated[int, Bound(1, 10)] = 3
    pin_delays_s: tuple[Annotated[float, Bound(0, 30)], ...] = (1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class ManagementConfig:
    """Figures and health; it asks for no password, so it stays on loopback."""

    address: str = "127.0.0.1"
    port: Port = 9090


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Pages and the client API. `address` beyond loopback means HTTPS, self-made certificate or not.

    `public_url`: what invitations and WHIP answers begin with ("" = address and port). `origins`: other web sites
    whose pages may use the API. `proxies`: addresses of reverse proxies whose X-Forwarded-For is believed.
    `token_s`: how long a token lives unless it is refreshed; `seat_s`: how long a seat is kept for a browser that has
    lost the bridge. `connections_per_source`: from one address; `slow_per_source`: of those, the ones that have not
    sent a whole request yet.
    """

    enabled: bool = True
    address: str = "127.0.0.1"
    port: Port = 8080
    certificate: str = ""
    key: str = ""
    public_url: str = ""
    origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    connections: Annotated[int, Bound(1, 100_000)] = 2000
    connections_per_source: Annotated[int, Bound(1, 100_000)] = 400
    slow_per_source: Annotated[int, Bound(1, 100_000)] = 20
    token_s: Annotated[float, Bound(30, 3600)] = 120.0
    seat_s: Annotated[float, Bound(30, 86_400)] = 300.0


@dataclass(frozen=True, slots=True)
class RtcConfig:
    """Sound of browsers, and of endpoints that offer ICE: one port for all of them, UDP and (passive) TCP.

    Media process n (from 0) uses `port` + n. `address`, `address6`: where it listens ("" = not on that family).
    `public_addresses`: what candidates say instead (NAT 1:1), the port unchanged. With an `address` of loopback alone,
    browsers on this machine also find another one of its addresses, where nobody else is heard: Firefox wants that.
    """

    address: str = "127.0.0.1"
    address6: str = ""
    port: Port = 10_000
    tcp: bool = True
    public_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnConfig:
    """TURN servers that clients are told of, with credentials for `lifetime_s` made from the `secret` shared with them.

    `uris`: as in RFC 7065, "turn:turn.example.org:3478?transport=udp". Without any, clients are told of none.
    """

    uris: tuple[str, ...] = ()
    secret: Secret = NO_SECRET
    secret_file: str = ""
    secret_env: str = ""
    lifetime_s: Annotated[float, Bound(60, 86_400)] = 7200.0


@dataclass(frozen=True, slots=True)
class DialOutConfig:
    """Whom the bridge may call: "user@host", "*@host" or "+47*@host"; nobody by default."""

    allow: tuple[str, ...] = ()
    per_minute: Annotated[int, Bound(1, 1000)] = 10


@dataclass(frozen=True, slots=True)
class Room:
    """A virtual meeting room as it is configured.

    `aliases`: further names, "number" or "user@domain". `host_pin`, `guest_pin`: an argon2id hash, or "generated";
    the digits themselves only while the bridge listens on loopback alone. `language` None = that of [bridge].
    `limit`: people in the room, those in the lobby included. Times of 0 mean: no limit to `wait_host_s` and
    `knock_timeout_s`, at once for `no_host_end_s`, never for `last_one_end_s`. `tones_up_to`: tones tell who comes
    and goes until so many are in. `guests_can_unmute`: a guest whom a host has muted may lift that himself. `chat`:
    whether people in the room may write to each other. `video`: whether pictures are shown at all; `layout`: how, for
    hosts, and for guests too where `guest_layout` is ""; `fixed_grid`: few people get tiles no larger than many;
    `names`: below the faces. `guests_can_present`: show slides; `presenter_in_main`: whoever shows some stands large
    himself where slides have a place of their own. `interpreters`: addresses of known endpoints ("user@domain"), and
    `interpreter_aliases`: names of the room, by which interpreters come; they have a place in everybody's picture.
    """

    number: str
    kind: RoomKind
    name: str = ""
    aliases: tuple[str, ...] = ()
    language: Language | None = None
    disabled: bool = False
    limit: Annotated[int, Bound(1, 300)] = 100
    host_pin: Secret = NO_SECRET
    guest_pin: Secret = NO_SECRET
    allow_guests: bool = True
    mute_guests: bool = False
    guests_can_unmute: bool = False
    chat: bool = False
    auto_lock_again: bool = True
    tones: bool = True
    tones_up_to: Annotated[int, Bound(1, 300)] = 20
    pin_timeout_s: Annotated[float, Bound(30, 86_400)] = 120.0
    digit_gap_s: Annotated[float, Bound(1, 60)] = 5.0
    wait_host_s: Seconds = 900.0
    knock_timeout_s: Seconds = 900.0
    no_host_end_s: Seconds = 60.0
    last_one_end_s: Annotated[float, Bound(60, 86_400, or_zero=True)] = 0.0
    video: bool = True
    layout: str = "1:7"
    guest_layout: str = ""
    fixed_grid: bool = False
    names: bool = True
    guests_can_present: bool = True
    presenter_in_main: bool = False
    interpreters: tuple[str, ...] = ()
    interpreter_aliases: tuple[str, ...] = ()

    @property
    def has_host_pin(self) -> bool:
        """Whether hosts and others are told apart at all; without a PIN everybody is host."""
        return self.kind is not RoomKind.OPEN

    @property
    def auto_lock(self) -> bool:
        """Whether a conference in this room begins locked."""
        return self.kind is RoomKind.AUTO_LOCK


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration."""

    bridge: BridgeConfig = field(default_factory=BridgeConfig)
    sip: SipConfig = field(default_factory=SipConfig)
    media: MediaConfig = field(default_factory=MediaConfig)
    video: VideoConfig = field(default_factory=VideoConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    web: WebConfig = field(default_factory=WebConfig)
    rtc: RtcConfig = field(default_factory=RtcConfig)
    turn: TurnConfig = field(default_factory=TurnConfig)
    management: ManagementConfig = field(default_factory=ManagementConfig)
    dial_out: DialOutConfig = field(default_factory=DialOutConfig)
    rooms: tuple[Room, ...] = ()
