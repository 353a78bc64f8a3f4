"""What our own side brings to a negotiation: where we listen, what we speak, and how much security we want."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import shake_256
from typing import Final

from bridge.codec.table import AUDIO_CODECS, VIDEO_CODECS, AudioCodec, VideoCodec
from bridge.sdp.address import Reach
from bridge.sdp.crypto import SUITES
from bridge.sdp.transport import Fingerprint
from bridge.sdp.video import VideoLimits


class SrtpPolicy(Enum):
    """How a leg treats encryption, by SDES (RFC 4568) or by DTLS (RFC 5763).

    PREFERRED honours keys and fingerprints also inside RTP/AVP (best effort, RFC 8643) and takes plain RTP where none
    are on offer. A profile that promises encryption is never answered with plain RTP, whatever the policy.
    """

    REQUIRED = "required"
    PREFERRED = "preferred"
    OFF = "off"


class Preference(Enum):
    """Whose order of codecs decides what the bridge sends.

    THEIRS is the usual practice and lets a caller that puts PCMU first have PCMU. OURS gives the best sound that
    both ends have. All common codecs stay receivable either way.
    """

    THEIRS = "theirs"
    OURS = "ours"


# Pictures of 1920x1080, thirty a second: what level 4.0 of H.264 can carry.
LARGEST_PICTURES: Final = VideoLimits(8_192, 245_760, 30, 1920, 1920, 2_000_000)


@dataclass(frozen=True, slots=True)
class PicturePolicy:
    """How a leg treats pictures.

    `codecs`: those that may be used, in the order in which our offers list them; what we only receive is agreed on
    where the peer has nothing better, and never offered. `limits`: what we take; both frame sizes and rates of H.264
    are told in levels, so 0 for no limit is not for these. `slides`: a second stream with slides is taken from peers
    that have all in one bundle.
    """

    codecs: tuple[VideoCodec, ...] = VIDEO_CODECS
    limits: VideoLimits = LARGEST_PICTURES
    slides: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address where we answer ICE checks; `protocol` is "udp" or "tcp" (passive, RFC 6544)."""

    address: str
    port: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Local:
    """Our side of a leg; the same value for all negotiations of the leg.

    `address`: what c= says; its family is the only one that the leg can use. `port`, `rtcp_port`: of the leg's
    sockets. `session_id`: a number of this leg's own (RFC 8866 section 5.2). `secret`: at least 32 random bytes of
    this leg alone, from which its SRTP keys and ICE credentials are made. `codecs`: in the order in which our offers
    list them. `suites`: the SRTP suites that may be used, of which our offers list the first few. `ptime_ms`: the
    packet length where the peer states none. `opus_dtx`: ask peers to stop sending while silent. `audio_levels`: accept
    RFC 6464. `loopback`: peers on this machine are allowed. `forbidden`: (address, port) of our own sockets, above
    all those of signalling; this leg's own need not be named.

    `candidates`: where the leg can be reached by ICE, the default first (`ice.host_candidates`). A leg that has any is
    on a port where nothing but ICE is spoken, so its peer must speak it; a leg without does without. `fingerprint`: of
    our DTLS certificate, None = no DTLS. `require_dtls`: nothing but DTLS-SRTP is offered and taken, as browsers want
    it (RFC 8827 section 6.5).

    `pictures`: None = this leg has none, and sections of video are refused. `video_port`, `video_rtcp_port`: of the
    sockets for them on a leg without candidates, 0 = there are none and video is refused there, too.
    """

    address: str
    port: int
    rtcp_port: int
    session_id: int
    secret: bytes = field(repr=False)
    codecs: tuple[AudioCodec, ...] = AUDIO_CODECS
    suites: tuple[str, ...] = SUITES
    srtp: SrtpPolicy = SrtpPolicy.PREFERRED
    preference: Preference = Preference.THEIRS
    ptime_ms: int = 20
    opus_dtx: bool = False
    rtcp_mux: bool = True
    audio_levels: bool = True
    loopback: bool = False
    forbidden: frozenset[tuple[str, int]] = frozenset()
    candidates: tuple[Candidate, ...] = ()
    fingerprint: Fingerprint | None = None
    require_dtls: bool = False

    pictures: PicturePolicy | None = None
    video_port: int = 0
    video_rtcp_port: int = 0

    @property
    def reach(self) -> Reach:
        """Tell which targets this leg may send to."""
        ports = {self.port, self.rtcp_port, self.video_port, self.video_rtcp_port}
        own = {(self.address, port) for port in ports}
        return Reach(":" in self.address, self.loopback, self.forbidden | own)

    def beside(self) -> Local:
        """Give our side of pictures that are on ports of their own: with these in the first place, and other keys."""
        return replace(
            self,
            port=self.video_port,
            rtcp_port=self.video_rtcp_port,
            secret=shake_256(self.secret + b"video").digest(32),
            video_port=self.port,
            video_rtcp_port=self.rtcp_port,
        )
