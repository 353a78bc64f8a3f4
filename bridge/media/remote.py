"""Whom a leg listens to and whom it sends to: symmetric RTP, learnt at most once or by proof."""

from __future__ import annotations

import ipaddress
from enum import Enum

from bridge.media.endpoint import Address


class Admission(Enum):
    """What may be done with a datagram, judged by its source alone."""

    KNOWN = "known"  # from the peer
    NEW = "new"  # from elsewhere: of use only if the packet proves itself; then call `settle`
    STRANGER = "stranger"  # drop it


class RemoteFilter:
    """The source rule of one socket of one leg.

    Plain RTP is accepted from the address of the SDP only. If `latch_host` is given, it may be learnt once that the
    peer really sends from another port or address, as long as it is on that host and the SDP's address has not
    spoken; then the rule is fixed. With `authenticated` (SRTP) every source may try, because a forged packet fails
    its tag, and a packet that passes moves the peer (NAT rebinding).

    `expected`: (host, port) as the SDP says. `latch_host`: "" = never learn.
    """

    __slots__ = ("_authenticated", "_latch_host", "_settled", "remote")

    def __init__(self, expected: tuple[str, int], latch_host: str = "", authenticated: bool = False) -> None:
        self.remote: Address = socket_address(expected)
        self._latch_host = _canonical(latch_host) if latch_host else ""
        self._authenticated = authenticated
        self._settled = False

    def judge(self, source: Address) -> Admission:
        """Whether a datagram from `source` may be looked at."""
        if source == self.remote or source[:2] == self.remote[:2]:
            return Admission.KNOWN
        if self._authenticated:
            return Admission.NEW
        if self._latch_host and not self._settled and _canonical(source[0]) == self._latch_host:
            return Admission.NEW
        return Admission.STRANGER

    def settle(self, source: Address) -> bool:
        """A packet from `source` has proved valid: from now on the peer is there. True when that is a change."""
        self._settled = True
        if source == self.remote:
            return False
        self.remote = source
        return True


def socket_address(expected: tuple[str, int]) -> Address:
    """(host, port) of an SDP in the form in which a socket reports the same peer as a source."""
    host, port = _canonical(expected[0]), expected[1]
    return (host, port, 0, 0) if ":" in host else (host, port)


def may_send(remote: Address, local: str) -> bool:
    """Whether media may be sent to `remote` at all, from a socket on `local`: never to multicast, broadcast, nowhere,
    nor to loopback from elsewhere."""
    try:
        host = ipaddress.ip_address(remote[0])
        home = ipaddress.ip_address(local)
    except ValueError:
        return False
    if remote[1] == 0 or host.version != home.version:
        return False
    # 240.0.0.0/4 has the limited broadcast in it; IPv6 calls even ::1 reserved.
    if host.is_multicast or host.is_unspecified or (host.version == 4 and host.is_reserved):
        return False
    return not host.is_loopback or home.is_loopback or home.is_unspecified


def _canonical(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host.split("%", 1)[0]))
    except ValueError:
        return host


class Allowance:
    """How many packets a source may send: `rate` a second, and up to `burst` at once after a rest."""

    __slots__ = ("_burst", "_left", "_rate", "_then")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._then = now

    def take(self, now: float) -> bool:
        """Whether one more packet is within bounds at `now` [monotonic seconds]. Time may stand still, not go back."""
        elapsed = now - self._then
        if elapsed > 0.0:
            self._then = now
            left = self._left + elapsed * self._rate
            self._left = left if left < self._burst else self._burst
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
