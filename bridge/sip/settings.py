"""What the agent is told when it is made: addresses, limits, who must prove himself."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sip.flow import Flow
from bridge.sip.transaction import Timing
from bridge.sip.uri import host_port


@dataclass(frozen=True, slots=True)
class Advertised:
    """One listener, and the address that peers reach it by: `host` and `port` go into Via and Contact."""

    protocol: str
    local: tuple[str, int]
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A configured peer. INVITEs whose From is `user`@`domain` (domain "" = any) must prove it, or stay outside.

    With a `password`, by digest: they are challenged with 401. Without one, by their source address, one of
    `addresses` (prefixes like 192.0.2.0/24 too); from elsewhere they are guests like anybody, for such a name alone
    proves nothing. `user` "" stands for any user of the domain: a trunk. `sha256`: the challenge names SHA-256 besides
    MD5 (RFC 8760); many devices fail at a challenge that they do not know instead of passing on to the next.
    """

    name: str
    user: str
    domain: str = ""
    username: str = ""
    password: str = ""
    addresses: frozenset[str] = frozenset()
    sha256: bool = False

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, ***)"


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Limits and manners of one agent. Times in seconds."""

    listeners: tuple[Advertised, ...]
    realm: str = "samrom"
    endpoints: tuple[Endpoint, ...] = ()
    user: str = "conference"  # the user part of Contact where nothing was dialled
    timing: Timing = Timing()
    session_expires_s: int = 1800  # what we propose (RFC 4028 section 4)
    min_se_s: int = 90  # the least we accept (RFC 4028 section 5)
    ring_limit_s: float = 180.0  # an incoming call that nobody above answers
    most_calls: int = 1000
    most_transactions: int = 40_000
    retry_after_s: int = 5  # told when a limit is hit
    largest_datagram: int = 1300  # longer requests go by TCP (RFC 3261 section 18.1.1)
    reinvites_per_s: float = 4.0  # a dialog's re-INVITEs and UPDATEs; beyond: 491
    digits_per_s: float = 4.0  # a dialog's INFOs in the long run; beyond: 503
    digits_burst: int = 24  # a whole PIN by fast typing


class Addresses:
    """Which of our own addresses to write into a message that goes out on a flow, or by a protocol."""

    __slots__ = ("_by_local", "_listeners")

    def __init__(self, listeners: tuple[Advertised, ...]) -> None:
        if not listeners:
            raise ValueError("an agent without listeners has no address to give")
        self._listeners = listeners
        self._by_local = {(each.protocol, each.local): each for each in listeners}

    def on(self, flow: Flow) -> Advertised:
        """The listener that a flow belongs to; for a connection that we opened, the one most like it."""
        exact = self._by_local.get((flow.protocol, flow.local))
        return exact or self.by(flow.protocol, flow.local[0])

    def by(self, protocol: str, host: str = "") -> Advertised:
        """The listener to name when `protocol` is used towards or from an address like `host`."""
        six = ":" in host
        return max(
            self._listeners,
            key=lambda each: (each.protocol == protocol, each.local[0] == host, (":" in each.host) == six),
        )


_PLAIN_USER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+")


def contact_value(listener: Advertised, user: str, focus: bool = True, secure: bool = False) -> str:
    """A Contact value for what is sent by `listener`; `focus`: say that we mix (isfocus, RFC 4579 section 4.1).

    `secure`: the dialog was begun with a sips URI, so ours is one too (RFC 3261 sections 8.1.1.8 and 12.1.1). A user
    part of other than plain characters is left out, not escaped: it is only a name, and requests find their dialog by
    tags.
    """
    name = f"{user}@" if user and set(user) <= _PLAIN_USER and len(user) <= 64 else ""
    address = f"{name}{host_port(listener.host, listener.port)}"
    # Over sockets the parameter is "ws", secure or not; the scheme says which (RFC 7118 section 5.2.2).
    transport = {"udp": "", "tls": "" if secure else ";transport=tls", "wss": ";transport=ws"}.get(
        listener.protocol, f";transport={listener.protocol}"
    )
    uri = f"{'sips' if secure and listener.protocol in ('tls', 'wss') else 'sip'}:{address}{transport}"
    return f"<{uri}>{';isfocus' if focus else ''}"
