"""STUN messages (RFC 8489) with the attributes of ICE (RFC 8445 section 16): reading, proving, writing.

Only what a lite agent needs: the short-term credential, SHA-1 integrity, CRC-32 fingerprint. What follows
MESSAGE-INTEGRITY, but for FINGERPRINT, is not protected and so not read (RFC 8489 section 14.5).
"""

from __future__ import annotations

import hmac
import secrets
from binascii import crc32
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address
from struct import Struct
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp.source import Address

COOKIE: Final = 0x2112A442
BINDING: Final = 0x001

MAX_ATTRIBUTES: Final = 32  # browsers send about eight
MAX_USERNAME: Final = 513  # octets: two fragments of 256 and the colon (RFC 8839 section 5.4)

_HEADER: Final = Struct("!HHI12s")
_ATTRIBUTE: Final = Struct("!HH")
_WORD: Final = Struct("!I")
_HEADER_BYTES: Final = 20
_INTEGRITY_BYTES: Final = 24  # the whole attribute
_FINGERPRINT_BYTES: Final = 8
_FINGERPRINT_XOR: Final = 0x5354554E


class Attribute(IntEnum):
    """Attribute types that are understood, or that must be known by name (RFC 8489 section 18.3, RFC 8445)."""

    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    REALM = 0x0014
    NONCE = 0x0015
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    PASSWORD_ALGORITHM = 0x001D
    USERHASH = 0x001E
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


_KNOWN: Final = frozenset(map(int, Attribute))
# Plain numbers: an enumeration's member costs a look-up in the loop over attributes.
_USERNAME: Final = int(Attribute.USERNAME)
_INTEGRITY: Final = int(Attribute.MESSAGE_INTEGRITY)
_FINGERPRINT: Final = int(Attribute.FINGERPRINT)


class Form(IntEnum):
    """The class of a message, as its two bits (RFC 8489 section 5)."""

    REQUEST = 0b00
    INDICATION = 0b01
    SUCCESS = 0b10
    ERROR = 0b11


@dataclass(frozen=True, slots=True)
class Message:
    """One parsed message. `attributes`: (type, value) in order, integrity and fingerprint left out.

    `covered` is what MESSAGE-INTEGRITY is computed over and `integrity` its value, both empty if it is not there.
    """

    form: Form
    method: int
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()
    covered: bytes = b""
    integrity: bytes = b""

    def get(self, attribute: int) -> bytes | None:
        """The value of the first such attribute; RFC 8489 section 14: later ones are ignored."""
        for kind, value in self.attributes:
            if kind == attribute:
                return value
        return None

    def is_proven_by(self, password: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY is there and made with `password` (RFC 8489 section 9.1.3)."""
        if not self.integrity:
            return False
        return hmac.compare_digest(hmac.digest(password, self.covered, "sha1"), self.integrity)

    @property
    def unknown(self) -> tuple[int, ...]:
        """Attribute types that must be understood (below 0x8000) and are not."""
        return tuple(kind for kind, _ in self.attributes if kind < 0x8000 and kind not in _KNOWN)


def _frame(datagram: bytes) -> tuple[int, bytes]:
    """Message type and transaction of a datagram whose header is sound."""
    size = len(datagram)
    if size < _HEADER_BYTES:
        raise ProtocolError("stun-short", f"{size} bytes")
    kind, length, cookie, transaction = _HEADER.unpack_from(datagram)
    if kind > 0x3FFF:
        raise ProtocolError("stun-type", f"type {kind}")
    if cookie != COOKIE:
        raise ProtocolError("stun-cookie")
    if length & 3 or length != size - _HEADER_BYTES:
        raise ProtocolError("stun-length", f"{length} announced, {size - _HEADER_BYTES} there")
    return kind, transaction


def parse(datagram: bytes) -> Message:
    """Read one datagram.

    Raises ProtocolError: stun-short, stun-type, stun-cookie, stun-length, stun-attribute, stun-attributes (too many),
    stun-username, stun-fingerprint. Whether it is proven, and whether its attributes are known, is asked apart.
    """
    kind, transaction = _frame(datagram)
    size = len(datagram)
    attributes: list[tuple[int, bytes]] = []
    covered = integrity = b""
    at, count = _HEADER_BYTES, 0
    while at < size:
        # The length is a multiple of four, so there is room for type and length.
        attribute, length = _ATTRIBUTE.unpack_from(datagram, at)
        begin, at = at + 4, at + 4 + (length + 3 & ~3)
        count += 1
        if at > size:
            raise ProtocolError("stun-attribute", f"{length} bytes announced")
        if count > MAX_ATTRIBUTES:
            raise ProtocolError("stun-attributes", f"more than {MAX_ATTRIBUTES}")
        if attribute == _FINGERPRINT:
            _check_fingerprint(datagram, begin, at, length)
        elif covered:
            continue
        elif attribute == _INTEGRITY:
            if length != _INTEGRITY_BYTES - 4:
                raise ProtocolError("stun-attribute", f"integrity of {length} bytes")
            covered = _announcing(datagram[: begin - 4], _INTEGRITY_BYTES)
            integrity = datagram[begin:at]
        else:
            if attribute == _USERNAME and length > MAX_USERNAME:
                raise ProtocolError("stun-username", f"{length} bytes")
            attributes.append((attribute, datagram[begin : begin + length]))
    form = Form((kind >> 7 & 2) | (kind >> 4 & 1))
    method = (kind >> 2 & 0xF80) | (kind >> 1 & 0x70) | kind & 0xF
    return Message(form, method, transaction, tuple(attributes), covered, integrity)


def _check_fingerprint(datagram: bytes, begin: int, end: int, length: int) -> None:
    """It is the last attribute, and right (RFC 8489 section 14.7)."""
    if length != 4 or end != len(datagram):
        raise ProtocolError("stun-fingerprint", "not the last attribute")
    if crc32(datagram[: begin - 4]) ^ _FINGERPRINT_XOR != _WORD.unpack_from(datagram, begin)[0]:
        raise ProtocolError("stun-fingerprint", "does not match")


def local_ufrag(datagram: bytes) -> str:
    """The receiver's half of the USERNAME of a Binding request: what is before the colon (RFC 8445 section 7.2.2).

    It says which leg a datagram is for; nothing is proven by it. Raises ProtocolError: as `parse` for the header, and
    stun-not-request, stun-no-username, stun-username.
    """
    kind, _ = _frame(datagram)
    if kind != BINDING:  # also every response and indication: we send no requests
        raise ProtocolError("stun-not-request", f"type {kind}")
    at, size = _HEADER_BYTES, len(datagram)
    for _ in range(MAX_ATTRIBUTES):
        if at >= size:
            break
        attribute, length = _ATTRIBUTE.unpack_from(datagram, at)
        if attribute == _USERNAME:
            return user_name(datagram[at + 4 : at + 4 + length])[0]
        at += 4 + (length + 3 & ~3)
    raise ProtocolError("stun-no-username")


def user_name(value: bytes) -> tuple[str, str]:
    """The halves of a USERNAME in ICE: (the receiver's fragment, the sender's). Raises ProtocolError: stun-username."""
    ours, colon, theirs = value.partition(b":")
    if not colon or not ours or len(value) > MAX_USERNAME or not value.isascii():
        raise ProtocolError("stun-username", f"{len(value)} bytes")
    return ours.decode("ascii"), theirs.decode("ascii")


def xor_address(value: bytes, transaction: bytes) -> Address:
    """The address in an XOR-MAPPED-ADDRESS (RFC 8489 section 14.2). Raises ProtocolError: stun-address."""
    if len(value) < 8 or (value[1], len(value)) not in ((1, 8), (2, 20)):
        raise ProtocolError("stun-address", f"{len(value)} bytes")
    port = (value[2] << 8 | value[3]) ^ COOKIE >> 16
    return str(ip_address(_masked(value[4:], transaction))), port


def error_code(value: bytes) -> int:
    """The number in an ERROR-CODE (RFC 8489 section 14.8). Raises ProtocolError: stun-error-code."""
    if len(value) < 4 or not 3 <= value[2] & 7 <= 6 or value[3] > 99:
        raise ProtocolError("stun-error-code", f"{len(value)} bytes")
    return (value[2] & 7) * 100 + value[3]


# -- writing --


def serialise(
    form: Form,
    transaction: bytes,
    attributes: tuple[tuple[int, bytes], ...] = (),
    password: bytes | None = None,
    method: int = BINDING,
) -> bytes:
    """A message with FINGERPRINT, and with MESSAGE-INTEGRITY where there is a `password`. `transaction`: 12 octets."""
    body = b"".join(
        _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) & 3) for kind, value in attributes
    )
    kind = (method & 0xF80) << 2 | (method & 0x70) << 1 | method & 0xF | (form & 2) << 7 | (form & 1) << 4
    message = _HEADER.pack(kind, len(body), COOKIE, transaction) + body
    if password is not None:
        message = _announcing(message, _INTEGRITY_BYTES)
        message += _ATTRIBUTE.pack(_INTEGRITY, 20) + hmac.digest(password, message, "sha1")
    message = _announcing(message, _FINGERPRINT_BYTES)
    return message + _ATTRIBUTE.pack(_FINGERPRINT, 4) + _WORD.pack(crc32(message) ^ _FINGERPRINT_XOR)


def new_transaction() -> bytes:
    """A transaction id nobody can guess."""
    return secrets.token_bytes(12)


def mapped_address(address: Address, transaction: bytes) -> tuple[int, bytes]:
    """The XOR-MAPPED-ADDRESS attribute that tells a sender its address. Raises ValueError if it is none."""
    host = _packed(address[0])
    port = address[1] ^ COOKIE >> 16
    family = 1 if len(host) == 4 else 2
    return int(Attribute.XOR_MAPPED_ADDRESS), bytes((0, family, port >> 8, port & 0xFF)) + _masked(
        host, transaction
    )


def error(code: int) -> tuple[int, bytes]:
    """The ERROR-CODE attribute, with no phrase: nobody reads it, and answers stay small."""
    return int(Attribute.ERROR_CODE), bytes((0, 0, code // 100, code % 100))


def unknown_attributes(kinds: tuple[int, ...]) -> tuple[int, bytes]:
    """The UNKNOWN-ATTRIBUTES attribute."""
    return int(Attribute.UNKNOWN_ATTRIBUTES), b"".join(kind.to_bytes(2, "big") for kind in kinds)


@lru_cache(maxsize=1024)
def _packed(host: str) -> bytes:
    return ip_address(host.partition("%")[0]).packed


def _masked(host: bytes, transaction: bytes) -> bytes:
    """Address octets with the cookie and the transaction xored over them."""
    mask = (_WORD.pack(COOKIE) + transaction)[: len(host)]
    return (int.from_bytes(host, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(host), "big")


def _announcing(message: bytes, more: int) -> bytes:
    """The message with a length in its header that counts what is to follow."""
    return message[:2] + (len(message) - _HEADER_BYTES + more).to_bytes(2, "big") + message[4:]
