"""ICE in session descriptions (RFC 8839), as a lite agent reads and writes it (RFC 8445 section 2.5).

The bridge answers checks and makes none. So it reads only who is entitled to check, the credentials; candidates of the
peer are read over, whatever they name. Its own candidates are all of type host, one component each (rtcp-mux).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import shake_256
from ipaddress import ip_address
from typing import Final

from bridge.errors import ProtocolError
from bridge.sdp.description import Attribute
from bridge.sdp.local import Candidate
from bridge.sdp.transport import Credentials

MAX_CHARACTERS: Final = 256
MIN_UFRAG: Final = 4
MIN_PASSWORD: Final = 22

# The ice-char of RFC 8839 section 5.4, and four more that browsers have let through for years.
_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/-_=#")
_COMPONENT: Final = 1
# Type preferences of host candidates (RFC 8445 section 5.1.2.2; RFC 6544 section 4.2 wants that of TCP lower).
_TYPE_PREFERENCES: Final = {"udp": 126, "tcp": 90}
_PASSIVE: Final = (
    4 << 13
)  # direction preference in the local preference of TCP candidates (RFC 6544 section 4.2)
# RFC 8445 section 10: no "aggressive nomination" towards us. RFC 8840: candidates may come later.
_OPTIONS: Final = "ice2 trickle"


def host_candidates(
    addresses: Iterable[str], port: int, tcp_port: int = 0, public: Sequence[str] = ()
) -> tuple[Candidate, ...]:
    """List our candidates: UDP, then passive TCP where `tcp_port` is not 0.

    `addresses`: where we listen; those of a family of which `public` names addresses (NAT 1:1) are replaced by them.
    Addresses that nobody can reach (unspecified) are left out.
    """
    outside = {ip_address(each).version for each in public}
    inside = (each for each in addresses if ip_address(each).version not in outside)
    usable = [each for each in dict.fromkeys((*public, *inside)) if not ip_address(each).is_unspecified]
    udp = (Candidate(each, port, "udp") for each in usable)
    tcp = (Candidate(each, tcp_port, "tcp") for each in usable if tcp_port)
    return (*udp, *tcp)


def is_ice(*levels: dict[str, list[str]]) -> bool:
    """Tell whether a side speaks ICE: it names credentials, good or bad, in its section or for all sections."""
    return any(name in level for level in levels for name in ("ice-ufrag", "ice-pwd"))


def read_credentials(*levels: dict[str, list[str]]) -> Credentials | None:
    """Find the peer's credentials; those of an earlier level go before those of a later one. None when it has none.

    Raises ProtocolError 488 for one without the other, and for what RFC 8839 section 5.4 does not allow.
    """
    if not is_ice(*levels):
        return None
    ufrag, password = (
        next((level[name][0] for level in levels if name in level), "") for name in ("ice-ufrag", "ice-pwd")
    )
    if not usable_credentials(ufrag, password):
        raise ProtocolError("sdp-ice-credentials", status=488)
    return Credentials(ufrag, password)


def usable_credentials(ufrag: str, password: str) -> bool:
    """Tell whether both have the length and the characters that they must have."""
    return all(
        least <= len(each) <= MAX_CHARACTERS and _CHARACTERS.issuperset(each)
        for each, least in ((ufrag, MIN_UFRAG), (password, MIN_PASSWORD))
    )


def derive_credentials(secret: bytes, occasion: bytes) -> Credentials:
    """Make our own credentials from the leg's secret: others on each `occasion`, and the same when asked again.

    48 bits of user name fragment and 144 of password (RFC 8445 section 5.3 wants 24 and 128).
    """
    text = b64encode(shake_256(secret + b"ice" + occasion).digest(24)).decode()
    return Credentials(text[:8], text[8:])


def occasion_of(remote: Credentials) -> bytes:
    """Name an occasion after the peer's credentials: when they change, ours do (RFC 8839 section 4.4.3.1)."""
    return f"{remote.ufrag} {remote.password}".encode()


def credential_attributes(credentials: Credentials) -> list[Attribute]:
    """Write our credentials."""
    return [("ice-ufrag", credentials.ufrag), ("ice-pwd", credentials.password)]


def candidate_attributes(candidates: Sequence[Candidate]) -> list[Attribute]:
    """Write our candidates, all that there will be (RFC 8839 section 5.1, RFC 8838 section 14).

    Those of an earlier place are preferred to later ones of their protocol, and UDP to TCP.
    """
    foundations: dict[tuple[str, str], int] = {}
    lines: list[Attribute] = []
    for place, each in enumerate(candidates):
        foundation = foundations.setdefault((each.address, each.protocol), len(foundations) + 1)
        kind = "typ host" if each.protocol == "udp" else "typ host tcptype passive"
        where = f"{each.protocol} {_priority(each, place)} {each.address} {each.port}"
        lines.append(("candidate", f"{foundation} {_COMPONENT} {where} {kind}"))
    return [*lines, ("end-of-candidates", None)]


def _priority(candidate: Candidate, place: int) -> int:
    """Compute a priority (RFC 8445 section 5.1.2.1); `place`: of the candidate among all of ours."""
    most = 65_535 if candidate.protocol == "udp" else _PASSIVE + 8_191
    return (_TYPE_PREFERENCES[candidate.protocol] << 24) + (most - place << 8) + (256 - _COMPONENT)


def lite_attributes() -> list[Attribute]:
    """Write what the whole description says of ICE (RFC 8839 sections 5.3 and 5.6)."""
    return [("ice-lite", None), ("ice-options", _OPTIONS)]
