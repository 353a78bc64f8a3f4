"""How a leg's datagrams travel, as two ends agreed on it: ICE (RFC 8839) and DTLS-SRTP (RFC 5763, 8842).

One value for all streams of a leg: with BUNDLE they share one transport. Plain RTP and SDES need neither; for them the
value is empty and the addresses of each stream count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Credentials:
    """One end's ICE user name fragment and password (RFC 8839 section 5.4)."""

    ufrag: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of a certificate (RFC 8122 section 5). `algorithm` in lower case ("sha-256"), `value`: the octets."""

    algorithm: str
    value: bytes


class DtlsRole(Enum):
    """Who we are in the handshake: with `a=setup:active` in our description the client, else the server."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class NegotiatedIce:
    """The credentials of both ends; they change together when ICE restarts.

    The bridge is lite, it only answers; so a peer that is lite as well gets no ICE.
    """

    local: Credentials
    remote: Credentials


@dataclass(frozen=True, slots=True)
class NegotiatedDtls:
    """What the handshake is to prove. `association` goes up when a new one is due (RFC 8842 section 4)."""

    role: DtlsRole
    fingerprints: tuple[Fingerprint, ...]
    association: int = 0


@dataclass(frozen=True, slots=True)
class NegotiatedTransport:
    """How all streams of one leg travel."""

    ice: NegotiatedIce | None = None
    dtls: NegotiatedDtls | None = None


PLAIN = NegotiatedTransport()
"""Neither ICE nor DTLS."""
