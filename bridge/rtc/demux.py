"""Telling apart what shares one port: STUN, DTLS, RTP and RTCP, by the first octet (RFC 7983 section 7)."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Kind(Enum):
    """What a datagram claims to be."""

    STUN = "stun"
    DTLS = "dtls"
    RTP = "rtp"  # RTCP too: `bridge.rtp.packet.is_rtcp` tells them apart
    TURN_CHANNEL = "turn-channel"  # never for us: we relay nothing
    UNKNOWN = "unknown"  # ZRTP, QUIC, nothing at all


def _of(first: int) -> Kind:
    match first:
        case 0 | 1 | 2 | 3:
            return Kind.STUN
        case _ if 20 <= first <= 63:
            return Kind.DTLS
        case _ if 64 <= first <= 79:
            return Kind.TURN_CHANNEL
        case _ if 128 <= first <= 191:
            return Kind.RTP
        case _:
            return Kind.UNKNOWN


_BY_FIRST_OCTET: Final = tuple(map(_of, range(256)))


def kind_of(datagram: bytes) -> Kind:
    """What the datagram claims to be. It may still be anything."""
    return _BY_FIRST_OCTET[datagram[0]] if datagram else Kind.UNKNOWN
