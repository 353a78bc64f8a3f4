"""The values of single headers that are neither an address nor a Via: parsers from field lines to plain values.

Each takes all field lines of one header, as `Headers.view` gives them, and raises ProtocolError (status 400).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from bridge.errors import ProtocolError
from bridge.sip.grammar import BLANK, NO_PARAMS, Params, is_token, number, parse_params, split_list
from bridge.sip.uri import NameAddr, parse_name_addr
from bridge.sip.via import Via, parse_via

LARGEST: Final = 2**32 - 1  # of CSeq, Expires and the like


class CSeq(NamedTuple):
    """Sequence number and method (RFC 3261 section 20.16)."""

    number: int
    method: str


class MediaType(NamedTuple):
    """A media type in lower case, "application/sdp", and its parameters."""

    name: str
    params: Params = NO_PARAMS


def parse_cseq(lines: Sequence[str]) -> CSeq:
    """Parse CSeq. RFC 3261 asks for less than 2**31; up to 2**32 - 1 is taken, as peers send it."""
    words = lines[0].split() if lines else []
    if len(words) != 2 or not is_token(words[1]):
        raise ProtocolError("cseq", "missing or broken")
    return CSeq(number(words[0], LARGEST, "cseq"), words[1])


def parse_call_id(lines: Sequence[str]) -> str:
    """Return the Call-ID, compared byte by byte (RFC 3261 section 20.8)."""
    if not lines or not lines[0]:
        raise ProtocolError("call-id", "missing")
    return lines[0]


def parse_top_via(lines: Sequence[str]) -> Via:
    """Parse the top hop only: what stands below is the business of others (RFC 4475 section 3.3.10)."""
    hops = split_list(lines[:1])
    if not hops:
        raise ProtocolError("via", "missing")
    return parse_via(hops[0])


def parse_one_address(lines: Sequence[str]) -> NameAddr:
    """Parse the first line as one name-addr, for From and To."""
    if not lines:
        raise ProtocolError("name-addr", "missing")
    return parse_name_addr(lines[0])


def parse_scalar(lines: Sequence[str]) -> int | None:
    """Parse a number of 32 bits, as Expires holds one; None without a line."""
    return number(lines[0], LARGEST, "scalar") if lines else None


def parse_max_forwards(lines: Sequence[str]) -> int | None:
    """Parse Max-Forwards, 0 to 255 (RFC 3261 section 20.22); None without a line."""
    return number(lines[0], 255, "max-forwards") if lines else None


def parse_content_length(lines: Sequence[str]) -> int | None:
    """Parse Content-Length in bytes; None without a line. Lines that differ are refused, equal ones are not."""
    if not lines:
        return None
    lengths = {number(line.strip(BLANK), LARGEST, "content-length") for line in lines}
    if len(lengths) > 1:
        raise ProtocolError("content-length", "lines differ")
    return lengths.pop()


def parse_media_type(lines: Sequence[str]) -> MediaType | None:
    """Parse Content-Type; None without a line. Blanks around the slash are allowed."""
    if not lines:
        return None
    text, semicolon, params = lines[0].partition(";")
    kind, slash, subtype = text.partition("/")
    kind, subtype = kind.strip(BLANK), subtype.strip(BLANK)
    if not (slash and is_token(kind) and is_token(subtype)):
        raise ProtocolError("media-type", "not type/subtype")
    return MediaType(f"{kind}/{subtype}".lower(), parse_params(params) if semicolon else NO_PARAMS)


def parse_tags(lines: Sequence[str]) -> tuple[str, ...]:
    """Split a list of tokens, in lower case: option tags compare without case (RFC 3261 section 7.3.1)."""
    return tuple(tag.lower() for tag in split_list(lines))


def parse_methods(lines: Sequence[str]) -> tuple[str, ...]:
    """Split a list of methods; their case counts."""
    return tuple(split_list(lines))
