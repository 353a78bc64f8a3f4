"""Which keys of SDES a section gets (RFC 4568 sections 5 and 7), whatever its kind: chosen, made, and paired.

With DTLS there are none, and nothing of this is asked.
"""

from __future__ import annotations

from typing import NamedTuple

from bridge.errors import ProtocolError
from bridge.sdp.audio import SrtpKey
from bridge.sdp.crypto import OFFERED_SUITES, Crypto, derive_key
from bridge.sdp.description import Attribute
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.terms import PLAIN_PROFILES, SECURE_PROFILES, StreamTerms
from bridge.sdp.transport_terms import DTLS_PROFILES


class KeyPair(NamedTuple):
    """The keys of both directions: what we encrypt with, and what the peer does."""

    own: Crypto
    theirs: Crypto


class Before(NamedTuple):
    """What stood until now: the number of our key (`crypto.derive_key`), and the peer's key, None = plain RTP."""

    generation: int
    theirs: SrtpKey | None


def answer_keys(terms: StreamTerms, local: Local, before: Before | None) -> tuple[KeyPair | None, int]:
    """Choose the offered key to take, and one of ours for it; None for plain RTP. Also gives the number of our key.

    Raises ProtocolError 488 where there must be a key, and none of those on offer will do.
    """
    chosen = _answered_key(terms, local)
    generation = _next_generation(before, chosen)
    if chosen is None:
        return None, generation
    # Of the same suite, under the same tag (RFC 4568 section 5.1.2).
    own = Crypto(chosen.tag, derive_key(local.secret, chosen.key.suite, generation))
    return KeyPair(own, chosen), generation


def _answered_key(terms: StreamTerms, local: Local) -> Crypto | None:
    """Choose the offered key to take (RFC 4568 section 7.1.2: the first that we support), or None for plain RTP."""
    usable = [each for each in terms.cryptos if each.key.suite in local.suites]
    if local.srtp is SrtpPolicy.OFF:
        usable = []
    if not usable and (terms.secure or local.srtp is SrtpPolicy.REQUIRED):
        raise ProtocolError("sdp-no-key", status=488)
    return usable[0] if usable else None


def _next_generation(before: Before | None, chosen: Crypto | None) -> int:
    """Change our key whenever the peer's key changes, and only then.

    A peer with a new key has begun anew, and counts our packets from nothing; with our old key and a running
    roll-over counter it could not follow, and going back to a used key would repeat its key stream.
    """
    if before is None:
        return 0
    same = before.theirs == (None if chosen is None else chosen.key)
    return before.generation + (0 if same else 1)


def first_profile(local: Local) -> str:
    """Choose the profile of a section that opens a dialog."""
    if local.require_dtls:
        return DTLS_PROFILES[0]
    return SECURE_PROFILES[0] if local.srtp is SrtpPolicy.REQUIRED else PLAIN_PROFILES[0]


def offered_keys(local: Local, profile: str, generation: int, most: int = OFFERED_SUITES) -> list[Attribute]:
    """Write the keys of an offer that begins anew, one for each suite: of the first ones of ours, at `most`."""
    if local.srtp is SrtpPolicy.OFF or profile in DTLS_PROFILES:
        return []
    keys = (derive_key(local.secret, suite, generation) for suite in local.suites[:most])
    return [("crypto", Crypto(tag, key).serialise()) for tag, key in enumerate(keys, 1)]


def accept_keys(ours: StreamTerms, theirs: StreamTerms, local: Local) -> KeyPair | None:
    """Pair our offered key with the answered one (RFC 4568 section 7.1.3), or give None for plain RTP.

    Raises ProtocolError 488 where there must be a key.
    """
    offered = {(each.tag, each.key.suite): each for each in ours.cryptos}
    for each in theirs.cryptos:
        if (own := offered.get((each.tag, each.key.suite))) is not None:
            return KeyPair(own, each)
    if ours.secure or theirs.secure or local.srtp is SrtpPolicy.REQUIRED:
        raise ProtocolError("sdp-no-key", status=488)
    return None
