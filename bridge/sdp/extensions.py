"""RTP header extensions in session descriptions (RFC 8285 section 5): which ones, under which ids.

Ids are those of the offer, also in our answer and in later offers of ours. Only one-byte ids (1 to 14) are agreed on,
and each of them for one extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.sdp.description import Attribute, number

LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"  # RFC 6464
RID: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"  # RFC 8852
REPAIRED_RID: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"  # RFC 8852
ORIENTATION: Final = "urn:3gpp:video-orientation"  # 3GPP TS 26.114 section 7.4.5
MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"  # RFC 9143 section 15.2
FEEDBACK: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

MAX_ID: Final = 14

# What our answer or the other's offer says of a direction, seen from the other side.
_TURNED: Final = {"": "", "sendrecv": "", "sendonly": "/recvonly", "recvonly": "/sendonly"}


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension on offer. `turned`: the suffix of the id in an answer."""

    identifier: int
    sends: bool
    receives: bool
    turned: str


def read_extensions(values: Iterable[str]) -> dict[str, Extension]:
    """Read extmap lines by URI; what is broken, inactive, or comes under an id that is taken already is skipped."""
    found: dict[str, Extension] = {}
    taken: set[int] = set()
    for value in values:
        entry, *rest = value.split()[:2] or ("",)
        text, _, direction = entry.partition("/")
        identifier = number(text, MAX_ID)
        if not identifier or not rest or identifier in taken:
            continue
        taken.add(identifier)
        if direction in _TURNED and rest[0] not in found:
            found[rest[0]] = Extension(
                identifier,
                sends=direction != "recvonly",
                receives=direction != "sendonly",
                turned=_TURNED[direction],
            )
    return found


def common_extensions(ours: Mapping[str, Extension], theirs: Mapping[str, Extension]) -> dict[str, Extension]:
    """Give those of our offer that the answer names under the same id."""
    return {
        uri: each for uri, each in ours.items() if uri in theirs and theirs[uri].identifier == each.identifier
    }


def extension_attributes(agreed: Iterable[tuple[str, Extension]]) -> list[Attribute]:
    """Write the extensions of an answer."""
    return [("extmap", f"{each.identifier}{each.turned} {uri}") for uri, each in agreed]
