"""What our own side brings to a negotiation: where we listen, what we speak, and how much security we want."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bridge.codec.table import AUDIO_CODECS, AudioCodec
from bridge.sdp.address import Reach
from bridge.sdp.crypto import SUITES
from bridge.sdp.transport import Fingerprint


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

    @property
    def reach(self) -> Reach:
        """Tell which targets this leg may send to."""
        own = {(self.address, self.port), (self.address, self.rtcp_port)}
        return Reach(":" in self.address, self.loopback, self.forbidden | own)
