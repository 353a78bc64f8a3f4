"""One Link for each way of carrying RTP: it wraps what we send and unwraps what came in. Above it a leg is a leg."""

from __future__ import annotations

from typing import Any, Protocol

from bridge.rtp.srtp import SrtpContext, SuiteKey


class Link(Protocol):
    """The protection of one leg's media. All methods may raise ProtocolError, named as a drop."""

    @property
    def secure(self) -> bool:
        """Whether a datagram that unwraps is proven to be the peer's."""
        ...

    def wrap_rtp(self, packet: bytes) -> bytes:
        """RTP packet -> datagram."""
        ...

    def wrap_rtp_all(self, pointers: list[Any], sizes: list[int]) -> None:
        """RTP packets -> datagrams in their places; `sizes` in octets (`bridge.rtp.batch`)."""
        ...

    def unwrap_rtp(self, datagram: bytes) -> bytes:
        """Datagram -> RTP packet."""
        ...

    def wrap_rtcp(self, packet: bytes) -> bytes:
        """RTCP compound packet -> datagram."""
        ...

    def unwrap_rtcp(self, datagram: bytes) -> bytes:
        """Datagram -> RTCP compound packet."""
        ...


class PlainLink:
    """RTP/AVP: nothing is protected, nothing is proven."""

    __slots__ = ()

    secure = False

    def wrap_rtp(self, packet: bytes) -> bytes:
        """The packet as it is."""
        return packet

    def wrap_rtp_all(self, pointers: list[Any], sizes: list[int]) -> None:
        """The packets as they are."""

    def unwrap_rtp(self, datagram: bytes) -> bytes:
        """The datagram as it is."""
        return datagram

    def wrap_rtcp(self, packet: bytes) -> bytes:
        """The packet as it is."""
        return packet

    def unwrap_rtcp(self, datagram: bytes) -> bytes:
        """The datagram as it is."""
        return datagram


class SdesLink:
    """RTP/SAVP with keys from the SDP (RFC 4568): one key for what we send, one for what we receive."""

    __slots__ = ("_contexts", "unwrap_rtcp", "unwrap_rtp", "wrap_rtcp", "wrap_rtp", "wrap_rtp_all")

    secure = True
    _contexts: tuple[SrtpContext, SrtpContext]  # of what we send, and of what we receive

    def __init__(self, send: SuiteKey, receive: SuiteKey, before: Link | None = None) -> None:
        """`before`: the link that this one replaces. A direction whose key stays the same goes on where it was: to
        begin its roll-over counter anew would use the same key stream twice (RFC 3711 section 9.1).

        Raises ProtocolError("srtp-suite" | "srtp-key") when a key cannot be used.
        """
        old: tuple[SrtpContext, ...] = before._contexts if isinstance(before, SdesLink) else ()
        ours, theirs = self._contexts = _context(send, True, old[:1]), _context(receive, False, old[1:])
        # Bound once: a call less on every packet.
        self.wrap_rtp = ours.protect
        self.wrap_rtp_all = ours.protect_all
        self.unwrap_rtp = theirs.unprotect
        self.wrap_rtcp = ours.protect_rtcp
        self.unwrap_rtcp = theirs.unprotect_rtcp


def _context(key: SuiteKey, outbound: bool, before: tuple[SrtpContext, ...]) -> SrtpContext:
    """The context of one direction: the one `before`, if it has this key, else a new one."""
    return next((context for context in before if context.has(key)), None) or SrtpContext(key, outbound)
