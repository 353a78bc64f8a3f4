"""From whom media is taken, and to whom it is sent: the address rule of one RTP or RTCP stream.

Plain RTP proves nothing, so it is taken only from where the SDP says. If the peer's entry allows it, one other port
or address may be latched on to, once, and only on the address that signals. A handshake (DTLS) is no better before it
has come to its end. SRTP is proven by its tag: any address that sends an authenticated packet is followed at once. And
nobody gets a stream for long who has never sent anything: an SDP can name a victim's address.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

Address = tuple[str, int]

UNPROVEN_PACKETS: Final = 50
_STRANGERS_PER_S: Final = 100.0


def is_special(host: str, signalling: str) -> bool:
    """Whether nothing may ever be sent to `host`: unspecified, multicast, broadcast, reserved, not an address.

    Loopback is special unless the peer signals from there too.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return True
    # IPv6 calls even ::1 reserved; what is meant here is 240.0.0.0/4, which has the broadcast address in it.
    if address.is_multicast or address.is_unspecified or (address.version == 4 and address.is_reserved):
        return True
    if address.is_loopback:
        try:
            return not ip_address(signalling).is_loopback
        except ValueError:
            return bool(signalling)
    return False


class RemoteFilter:
    """The rule for one socket of one leg. Addresses are (host, port) as the socket writes them.

    `target`: where to send now. `latched`: whether it is another than the SDP said. `proven`: something valid came.
    """

    __slots__ = (
        "_latch",
        "_remote",
        "_secure",
        "_signalling",
        "_special",
        "_strangers",
        "_unproven",
        "_when",
        "latched",
        "proven",
        "target",
    )

    def __init__(
        self, remote: Address, signalling: str = "", latch: bool = False, secure: bool = False
    ) -> None:
        """`remote`: from the SDP. `signalling`: the host that the peer signals from, "" = unknown. `latch`: whether
        plain media may come from elsewhere. `secure`: whether the link authenticates what it unwraps."""
        self._secure = secure
        self._strangers = _STRANGERS_PER_S
        self._when = 0.0
        self._remote: Address | None = None
        self.target = remote
        self.configure(remote, signalling, latch)

    def configure(self, remote: Address, signalling: str = "", latch: bool = False) -> None:
        """A new offer/answer: the same address keeps what was learnt, another starts from nothing.

        The same is what the SDP said before, behind a NAT too, or what was learnt instead of it.
        """
        self._signalling = signalling
        self._latch = latch and bool(signalling) and not self._secure
        before, self._remote = self._remote, remote
        if before is not None and remote in (before, self.target):
            return
        self.target = remote
        self.latched = False
        self.proven = False
        self._unproven = 0
        self._special = is_special(remote[0], signalling) or remote[1] == 0

    def become_secure(self) -> None:
        """A handshake has brought keys: what proves itself by them is followed from now on."""
        self._secure = True
        self._latch = False

    def accepts(self, source: Address, now: float) -> bool:
        """Whether a datagram from `source` may be unwrapped and read at all.

        False is the drop "rtp-address". Strangers to an SRTP leg are heard, but only 100 a second.
        """
        if source == self.target:
            return True
        if not self._secure:
            return self._latch and not self.latched and not self.proven and source[0] == self._signalling
        self._strangers = min(_STRANGERS_PER_S, self._strangers + (now - self._when) * _STRANGERS_PER_S)
        self._when = now
        if self._strangers < 1:
            return False
        self._strangers -= 1
        return True

    def heard(self, source: Address) -> bool:
        """A datagram that was accepted proved valid (SRTP: authenticated; plain: parsed). True: `target` moved."""
        self.proven = True
        self._unproven = 0
        if source == self.target:
            return False
        # `accepts` said yes: secure, or the one latch.
        self.target = source
        self.latched = True
        self._special = is_special(source[0], self._signalling)
        return True

    def may_send(self, packets: int = 1) -> bool:
        """Whether to send so many packets to `target` now; counts them.

        Never to special addresses. A peer whose media address is not where it signals from gets 50 packets, then
        nothing until it sends (the ACK proves an address that is the same).
        """
        if self._special:
            return False
        if self.proven or self.target[0] == self._signalling:
            return True
        if self._unproven + packets > UNPROVEN_PACKETS:
            return False
        self._unproven += packets
        return True
