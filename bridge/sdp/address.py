"""Which media addresses the bridge sends to: unicast addresses written as numbers, and never itself.

No name is ever looked up: a look-up blocks, and it lets a stranger make us ask (reliability of the loop, and of
other people's networks). Addresses of a special kind are refused by name, so that the counters tell why.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from bridge.errors import ProtocolError

NOWHERE = ("", 0)
"""Stands where there is nobody to send to."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What the bridge is willing and able to send to.

    `ipv6`: the family of our own address. `loopback`: peers on this machine are wanted (development, tests).
    `forbidden`: (address, port) of our own sockets, addresses in their usual spelling.
    """

    ipv6: bool
    loopback: bool
    forbidden: frozenset[tuple[str, int]]

    def usable(self, address: str, port: int) -> tuple[str, int]:
        """Give the target in its usual spelling, or raise ProtocolError with status 488 when it is none."""
        parsed = _parse(address)
        if (fault := _fault(parsed)) is not None:
            raise ProtocolError(fault, status=488)
        if parsed.is_loopback and not self.loopback:
            raise ProtocolError("sdp-address-loopback", status=488)
        if (parsed.version == 6) != self.ipv6:
            raise ProtocolError("sdp-address-family", f"IPv{parsed.version}", 488)
        target = (str(parsed), port)
        if target in self.forbidden:
            raise ProtocolError("sdp-address-own", status=488)
        return target


def is_unspecified(address: str) -> bool:
    """Tell whether this is the address of old-style hold and of browsers without candidates: 0.0.0.0 or ::."""
    return address in ("0.0.0.0", "::", "::0", "0::0")  # noqa: S104 - compared, not bound


def _parse(address: str) -> IPv4Address | IPv6Address:
    literal = address.partition("/")[0]  # a time to live, as multicast has it
    try:
        if "%" in literal or len(literal) > 45:
            raise ValueError
        return ip_address(literal)
    except ValueError:
        raise ProtocolError("sdp-address-name", status=488) from None


def _fault(address: IPv4Address | IPv6Address) -> str | None:
    """Name what is wrong with an address whatever our own is."""
    if address.is_loopback:
        return None
    if address.is_multicast:
        return "sdp-address-multicast"
    if address.is_unspecified:
        return "sdp-address-unspecified"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return "sdp-address-mapped"
    # Reserved has broadcast in it. "This network" 0.0.0.0/8 reaches this machine on Linux, and link-local
    # addresses reach services of cloud hosts that nobody but this machine may ask.
    if address.is_reserved or address.is_link_local or (address.version == 4 and address.packed[0] == 0):
        return "sdp-address-special"
    return None
