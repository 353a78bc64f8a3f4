"""One Via value: where a response goes, and which transaction it belongs to.

RFC 3261 sections 18.2 and 20.42, RFC 3581 (rport), RFC 5118 section 4.5 (brackets in received).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bridge.errors import ProtocolError
from bridge.sip.grammar import BLANK, NO_PARAMS, Params, number, parse_params, split_list
from bridge.sip.uri import HIGHEST_PORT, host_port, parse_host_port

COOKIE = "z9hG4bK"  # branches of RFC 3261 start with it
_PORTS = {"TLS": 5061, "WS": 80, "WSS": 443}  # where they are not 5060 (RFC 7118 section 5.2)


@dataclass(frozen=True, slots=True)
class Via:
    """One hop. `protocol` is "UDP", "TCP", "TLS", "WS" or "WSS" in upper case; `host` has no brackets."""

    protocol: str
    host: str
    port: int | None = None
    params: Params = NO_PARAMS

    def __str__(self) -> str:
        return f"SIP/2.0/{self.protocol} {host_port(self.host, self.port)}{self.params}"

    @property
    def branch(self) -> str:
        """The branch, "" if absent."""
        return self.params.get("branch") or ""

    @property
    def modern(self) -> bool:
        """Whether the branch is one of RFC 3261, that identifies its transaction (section 17.2.3)."""
        return self.branch.startswith(COOKIE) and len(self.branch) > len(COOKIE)

    @property
    def sent_by(self) -> tuple[str, int]:
        """Host in lower case and port, with the default port of the transport filled in (section 18.2.2)."""
        return self.host.lower(), self.port or _PORTS.get(self.protocol, 5060)

    @property
    def received(self) -> str | None:
        """The received address without brackets, None if absent."""
        value = self.params.get("received")
        return value.strip("[]") if value else None

    @property
    def wants_rport(self) -> bool:
        """Whether the sender asked for rport, or a hop filled it in (RFC 3581 section 3)."""
        return "rport" in self.params

    @property
    def rport(self) -> int | None:
        """The port filled in by the receiver, None if it is absent or asks only. Raises ProtocolError."""
        value = self.params.get("rport")
        return number(value, HIGHEST_PORT, "via") if value else None

    @property
    def maddr(self) -> str | None:
        """The maddr parameter without brackets, None if absent."""
        value = self.params.get("maddr")
        return value.strip("[]") if value else None

    def stamped(self, host: str, port: int) -> Via:
        """Return this hop with the true source written in, over whatever the sender claimed.

        `received` is set if the source differs from sent-by or rport was asked for; `rport` only if it was
        asked for (RFC 3261 section 18.2.1, RFC 3581 section 4).
        """
        params = self.params.drop("received")
        if self.wants_rport:
            params = params.put("rport", str(port)).put("received", host)
        elif self.host.lower() != host.lower():
            params = params.put("received", host)
        return replace(self, params=params)


def parse_via(text: str) -> Via:
    """Parse one Via value. Raises ProtocolError "via", "host", "port" or "params" (status 400)."""
    sent, semicolon, params = text.partition(";")
    name, _, rest = sent.partition("/")
    version, _, rest = rest.partition("/")
    if name.strip(BLANK).upper() != "SIP" or version.strip(BLANK) != "2.0":
        raise ProtocolError("via", "not SIP/2.0")
    words = rest.split(None, 1)
    if len(words) != 2:
        raise ProtocolError("via", "no transport or no host")
    host, port = parse_host_port(words[1].strip(BLANK))
    return Via(words[0].upper(), host, port, parse_params(params) if semicolon else NO_PARAMS)


def parse_via_list(lines: Iterable[str]) -> tuple[Via, ...]:
    """Parse Via header field lines, the top one first. Raises ProtocolError."""
    return tuple(parse_via(value) for value in split_list(lines))
