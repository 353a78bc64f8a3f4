"""Fuzz targets of the web's rim: any head and body is judged, and any offer of a camera only sends or is refused."""

from __future__ import annotations

from collections.abc import Callable

from bridge.web.rules import Neighbourhood, body_refusal, head_refusal
from bridge.web.sender import sending

OURS = Neighbourhood("https://meet.example.org", frozenset({"https://portal.example.org"}))


def fuzz_head(data: bytes) -> None:
    """Judge a request line and header lines."""
    first, *lines = data.decode("latin-1").split("\n")
    method, _, path = first.partition(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    refusal = head_refusal(method, path, "https", headers, "192.0.2.1", OURS)
    assert refusal is None or 400 <= refusal.status < 500
    if refusal is None and "origin" in headers and method not in ("GET", "HEAD"):
        assert "evil" not in headers["origin"].lower()


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "head": (
        fuzz_head,
        [
            b"POST /api/client/v2/conferences/1/lock\nhost: meet.example.org\norigin: https://meet.example.org",
            b"POST /api/x\nhost: [::1]:8080\ncontent-type: application/json\ncontent-length: 12",
            b"DELETE /whip/1/2\nhost: 192.0.2.1\norigin: https://evil.example\ntransfer-encoding: chunked",
        ],
    ),
    "body": (
        lambda data: body_refusal("/api/x", data),
        [b'{"display_name": "Kari", "pin": null}', b"[[[[[[[[[1]]]]]]]]]", b'{"a": {"b": "\\ud800"}}'],
    ),
    "camera": (
        sending,
        [
            b"v=0\r\na=sendrecv\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\n",
            b"m=audio 9\na=recvonly\n",
        ],
    ),
}
