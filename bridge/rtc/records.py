"""The outside of DTLS 1.2 (RFC 6347 section 4): records, fragments, and what a ClientHello asks for.

Nothing here decrypts. It is the sieve before the library: what can be seen from outside to be forged, broken or of no
use must not get a chance to upset a handshake that is under way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from bridge.errors import ProtocolError

CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION: Final = 23

CLIENT_HELLO: Final = 1

MAX_MESSAGE: Final = 16_384  # octets of one handshake message; a certificate of a browser has some 300
MAX_RECORDS: Final = 32  # in one datagram; a whole flight is about six
_MAX_RECORD: Final = 16_384 + 2_048

_HEADER: Final = Struct("!BHHHIH")  # type, version, epoch, sequence (16 and 32 bits), length
_VERSIONS: Final = (0xFEFD, 0xFEFF)  # a first ClientHello is framed as DTLS 1.0, whatever it offers
_DTLS_1_2: Final = 0xFEFD
_USE_SRTP: Final = 14


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `body` may be encrypted (`epoch` above 0); `raw` is all of it."""

    kind: int
    epoch: int
    sequence: int
    body: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Fragment:
    """Part of a handshake message (RFC 6347 section 4.2.2). `length`: of the whole message; `offset`: of this part."""

    kind: int
    length: int
    number: int
    offset: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """What a ClientHello asks for. `profiles`: of SRTP, None when that part is not in the first fragment."""

    random: bytes
    ciphers: frozenset[int]
    profiles: tuple[int, ...] | None


def split(datagram: bytes) -> list[Record]:
    """The records of a datagram. Raises ProtocolError("dtls-record"); then none of them counts."""
    records: list[Record] = []
    at, size = 0, len(datagram)
    while at < size:
        if size - at < _HEADER.size:
            raise ProtocolError("dtls-record", "header cut")
        kind, version, epoch, high, low, length = _HEADER.unpack_from(datagram, at)
        end = at + _HEADER.size + length
        if not CHANGE_CIPHER_SPEC <= kind <= APPLICATION or version not in _VERSIONS:
            raise ProtocolError("dtls-record", f"type {kind}, version {version:04x}")
        if end > size or not 0 < length <= _MAX_RECORD or len(records) == MAX_RECORDS:
            raise ProtocolError("dtls-record", f"{length} bytes announced")
        body = datagram[at + _HEADER.size : end]
        records.append(Record(kind, epoch, high << 32 | low, body, datagram[at:end]))
        at = end
    if not records:
        raise ProtocolError("dtls-record", "nothing")
    return records


def renumbered(record: Record, sequence: int) -> bytes:
    """The record under another sequence number; only what is not encrypted can be renumbered."""
    return record.raw[:5] + sequence.to_bytes(6, "big") + record.raw[11:]


def fragments(body: bytes) -> Iterator[Fragment]:
    """The handshake messages, or parts of them, in an unencrypted record. Raises ProtocolError("dtls-fragment")."""
    at, size = 0, len(body)
    while at < size:
        if size - at < 12:
            raise ProtocolError("dtls-fragment", "header cut")
        length = int.from_bytes(body[at + 1 : at + 4], "big")
        offset = int.from_bytes(body[at + 6 : at + 9], "big")
        count = int.from_bytes(body[at + 9 : at + 12], "big")
        end = at + 12 + count
        if length > MAX_MESSAGE or offset + count > length or end > size:
            raise ProtocolError("dtls-fragment", f"{count} bytes at {offset} of {length}")
        if not count and length:
            raise ProtocolError("dtls-fragment", "part of nothing")
        yield Fragment(body[at], length, body[at + 4] << 8 | body[at + 5], offset, body[at + 12 : end])
        at = end


class _Reader:
    """Takes fields off the front of a message."""

    __slots__ = ("_at", "_message")

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._at = 0

    def take(self, count: int) -> bytes:
        """So many octets. Raises ProtocolError("dtls-hello")."""
        begin, self._at = self._at, self._at + count
        if self._at > len(self._message):
            raise ProtocolError("dtls-hello", "cut")
        return self._message[begin : self._at]

    def number(self, octets: int) -> int:
        """A number of so many octets."""
        return int.from_bytes(self.take(octets), "big")

    def vector(self, octets: int) -> bytes:
        """Octets with their length, a number of so many octets, before them."""
        return self.take(self.number(octets))

    @property
    def left(self) -> bool:
        """Whether there is more."""
        return self._at < len(self._message)


def hello(fragment: Fragment) -> Hello:
    """Read a ClientHello (RFC 6347 section 4.3.2) from its first fragment.

    Raises ProtocolError: dtls-hello (broken, no DTLS 1.2, its ciphers not in the first fragment), dtls-mki (a master
    key index is asked for, which RFC 8827 rules out).
    """
    reader = _Reader(fragment.body)
    if reader.number(2) != _DTLS_1_2:
        raise ProtocolError("dtls-hello", "not DTLS 1.2")
    random = reader.take(32)
    reader.vector(1)  # session
    reader.vector(1)  # cookie
    ciphers = reader.vector(2)
    if not ciphers or len(ciphers) & 1:
        raise ProtocolError("dtls-hello", f"{len(ciphers)} bytes of ciphers")
    offered = frozenset(
        first << 8 | second for first, second in zip(ciphers[::2], ciphers[1::2], strict=True)
    )
    if len(fragment.body) < fragment.length:
        return Hello(random, offered, None)
    reader.vector(1)  # compression
    profiles: tuple[int, ...] = ()
    extensions = _Reader(reader.vector(2) if reader.left else b"")
    while extensions.left:
        kind, content = extensions.number(2), extensions.vector(2)
        if kind == _USE_SRTP:
            profiles = _profiles(content)
    return Hello(random, offered, profiles)


def _profiles(content: bytes) -> tuple[int, ...]:
    """The protection profiles of a use_srtp extension (RFC 5764 section 4.1.1)."""
    reader = _Reader(content)
    listed = reader.vector(2)
    if reader.vector(1):
        raise ProtocolError("dtls-mki")
    if len(listed) & 1:
        raise ProtocolError("dtls-hello", "half a profile")
    return tuple(first << 8 | second for first, second in zip(listed[::2], listed[1::2], strict=True))
