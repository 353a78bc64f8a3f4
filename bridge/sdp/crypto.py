"""Keys in session descriptions: the a=crypto lines of SDES (RFC 4568), with the suites of RFC 6188 and RFC 7714.

A line that asks for what the bridge cannot do (a master key index, changed SRTP parameters, an unknown suite) or
that is broken is skipped, as RFC 4568 section 7.1.2 wants; whether another line or plain RTP is left is for the
negotiation to say. Lifetimes are read over: a call does not come near 2^31 packets.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import shake_256
from typing import Final

from bridge.sdp.audio import SrtpKey
from bridge.sdp.description import number

# Length of master key and master salt together [bytes].
KEY_BYTES: Final = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_256_CM_HMAC_SHA1_32": 46,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}

# In our order. The one that everybody has is first: some devices look no further.
SUITES: Final = (
    "AES_CM_128_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_80",
    "AEAD_AES_256_GCM",
    "AEAD_AES_128_GCM",
    "AES_CM_128_HMAC_SHA1_32",
    "AES_256_CM_HMAC_SHA1_32",
)
# So many of them are in an offer of ours: each costs some 95 bytes, and an INVITE over UDP has to stay under 1,300
# (RFC 3261 section 18.1.1).
OFFERED_SUITES: Final = 3


@dataclass(frozen=True, slots=True)
class Crypto:
    """One usable a=crypto line: the offer's tag and the key that its sender encrypts with."""

    tag: int
    key: SrtpKey

    def serialise(self) -> str:
        """Write the value of the a=crypto line (RFC 4568 section 9.1)."""
        return f"{self.tag} {self.key.suite} inline:{b64encode(self.key.key).decode()}"


def parse(value: str) -> Crypto | None:
    """Read the value of an a=crypto line (RFC 4568 section 9.1); None when the line must be skipped."""
    tokens = value.split()
    if len(tokens) < 3:
        return None
    tag = number(tokens[0], 999_999_999)
    suite = tokens[1].upper()
    if tag is None or suite not in KEY_BYTES or not all(map(_is_harmless, tokens[3:])):
        return None
    key = _inline_key(tokens[2], KEY_BYTES[suite])
    return None if key is None else Crypto(tag, SrtpKey(suite, key))


def _inline_key(parameters: str, length: int) -> bytes | None:
    """Read one "inline:" key (RFC 4568 section 6.1): no second key, no MKI."""
    method, _, rest = parameters.partition(":")
    encoded, *options = rest.split("|")
    if method.lower() != "inline" or ";" in rest or len(options) > 1:
        return None
    # The one option without a colon is the lifetime; one with a colon is "MKI:length".
    if options and ":" in options[0]:
        return None
    try:
        key = b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == length else None


def _is_harmless(parameter: str) -> bool:
    """Tell whether a session parameter changes nothing for us (RFC 4568 section 6.3).

    A hint on window size, a rekeying rate of none, and what begins with "-" (which may be ignored).
    """
    upper = parameter.upper()
    return upper.startswith(("-", "WSH=")) or upper == "KDR=0"


def derive_key(secret: bytes, suite: str, generation: int) -> SrtpKey:
    """Make our own sending key for a suite from the leg's secret.

    Each suite and each `generation` has a key of its own, and asking again gives the same one: a re-offer that
    changes nothing keeps its text. `secret`: at least 32 random bytes that no other leg has.
    """
    seed = secret + generation.to_bytes(4, "big") + suite.encode()
    return SrtpKey(suite, shake_256(seed).digest(KEY_BYTES[suite]))
