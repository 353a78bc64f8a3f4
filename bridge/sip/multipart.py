"""Find the body that we understand, alone or among the parts of a multipart (RFC 5621, RFC 2046 section 5.1).

At most 2 levels and 8 parts a level; in multipart/alternative the last part that fits wins, elsewhere the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bridge.errors import ProtocolError
from bridge.sip.message import Message
from bridge.sip.parser import parse_part

MOST_DEPTH: Final = 2
MOST_PARTS: Final = 8
_LONGEST_BOUNDARY = 70  # RFC 2046 section 5.1.1
_NOT_FOR_US = ("early-session", "icon", "alert")  # dispositions under which even SDP is not the session's


def find_body(message: Message, wanted: str) -> bytes | None:
    """Return the body of type `wanted` ("application/sdp"), None if there is none.

    A part that is encoded (Content-Encoding) is not taken. Raises ProtocolError "multipart" or "media-type"
    (status 400) for too many levels or parts, no boundary, or a broken Content-Type.
    """
    return _search(message, wanted, 0)


def _search(message: Message, wanted: str, depth: int) -> bytes | None:
    kind = message.content_type
    if kind is None or not message.body or _foreign(message):
        return None
    if kind.name == wanted:
        return message.body
    if not kind.name.startswith("multipart/"):
        return None
    if depth == MOST_DEPTH:
        raise ProtocolError("multipart", "too many levels")
    found = [
        body
        for part in _parts(message.body, kind.params.get("boundary") or "")
        if (body := _search(part, wanted, depth + 1)) is not None
    ]
    if not found:
        return None
    return found[-1] if kind.name == "multipart/alternative" else found[0]


def _foreign(message: Message) -> bool:
    encoding = message.headers.get("Content-Encoding")
    if encoding is not None and encoding.lower() not in ("", "identity"):
        return True
    disposition, _, _ = (message.headers.get("Content-Disposition") or "").partition(";")
    return disposition.strip().lower() in _NOT_FOR_US


def _parts(body: bytes, boundary: str) -> Iterator[Message]:
    """Yield the parts. Without an end boundary the last part reaches to the end (RFC 2046 section 5.1.2)."""
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise ProtocolError("multipart", "no usable boundary")
    start: int | None = None  # of the part being read; None in the preamble
    count = 0
    for delimiter, after, last in _delimiters(body, b"--" + boundary.encode("ascii")):
        if start is not None:
            count += 1
            if count > MOST_PARTS:
                raise ProtocolError("multipart", "too many parts")
            yield parse_part(_without_line_end(body[start:delimiter]))
        start = after
        if last:
            return
    if start is not None and count < MOST_PARTS:
        yield parse_part(body[start:])


def _delimiters(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield each delimiter line: its start, the start of what follows, whether it is the end one."""
    at = body.find(delimiter)
    while at >= 0:
        after = at + len(delimiter)
        if at == 0 or body[at - 1] == 0x0A:
            line_end = body.find(b"\n", after)
            rest = body[after : line_end if line_end >= 0 else len(body)].rstrip(b" \t\r")
            if rest in (b"", b"--"):
                yield at, (line_end + 1 if line_end >= 0 else len(body)), rest == b"--"
        at = body.find(delimiter, after)


def _without_line_end(part: bytes) -> bytes:
    """Take off the line end that belongs to the delimiter after it."""
    if part.endswith(b"\r\n"):
        return part[:-2]
    return part.removesuffix(b"\n")
