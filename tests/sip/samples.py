"""Messages that the SIP tests share: written out here, or read from tests/data/sip."""

from __future__ import annotations

from pathlib import Path

from bridge.sip.message import Request, Response
from bridge.sip.parser import parse_message

FOLDER = Path(__file__).parents[1] / "data" / "sip"

BASE = (
    ("Via", "SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK-1;rport"),
    ("Max-Forwards", "70"),
    ("From", '"Kari" <sip:kari@client.example.net>;tag=f1'),
    ("To", "<sip:1001@mcu.example.com>"),
    ("Call-ID", "c1@client.example.net"),
    ("CSeq", "1 {method}"),
    ("Contact", "<sip:kari@192.0.2.77:5060>"),
)


def wire(
    method: str = "OPTIONS",
    uri: str = "sip:1001@mcu.example.com",
    change: dict[str, str | None] | None = None,
    more: str = "",
    body: bytes = b"",
    length: bool = True,
) -> bytes:
    """A request as bytes: the base headers with `change` (None takes one out), `more` header lines, a body."""
    change = change or {}
    lines = [f"{method} {uri} SIP/2.0"]
    for name, value in BASE:
        text = change.get(name, value.format(method=method))
        if text is not None:
            lines.append(f"{name}: {text}")
    head = "\r\n".join(lines) + "\r\n" + more
    if length:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + body


def request(data: bytes) -> Request:
    """Parse what must be a request."""
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def response(data: bytes) -> Response:
    """Parse what must be a response."""
    message = parse_message(data)
    assert isinstance(message, Response)
    return message


def sample(name: str) -> bytes:
    """One file of tests/data/sip."""
    return (FOLDER / name).read_bytes()
