"""SRTP and SRTCP (RFC 3711, 6188, 7714) by libsrtp, with its errors mapped to the names of our drops.

One context is one direction of one leg. A context must stay on one thread: the library keeps one buffer a session.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, Final, Protocol

from pylibsrtp import ERRORS, Error, Policy, Session
from pylibsrtp._binding import ffi, lib

from bridge.errors import ProtocolError


class SuiteKey(Protocol):
    """A crypto suite's name (RFC 4568, 6188, 7714) and its master key with the salt behind it."""

    @property
    def suite(self) -> str:
        """Name of the suite."""
        ...

    @property
    def key(self) -> bytes:
        """Master key || master salt."""
        ...


# suite -> (profile of the library, length of key and salt in octets, authentication tag of the AES-256 ones or 0)
_SUITES: Final[dict[str, tuple[int, int, int]]] = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30, 0),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30, 0),
    "AES_256_CM_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 46, 10),
    "AES_256_CM_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 46, 4),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28, 0),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44, 0),
}

# The binding has no call for AES-256 counter mode, but the library does; its policy struct is six 32-bit numbers:
# cipher type, cipher key length, authentication type, its key length, tag length, services.
_CRYPTO_POLICY: Final = Struct("=6I")
_AES_128_POLICY: Final = (1, 30, 3, 20, 10, 3)
_AES_256_CIPHER: Final = 5

_NAMES: Final[dict[str, str]] = {
    "authentication failure": "srtp-auth",
    "replay check failed (bad index)": "srtp-replay",
    "replay check failed (index too old)": "srtp-replay",
    "packet index is too old to consider": "srtp-replay",
    "packet index advanced, reset needed": "srtp-replay",
    "no appropriate context found": "srtp-context",
    "can't use key any more": "srtp-key-expired",
    "error parsing data": "srtp-malformed",
    "unsupported parameter": "srtp-malformed",
    "can't process as much data as requested": "srtp-malformed",
}


def _aes_256(policy: Policy, tag_bytes: int) -> None:
    """Turn an AES-128 counter mode policy into AES-256 (RFC 6188). SRTCP keeps its 80 bit tag (section 4)."""
    raw: Any = policy._policy
    for part, tag in ((raw.rtp, tag_bytes), (raw.rtcp, 10)):
        view = ffi.buffer(ffi.addressof(part))
        if (
            len(view) < _CRYPTO_POLICY.size
            or _CRYPTO_POLICY.unpack(view[: _CRYPTO_POLICY.size]) != _AES_128_POLICY
        ):
            raise ProtocolError("srtp-suite", "AES-256 is not available in this library", 488)
        view[: _CRYPTO_POLICY.size] = _CRYPTO_POLICY.pack(_AES_256_CIPHER, 46, 3, 20, tag, 3)


def _policy(key: SuiteKey, outbound: bool) -> Policy:
    """The library's policy for one direction under `key`."""
    suite = _SUITES.get(key.suite)
    if suite is None:
        raise ProtocolError("srtp-suite", "not supported", 488)
    profile, length, tag_bytes = suite
    if len(key.key) != length:
        raise ProtocolError("srtp-key", f"{len(key.key)} octets, not {length}", 488)
    policy = Policy(
        ssrc_type=Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND, srtp_profile=profile
    )
    if tag_bytes:
        _aes_256(policy, tag_bytes)
    policy.key = key.key
    return policy


# What a packet may grow by, as the library puts it: tag, MKI, and the index of SRTCP. It works in place.
_BUFFER: Final = 1500
_LONGEST_RTP: Final = _BUFFER - 144
_LONGEST_RTCP: Final = _BUFFER - 148

Transform = Callable[[bytes], bytes]


class SrtpContext:
    """One direction of a leg's SRTP. Roll-over counters and the replay window (128 packets) are the library's.

    `protect`: RTP -> SRTP, `protect_rtcp`: RTCP -> SRTCP; they raise ProtocolError: srtp-too-long (over 1356 or 1352
    octets), srtp-key-expired, srtp-fault. `unprotect` and `unprotect_rtcp`, the way back: srtp-auth, srtp-replay,
    srtp-malformed, srtp-too-long, srtp-context, srtp-fault. `protect_all`: the same as `protect`, of many packets
    where they lie, with room for the tag behind each (`bridge.rtp.batch`).
    """

    __slots__ = ("_key", "protect", "protect_all", "protect_rtcp", "unprotect", "unprotect_rtcp")

    def __init__(self, key: SuiteKey, outbound: bool) -> None:
        """Raises ProtocolError: srtp-suite, srtp-key (status 488)."""
        policy = _policy(key, outbound)
        self._key = (key.suite, key.key)
        try:
            session = Session(policy)
        except Error as fault:
            raise ProtocolError("srtp-suite", str(fault), 488) from None
        memory = ffi.new("char[]", _BUFFER)
        self.protect = _transform(lib.srtp_protect, session, memory, _LONGEST_RTP)
        self.protect_all = _in_place(lib.srtp_protect, session, _LONGEST_RTP)
        self.unprotect = _transform(lib.srtp_unprotect, session, memory, _BUFFER)
        self.protect_rtcp = _transform(lib.srtp_protect_rtcp, session, memory, _LONGEST_RTCP)
        self.unprotect_rtcp = _transform(lib.srtp_unprotect_rtcp, session, memory, _BUFFER)

    def has(self, key: SuiteKey) -> bool:
        """Whether this is its key."""
        return self._key == (key.suite, key.key)


def _transform(function: Any, session: Session, memory: Any, longest: int) -> Transform:
    """One of the library's functions on packets. The binding has the same, at twice the cost of each packet: it makes
    a new number for the length every time, and looks up the rest."""
    view, length = ffi.buffer(memory), ffi.new("int *")

    def transform(packet: bytes) -> bytes:
        size = length[0] = len(packet)
        if size > longest:
            raise ProtocolError("srtp-too-long", f"{size} octets")
        view[0:size] = packet
        if status := function(session._srtp[0], memory, length):  # it lives for as long as this function
            raise ProtocolError(_NAMES.get(ERRORS[status], "srtp-fault"), ERRORS[status])
        out: bytes = view[0 : length[0]]
        return out

    return transform


def _in_place(function: Any, session: Session, longest: int) -> Callable[[list[Any], list[int]], None]:
    """The same without copies, of many packets: (pointers to them, octets of each), which become those after."""
    length = ffi.new("int *")

    def transform(pointers: list[Any], sizes: list[int]) -> None:
        for index, size in enumerate(sizes):
            length[0] = size
            status = 0
            if size > longest or (status := function(session._srtp[0], pointers[index], length)):
                del sizes[index:]
                if not status:
                    raise ProtocolError("srtp-too-long", f"{size} octets")
                raise ProtocolError(_NAMES.get(ERRORS[status], "srtp-fault"), ERRORS[status])
            sizes[index] = length[0]

    return transform
