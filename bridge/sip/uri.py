"""SIP, SIPS and TEL addresses: URI, name-addr, and what number somebody dialled.

RFC 3261 sections 19.1, 20.10 and 25.1, RFC 3966, RFC 5118. A parsed URI keeps the spelling of the wire, so
that writing it again gives what the peer wrote; unknown schemes are kept as they are (the caller answers 416
where it must).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from bridge.errors import ProtocolError
from bridge.sip.grammar import (
    BLANK,
    NO_PARAMS,
    Params,
    number,
    parse_params,
    quote,
    quoted_end,
    split_list,
    unquote,
)

HIGHEST_PORT = 65_535
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
_HOST = re.compile(r"[A-Za-z0-9_.\-]+")
_REFERENCE = re.compile(
    r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.\-]+)?"
)  # RFC 5118 section 4.10: colons are not counted
_UNSAFE = re.compile(r'[\x00-\x20\x7f<>"]')
_TELEPHONE = re.compile(r"\+?[0-9(*#][0-9.()*#\-]*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEPARATORS = str.maketrans("", "", "-.()")


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI. `host` has no brackets; `user` and `password` are as written, with their percent escapes.

    For schemes other than sip and sips everything after the colon and before the parameters is the `user`,
    and `host` is empty. `headers` is the text after "?".
    """

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    params: Params = NO_PARAMS
    headers: str = ""
    password: str | None = None

    def __str__(self) -> str:
        out = f"{self.scheme}:"
        if self.host:
            if self.user is not None:
                out += self.user if self.password is None else f"{self.user}:{self.password}"
                out += "@"
            out += host_port(self.host, self.port)
        else:
            out += self.user or ""
        if self.params:
            out += str(self.params)
        return f"{out}?{self.headers}" if self.headers else out

    @property
    def is_sip(self) -> bool:
        """Whether the scheme is sip or sips."""
        return self.scheme in ("sip", "sips")

    @property
    def transport(self) -> str:
        """The transport parameter in lower case, or "" (RFC 3261 section 19.1.1)."""
        return (self.params.get("transport") or "").lower()

    @property
    def loose(self) -> bool:
        """Whether this is the URI of a loose router: it has `lr` (RFC 3261 section 16.12)."""
        return "lr" in self.params

    def as_request_uri(self) -> str:
        """Write it without what no Request-URI may have: headers and a method (RFC 3261 section 19.1.1, table 1)."""
        return str(replace(self, params=self.params.drop("method"), headers=""))


def is_literal(host: str) -> bool:
    """Whether a host is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def same_host(one: str, other: str) -> bool:
    """Whether two hosts are the same name in any case, or the same address in any spelling (RFC 5118 section 4.1)."""
    if one.lower() == other.lower():
        return True
    return is_literal(one) and is_literal(other) and ip_address(one) == ip_address(other)


def host_port(host: str, port: int | None) -> str:
    """Write a host and an optional port; an IPv6 address gets its brackets (RFC 3261 section 25.1)."""
    text = f"[{host}]" if ":" in host else host
    return text if port is None else f"{text}:{port}"


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Split "host", "host:port", "[v6]" or "[v6]:port"; blanks around the colon are allowed (Via).

    Returns the host without brackets and the port, if any. Raises ProtocolError "host" or "port".
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or _REFERENCE.fullmatch(host) is None:
            raise ProtocolError("host", "broken IPv6 reference")
        rest = rest.strip(BLANK)
        if not rest:
            return host, None
        if not rest.startswith(":"):
            raise ProtocolError("host", "text after the IPv6 reference")
        return host, _port(rest[1:])
    host, colon, port = text.partition(":")
    host = host.strip(BLANK)
    if _HOST.fullmatch(host) is None:
        raise ProtocolError("host", "not a host name or address")
    return host, _port(port) if colon else None


def _port(text: str) -> int:
    port = number(text.strip(BLANK), HIGHEST_PORT, "port")
    if not port:
        raise ProtocolError("port", "port 0")
    return port


def parse_uri(text: str) -> Uri:
    """Parse a URI of any scheme; sip and sips ones in full, of others only the parameters.

    Raises ProtocolError "uri", "host", "port" or "params" (status 400).
    """
    scheme, colon, rest = text.partition(":")
    if not colon or _SCHEME.fullmatch(scheme) is None:
        raise ProtocolError("uri", "no scheme")
    if not rest or _UNSAFE.search(rest) is not None:
        raise ProtocolError("uri", "empty, or with blanks, brackets or controls")
    scheme = scheme.lower()
    if scheme not in ("sip", "sips"):
        opaque, semicolon, params = rest.partition(";")
        return Uri(scheme, opaque, "", params=parse_params(params) if semicolon else NO_PARAMS)
    user: str | None = None
    password: str | None = None
    # The first "@" ends the user part: neither it nor what follows may hold another one (section 25.1).
    before, at, after = rest.partition("@")
    if at:
        user, rest = before, after
        if ":" in user:
            user, _, password = user.partition(":")
        if not user:
            raise ProtocolError("uri", "empty user part")
    address, _, headers = rest.partition("?")
    address, semicolon, params = address.partition(";")
    host, port = parse_host_port(address)
    return Uri(scheme, user, host, port, parse_params(params) if semicolon else NO_PARAMS, headers, password)


@dataclass(frozen=True, slots=True)
class NameAddr:
    """The value of From, To, Contact, Route and the like. `display` is unquoted, "" if there is none."""

    display: str
    uri: Uri
    params: Params = NO_PARAMS

    @property
    def tag(self) -> str | None:
        """The tag, None if absent or empty (RFC 3261 section 19.3)."""
        return self.params.get("tag") or None

    def __str__(self) -> str:
        name = f"{quote(self.display)} " if self.display else ""
        return f"{name}<{self.uri}>{self.params}"


def parse_name_addr(text: str) -> NameAddr:
    """Parse one name-addr or addr-spec with its header parameters (RFC 3261 section 20.10).

    Without angle brackets, parameters belong to the header, not to the URI. Blanks inside the brackets are
    tolerated (RFC 4475 section 3.1.2.14). Raises ProtocolError.
    """
    text = text.strip(BLANK)
    display = ""
    opening = text.find("<")
    if text.startswith('"'):
        closing_quote = quoted_end(text, 1) + 1
        display = unquote(text[:closing_quote])
        opening = text.find("<", closing_quote)
        if opening < 0 or text[closing_quote:opening].strip(BLANK):
            raise ProtocolError("name-addr", "no address after the display name")
    if opening < 0:
        address, semicolon, params = text.partition(";")
        return NameAddr(
            "", parse_uri(address.rstrip(BLANK)), parse_params(params) if semicolon else NO_PARAMS
        )
    display = display or text[:opening].strip(BLANK).strip('"')
    closing = text.find(">", opening)
    if closing < 0:
        raise ProtocolError("name-addr", "no closing bracket")
    uri = parse_uri(text[opening + 1 : closing].strip(BLANK))
    rest = text[closing + 1 :].lstrip(BLANK)
    if rest and rest[0] != ";":
        raise ProtocolError("name-addr", "text after the address")
    return NameAddr(display, uri, parse_params(rest))


def parse_name_addr_list(lines: Iterable[str]) -> tuple[NameAddr, ...]:
    """Parse header field lines that hold comma-separated name-addrs, in order. Raises ProtocolError."""
    return tuple(parse_name_addr(value) for value in split_list(lines))


def unescaped(text: str) -> str:
    """Resolve percent escapes as UTF-8; broken UTF-8 and control characters become U+FFFD.

    A "%" that starts no escape stays as it is.
    """
    if "%" in text or not text.isascii():
        text = unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
    return _CONTROLS.sub("�", text)


def dialled(uri: Uri) -> str:
    """Say what was dialled: the user part as the room directory looks it up; "" if there is none.

    Percent escapes are resolved (RFC 3261 section 19.1.2). A telephone number loses its visual separators
    - . ( ) and its parameters after a semicolon (RFC 3966 section 3); a leading "+" stays, as "+47" and "47"
    are different numbers there. A leading separator makes it no telephone number, so "-1" is not room 1; and
    digits of other scripts are never the ASCII ones.
    """
    text = unescaped(uri.user or "")
    telephone, _, _ = text.partition(";")
    if _TELEPHONE.fullmatch(telephone) is not None:
        return telephone.translate(_SEPARATORS)
    return text


def alias(uri: Uri) -> str:
    """Say what was dialled as "user@host", the host in lower case; "" without a user part."""
    user = dialled(uri)
    return f"{user}@{uri.host.lower()}" if user and uri.host else user
