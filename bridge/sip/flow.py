"""A flow: the path that a message came in by, and that its answer goes out by (RFC 3261 section 18, RFC 5626)."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Flow:
    """A connection (tcp, tls, ws, wss), or the pair of a listening socket and a peer's address (udp).

    `protocol`: "udp", "tcp", "tls", "ws" or "wss". `local`, `remote`: (address, port), without brackets or zone.
    `id`: tells two connections with the same addresses apart; of a udp flow, only the socket matters.
    """

    protocol: str
    local: tuple[str, int]
    remote: tuple[str, int]
    id: int = 0

    @property
    def secure(self) -> bool:
        """Whether TLS protects it."""
        return self.protocol in ("tls", "wss")

    @property
    def reliable(self) -> bool:
        """Whether the transport itself resends what is lost (RFC 3261 section 17)."""
        return self.protocol != "udp"

    def towards(self, port: int) -> Flow:
        """The same udp socket and peer address, another port of the peer (RFC 3261 section 18.2.2)."""
        return replace(self, remote=(self.remote[0], port))
