"""From the bytes of one datagram, or of one message that `framing` cut out, to a message.

RFC 3261 sections 7, 18.3 and 25.1, RFC 4475. Tolerant: what is recognisable becomes a message, and its first
fault is kept in `Message.fault`; only what is not SIP at all raises. Linear in the length of the input.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.errors import ProtocolError
from bridge.sip.grammar import BLANK, is_token
from bridge.sip.headers import SPELLED, Headers, canonical_name
from bridge.sip.message import Message, Request, Response

MOST_HEAD: Final = 65_536  # bytes: start line and headers
MOST_BODY: Final = 65_536  # bytes
MOST_HEADERS: Final = 100  # field lines
MOST_VALUE: Final = 8_192  # characters of one header, name and value
MOST_START: Final = 2_048  # characters of the start line
MOST_FOLDS: Final = 32  # continuation lines of one header

_VERSION = re.compile(r"SIP/[0-9]{1,9}\.[0-9]{1,9}", re.IGNORECASE)
_LINE_ENDS = b"\r\n"
_FOLD = (" ", "\t")


def head_end(data: bytes | bytearray, start: int = 0) -> tuple[int, int] | None:
    """Find the empty line: where the head ends and where the body starts, or None if it is not there yet.

    A line ends with CRLF or LF; framing and parsing both ask here, so that they can never disagree.
    """
    short = data.find(b"\n\n", start)
    # Only what lies before a short end can be an earlier one: this keeps the search linear.
    long = data.find(b"\n\r\n", start, len(data) if short < 0 else short + 2)
    if long >= 0:
        return long + 1, long + 3
    return None if short < 0 else (short + 1, short + 2)


def parse_message(datagram: bytes) -> Request | Response:
    """Parse one whole message.

    Raises ProtocolError "empty", "not-sip" or "too-large" where no message can be made of it. Everything else
    that is wrong is in `fault` of the message, to be raised by `validate_request` or `validate_response`.
    """
    start = 0
    while start < len(datagram) and datagram[start] in _LINE_ENDS:
        start += 1
    if start == len(datagram):
        raise ProtocolError("empty", "nothing but line ends")
    end = head_end(datagram, start)
    head, body = (datagram[start:], b"") if end is None else (datagram[start : end[0]], datagram[end[1] :])
    message = parse_head(head)
    _cut_body(message, body, converted=b"\r\n" not in head)
    return message


def parse_head(head: bytes) -> Request | Response:
    """Parse start line and headers, without the empty line. Raises and keeps faults as `parse_message` does."""
    if len(head) > MOST_HEAD:
        raise ProtocolError("too-large", "head over the limit", 513)
    lines = _lines(head)
    message = _start_line(lines[0])
    faults: list[ProtocolError] = []
    message.headers = Headers.from_wire(_fields(lines[1:], faults))
    message.fault = message.fault or (faults[0] if faults else None)
    return message


def parse_part(data: bytes) -> Message:
    """Parse one part of a multipart body: headers, empty line, body (RFC 2046 section 5.1). Never raises."""
    if data[:1] == b"\n" or data[:2] == b"\r\n":
        return Message(Headers(), data[data.index(b"\n") + 1 :])
    end = head_end(data)
    head, body = (data, b"") if end is None else (data[: end[0]], data[end[1] :])
    faults: list[ProtocolError] = []
    headers = Headers.from_wire(_fields(_lines(head), faults))
    return Message(headers, body, faults[0] if faults else None)


def _lines(head: bytes) -> list[str]:
    """Decode and split at CRLF or LF; bytes of broken UTF-8 are kept, stray CR and NUL become blanks."""
    text = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        text = text.replace("\r", " ").replace("\0", " ")
    return text.split("\n")


def _start_line(line: str) -> Request | Response:
    """Parse the first line into a message without headers; tell requests and responses apart."""
    line = line.strip(BLANK)
    if line[:4].upper() == "SIP/":
        return _status_line(line)
    method, blank, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not blank or version[:4].upper() != "SIP/" or not is_token(method):
        raise ProtocolError("not-sip", "no start line of SIP")
    fault = None
    if len(line) > MOST_START:
        fault = ProtocolError("start-line", "too long", 414)
    elif version.upper() != "SIP/2.0":
        known = _VERSION.fullmatch(version) is not None
        fault = ProtocolError("version", "not SIP/2.0", 505 if known else 400)
    return Request(method, uri, Headers(), fault=fault)


def _status_line(line: str) -> Response:
    version, _, rest = line.partition(" ")
    status, _, phrase = rest.lstrip(BLANK).partition(" ")
    if len(status) != 3 or not status.isascii() or not status.isdigit() or not "1" <= status[0] <= "6":
        raise ProtocolError("not-sip", "no status code")
    fault = None
    if version.upper() != "SIP/2.0":
        fault = ProtocolError("version", "not SIP/2.0", 505)
    elif len(line) > MOST_START:
        fault = ProtocolError("start-line", "too long")
    return Response(int(status), phrase, Headers(), fault=fault)


def _fields(lines: list[str], faults: list[ProtocolError]) -> list[tuple[str, str]]:
    """Turn lines into pairs; what cannot be one is left out and becomes a fault."""
    items: list[tuple[str, str]] = []
    known = SPELLED.get
    for line in _unfolded(lines, faults):
        name, colon, value = line.partition(":")
        canonical = known(name)
        if canonical is None:
            canonical = _odd_name(name, colon, faults)
            if canonical is None:
                continue
        if len(line) > MOST_VALUE:
            faults.append(ProtocolError("header-length", "a header is over the limit", 513))
            continue
        if len(items) == MOST_HEADERS:
            faults.append(ProtocolError("headers", "too many", 513))
            break
        items.append((canonical, value.strip(BLANK)))
    return items


def _odd_name(name: str, colon: str, faults: list[ProtocolError]) -> str | None:
    """Read a name that is not in the table as it stands: odd case, blanks before the colon, unknown, broken."""
    try:
        if colon:
            return canonical_name(name.rstrip(BLANK))
    except ProtocolError:
        pass
    faults.append(ProtocolError("header-line", "no name and colon"))
    return None


def _unfolded(lines: list[str], faults: list[ProtocolError]) -> list[str]:
    """Join continuation lines with one blank (RFC 3261 section 7.3.1) and drop empty ones."""
    fields: list[str] = []
    parts: list[str] = []  # of the field being gathered
    for line in lines:
        if line[:1] in _FOLD:
            if not fields:
                faults.append(ProtocolError("folds", "nothing to continue"))
                continue
            if len(parts) == 1 + MOST_FOLDS:
                faults.append(ProtocolError("folds", "too many continuation lines"))
            parts.append(line.strip(BLANK))
        elif line:
            if len(parts) > 1:
                fields[-1] = " ".join(parts)
            fields.append(line)
            parts = [line]
    if len(parts) > 1:
        fields[-1] = " ".join(parts)
    return fields


def _cut_body(message: Message, body: bytes, *, converted: bool) -> None:
    """Cut the body to Content-Length (RFC 3261 section 18.3): more is padding, less is a fault.

    Where the line ends were `converted` to LF on the way, the length counts the lost CRs (the messages of
    RFC 5118 as archived are like that): then the body is what is there.
    """
    message.body = body
    try:
        length = message.content_length
    except ProtocolError as error:
        message.fault = message.fault or error
        return
    if length is None or (converted and length > len(body)):
        return
    if length > max(len(body), MOST_BODY):
        message.fault = message.fault or ProtocolError("too-large", "body over the limit", 413)
    elif length > len(body):
        message.fault = message.fault or ProtocolError("content-length", "longer than the message")
    elif length < len(body):
        message.body = body[:length]
