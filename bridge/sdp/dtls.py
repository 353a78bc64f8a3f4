"""DTLS-SRTP in session descriptions: fingerprints (RFC 8122), roles (RFC 4145) and associations (RFC 8842)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import shake_256
from typing import Final

from bridge.errors import ProtocolError
from bridge.sdp.description import Attribute
from bridge.sdp.transport import DtlsRole, Fingerprint

# Length of the hash functions that a fingerprint may be made by [bytes]; MD5 and SHA-1 prove too little.
HASH_BYTES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
MAX_FINGERPRINTS: Final = 8  # of one peer; nobody needs more

_HEX: Final = frozenset("0123456789abcdefABCDEF")
_MIN_TLS_ID, _MAX_TLS_ID = 20, 255  # RFC 8842 section 3.2
_TLS_ID: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/-_")


class Setup(Enum):
    """Who begins the handshake, as one side says it (RFC 4145 section 4)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    EITHER = "actpass"
    LATER = "holdconn"


@dataclass(frozen=True, slots=True)
class DtlsTerms:
    """One side's terms for the handshake. `fingerprints`: the usable ones. `setup`: None = not said.

    `tls_id`: names the association (RFC 8842 section 3), "" = not said.
    """

    fingerprints: tuple[Fingerprint, ...]
    setup: Setup | None
    tls_id: str


def read_dtls(*levels: dict[str, list[str]]) -> DtlsTerms | None:
    """Read a side's terms; each attribute of an earlier level hides that of a later one. None without fingerprints.

    Raises ProtocolError 488 when it has fingerprints, and what goes with them is broken.
    """
    values = {
        name: next((level[name] for level in levels if name in level), [])
        for name in ("fingerprint", "setup", "tls-id")
    }
    if not values["fingerprint"]:
        return None
    found = filter(None, map(parse_fingerprint, values["fingerprint"]))
    fingerprints = tuple(dict.fromkeys(found))[:MAX_FINGERPRINTS]
    return DtlsTerms(fingerprints, _setup(values["setup"]), _tls_id(values["tls-id"]))


def parse_fingerprint(value: str) -> Fingerprint | None:
    """Read the value of an a=fingerprint line (RFC 8122 section 5); None when it is broken or proves too little."""
    algorithm, *rest = value.lower().split() or ("",)
    octets = rest[0].split(":") if len(rest) == 1 else []
    if HASH_BYTES.get(algorithm) != len(octets):
        return None
    if not all(len(each) == 2 and _HEX.issuperset(each) for each in octets):
        return None
    return Fingerprint(algorithm, bytes.fromhex("".join(octets)))


def fingerprint_attributes(fingerprint: Fingerprint) -> list[Attribute]:
    """Write a fingerprint of ours."""
    return [("fingerprint", f"{fingerprint.algorithm} {fingerprint.value.hex(':').upper()}")]


def _setup(values: list[str]) -> Setup | None:
    if not values:
        return None
    try:
        return Setup(values[0].strip().lower())
    except ValueError:
        raise ProtocolError("sdp-setup", values[0][:40], 488) from None


def _tls_id(values: list[str]) -> str:
    tls_id = values[0].strip() if values else ""
    if tls_id and not (_MIN_TLS_ID <= len(tls_id) <= _MAX_TLS_ID and _TLS_ID.issuperset(tls_id)):
        raise ProtocolError("sdp-tls-id", status=488)
    return tls_id


def derive_tls_id(secret: bytes, association: int) -> str:
    """Name an association of ours, from the leg's secret (RFC 8842 section 3.2)."""
    return shake_256(secret + b"tls-id" + association.to_bytes(4, "big")).hexdigest(15)


def role_in_answer(
    offered: Setup | None, before: DtlsRole | None, wanted: DtlsRole
) -> tuple[DtlsRole, Setup]:
    """Choose our role, and what our answer says of it (RFC 8842 section 5.3). `before`: of the running association.
    `wanted`: the one that we take where we may choose.

    An offer that says nothing is active (RFC 4145 section 4). Raises ProtocolError 488 for an association to come.
    """
    match offered:
        case Setup.ACTIVE | None:
            return DtlsRole.SERVER, Setup.PASSIVE
        case Setup.PASSIVE:
            return DtlsRole.CLIENT, Setup.ACTIVE
        case Setup.EITHER:
            role = before or wanted
            return role, Setup.ACTIVE if role is DtlsRole.CLIENT else Setup.PASSIVE
        case Setup.LATER:
            if before is None:
                raise ProtocolError("sdp-setup", "holdconn", 488)
            return before, Setup.LATER


def role_by_answer(answered: Setup | None, before: DtlsRole | None) -> DtlsRole:
    """Take the role that the answer to our actpass leaves us; one that says nothing is passive.

    Some repeat actpass; they can be active then, which is what RFC 5763 section 5 recommends to who answers. Raises
    ProtocolError 488 for an answer that puts off what never began.
    """
    match answered:
        case Setup.ACTIVE | Setup.EITHER:
            return DtlsRole.SERVER
        case Setup.PASSIVE | None:
            return DtlsRole.CLIENT
        case Setup.LATER if before is not None:
            return before
        case _:
            raise ProtocolError("sdp-setup", answered.value, 488)
