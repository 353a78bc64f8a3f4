"""Who may ask for what, judged by a request's head and body alone: hosts, origins, kinds and sizes of bodies.

A page somewhere else must not be able to act here behind the back of who reads it: names of hosts that are not ours are
refused (DNS rebinding), so are other sites' origins, and what a plain form can send changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

MOST_BODY: Final = 65_536  # bytes
MOST_DEPTH: Final = 8  # of lists and objects within each other in JSON
JSON: Final = "application/json"
API: Final = "/api/"

_READING: Final = frozenset(("GET", "HEAD"))
_LOCAL: Final = frozenset(("localhost", "127.0.0.1", "[::1]"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request goes no further: an HTTP status and a few words that hold nothing of what was sent."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What counts as ours. `public_url`: "" or where we are known; `origins`: other sites whose pages may ask."""

    public_url: str = ""
    origins: frozenset[str] = frozenset()

    @property
    def public_host(self) -> str:
        """The host of the public URL, with brackets where it is an IPv6 address, "" without one."""
        return without_port(urlsplit(self.public_url).netloc.lower())

    def is_host(self, host: str, address: str) -> bool:
        """Whether a Host header names us: as localhost, by our public name, or by the address that was connected to."""
        name = without_port(host.lower())
        own = f"[{address}]" if ":" in address else address
        return bool(name) and (name in _LOCAL or name == own or name == self.public_host)

    def is_origin(self, origin: str, scheme: str, host: str) -> bool:
        """Whether pages of `origin` may ask: those that came from here (`scheme`, `host` of the request), or named."""
        return origin.lower() in {f"{scheme}://{host}".lower(), _origin(self.public_url), *self.origins}


def head_refusal(
    method: str, path: str, scheme: str, headers: Mapping[str, str], address: str, ours: Neighbourhood
) -> Refusal | None:
    """What stands against a request as far as its head tells, or None.

    `headers`: names in lower case; `address`: of ours that it came to. `scheme`: "http" or "https", of sockets too.
    """
    if "content-length" in headers and "transfer-encoding" in headers:
        return Refusal(400, "one length only")  # RFC 9112 section 6.1: a proxy may have seen another end
    host, origin = headers.get("host", ""), headers.get("origin")
    if not ours.is_host(host, address):
        return Refusal(421, "not a host of this server")
    if origin is not None and method not in _READING and not ours.is_origin(origin, scheme, host):
        return Refusal(403, "not from this site")
    if path.startswith(API) and method not in _READING and not _is_json(headers):
        return Refusal(415, f"send {JSON}")
    length = headers.get("content-length", "0")
    if len(length) > 9 or not length.isascii() or not length.isdigit() or int(length) > MOST_BODY:
        return Refusal(413, f"at most {MOST_BODY} bytes")
    return None


def body_refusal(path: str, body: bytes) -> Refusal | None:
    """What stands against a request of the API because of its body, or None."""
    if len(body) > MOST_BODY:
        return Refusal(413, f"at most {MOST_BODY} bytes")
    if not path.startswith(API) or not body:
        return None
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return Refusal(400, "not JSON")
    return Refusal(400, f"at most {MOST_DEPTH} levels") if _deeper(value, MOST_DEPTH) else None


def without_port(host: str) -> str:
    """A host as a header writes it, without its port; brackets stay."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and not (host.count(":") > 1 and not name.endswith("]")) else host


def _is_json(headers: Mapping[str, str]) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind:
        return kind == JSON
    # Nothing is said of nothing: commands of the client API have no body.
    return headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers


def _deeper(value: Any, most: int) -> bool:
    """Whether lists and objects lie within each other more than `most` deep."""
    level = [value]
    for _ in range(most + 1):
        level = [each for each in level if isinstance(each, (dict, list))]
        if not level:
            return False
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return True


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""
