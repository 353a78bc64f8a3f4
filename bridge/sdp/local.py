"""What our own side brings to a negotiation: where we listen, what we speak, and how much security we want."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bridge.codec.table import AUDIO_CODECS, AudioCodec
from bridge.sdp.address import Reach
from bridge.sdp.crypto import SUITES


class SrtpPolicy(Enum):
    """How a leg treats SDES (RFC 4568).

    PREFERRED honours keys also inside RTP/AVP (best effort, RFC 8643) and takes plain RTP where none are on offer.
    An offer of RTP/SAVP is never answered with plain RTP, whatever the policy.
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
class Local:
    """Our side of a leg; the same value for all negotiations of the leg.

    `address`: what c= says; its family is the only one that the leg can use. `port`, `rtcp_port`: of the leg's
    sockets. `session_id`: a number of this leg's own (RFC 8866 section 5.2). `secret`: at least 32 random bytes of
    this leg alone, from which its SRTP keys are made. `codecs`: in the order in which our offers list them.
    `suites`: the SRTP suites that may be used, of which our offers list the first few. `ptime_ms`: the packet
    length where the peer states none. `opus_dtx`: ask peers to stop sending while silent. `audio_levels`: accept
    RFC 6464. `loopback`: peers on this machine are allowed. `forbidden`: (address, port) of our own sockets, above
    all those of signalling; this leg's own need not be named.
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

    @property
    def reach(self) -> Reach:
        """Tell which targets this leg may send to."""
        own = {(self.address, self.port), (self.address, self.rtcp_port)}
        return Reach(":" in self.address, self.loopback, self.forbidden | own)
