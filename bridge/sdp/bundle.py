"""Sections by name, and groups of sections that share one transport (BUNDLE, RFC 9143)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.sdp.description import Attribute, Description, Section

MAX_MID_BYTES: Final = 32

# What a name may be made of: a token (RFC 8866 section 9). It is sent back, so it must be plain.
_TOKEN: Final = frozenset("!#$%&'*+-.^_`{|}~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Kinds of sections that can be inactive; others are for something or nothing.
STREAMS: Final = ("audio", "video")
# A section without any of these leaves its transport to the first one of its bundle.
_OF_TRANSPORT: Final = frozenset(("ice-ufrag", "fingerprint"))


def mid_of(section: Section) -> str:
    """Tell a section's name (RFC 5888 section 4); "" when it has none of use."""
    value = next((value or "" for name, value in section.attributes if name == "mid"), "").strip()
    return value if 0 < len(value) <= MAX_MID_BYTES and _TOKEN.issuperset(value) else ""


def mid_attributes(mid: str) -> tuple[Attribute, ...]:
    """Write a section's name."""
    return (("mid", mid),) if mid else ()


def bundles(description: Description) -> list[list[str]]:
    """List the bundles, each as the names of its sections; names that no section has are left out."""
    known = {mid for section in description.sections if (mid := mid_of(section))}
    groups = ((value or "").split() for name, value in description.attributes if name == "group")
    return [
        [mid for mid in dict.fromkeys(group[1:]) if mid in known]
        for group in groups
        if group[:1] == ["BUNDLE"]
    ]


def carrier_of(description: Description, section: Section) -> Section:
    """Find the section whose transport carries this one: the first of its bundle, or itself.

    The first one counts whatever the others say of transport (RFC 9143 section 7.5.1), and they may say nothing. Where
    we must reject it, as it is of a kind that cannot be inactive, a section stands for itself if it can.
    """
    bundle = bundle_of(description, section)
    first = bundle[0] if bundle else section
    if first.kind in STREAMS and first.port:
        return first
    return section if any(name in _OF_TRANSPORT for name, _ in section.attributes) else first


def is_live(description: Description, section: Section) -> bool:
    """Tell whether a section is wanted: it has a port, or shares one (bundle-only, RFC 9143 section 6)."""
    if section.port or ("bundle-only", None) not in section.attributes:
        return section.port != 0
    return any(each.port for each in bundle_of(description, section))


def bundle_of(description: Description, section: Section) -> list[Section]:
    """List the sections of the bundle that a section is in; none when it is in no bundle."""
    mid = mid_of(section)
    bundle = next((each for each in bundles(description) if mid in each), [])
    named = {mid_of(each): each for each in reversed(description.sections)}  # of two with one name, the first
    return [named[each] for each in bundle]


def group_attributes(bundles: Sequence[Sequence[str]], sections: Sequence[Section]) -> list[Attribute]:
    """Write bundles of ours: of each one what is live of it (RFC 9143 section 7.3.3); an empty one is left out."""
    live = {mid for section in sections if section.port and (mid := mid_of(section))}
    kept = ([mid for mid in bundle if mid in live] for bundle in bundles)
    return [("group", " ".join(("BUNDLE", *mids))) for mids in kept if mids]
