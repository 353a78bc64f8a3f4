"""What a SIP leg is made with: our side's terms of its sound and pictures, and who calls."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.codec.table import AudioCodec
from bridge.media.contract import LegOpened
from bridge.sdp.ice import host_candidates
from bridge.sdp.local import Local, PicturePolicy, SrtpPolicy
from bridge.sdp.transport import Fingerprint


@dataclass(frozen=True, slots=True)
class LegTerms:
    """What a leg brings to its negotiation. Addresses are local ones, "" where that family is not served.

    `said`: what SDP says instead of the address (behind NAT 1:1), "" = the address itself. `ice`: there is a port for
    legs with ICE that the peer could reach; `outside`: what candidates there say instead of its own addresses.
    `pictures`: None = this leg has none.
    """

    address4: str
    address6: str
    said: str
    codecs: tuple[AudioCodec, ...]
    srtp: SrtpPolicy
    ptime_ms: int
    latch: bool
    timeout_s: float
    held_timeout_s: float
    forbidden: frozenset[tuple[str, int]]
    loopback: bool
    ice: bool = False
    outside: tuple[str, ...] = ()
    pictures: PicturePolicy | None = None

    def side(self, opened: LegOpened, ice: bool, session_id: int, secret: bytes) -> Local:
        """Make our side of the negotiation, on these ports; `ice`: they are the shared one for legs with ICE."""
        address = opened.address
        places = (opened.addresses, opened.port, opened.tcp_port, self.outside)
        return Local(
            address=self.said if self.said and (":" in self.said) == (":" in address) else address,
            port=opened.port,
            rtcp_port=opened.rtcp_port,
            session_id=session_id,
            secret=secret,
            codecs=self.codecs,
            srtp=self.srtp,
            ptime_ms=self.ptime_ms,
            loopback=self.loopback,
            forbidden=self.forbidden,
            candidates=host_candidates(*places) if ice else (),
            fingerprint=Fingerprint("sha-256", opened.fingerprint) if opened.fingerprint else None,
            pictures=self.pictures,
            video_port=opened.video_port,
            video_rtcp_port=opened.video_rtcp_port,
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end. `source`: the address of its signalling; `display_name` is safe to show.

    `interpreter`: he comes as the room's interpreter.
    """

    display_name: str
    source: str
    trusted: bool
    interpreter: bool = False
