"""A section that is taken for its transport alone: it carries a bundle, and nothing flows in it.

Who puts all on one transport from the start (RFC 8829 section 4.1.1, "max-bundle") cannot lose the first section of
the bundle and keep the others, and an offer does not tell whether its maker is of that kind.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.sdp.bundle import mid_attributes, mid_of
from bridge.sdp.description import Attribute, Section, by_name
from bridge.sdp.local import Local
from bridge.sdp.terms import direction_name
from bridge.sdp.transport_terms import TransportOutcome, answer_attributes, own_place


def carrier_section(section: Section, transport: TransportOutcome, local: Local) -> Section:
    """Answer a section with its first format, inactive, on the transport that its bundle has."""
    offered = by_name(section.attributes)
    address, port = own_place(local)
    attributes = (
        *_described(section.formats[0], "rtpmap", offered.get("rtpmap", ())),
        *_described(section.formats[0], "fmtp", offered.get("fmtp", ())),
        *answer_attributes(transport, local),
        *mid_attributes(mid_of(section)),
        (direction_name(False, False), None),
    )
    return Section(section.kind, port, section.proto, section.formats[:1], address, attributes=attributes)


def _described(payload_type: str, name: str, values: Iterable[str]) -> list[Attribute]:
    """Give back what the peer says of a format, where that is plain text."""
    plain = (each for each in values if each.isascii() and each.isprintable())
    said = next((each for each in plain if each.split(None, 1)[:1] == [payload_type]), None)
    return [] if said is None else [(name, said)]
