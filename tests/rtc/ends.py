"""Two ends of DTLS in memory: our handshakes, joined by a bad network, in virtual time."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from bridge.errors import ProtocolError
from bridge.rtc.dtls import Handshake
from bridge.rtc.identity import Identity
from bridge.sdp.transport import DtlsRole, Fingerprint, NegotiatedDtls
from tests.net import Net

WALLCLOCK = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
OURS = Identity.make(WALLCLOCK)
THEIRS = Identity.make(WALLCLOCK)


def handshake(
    role: DtlsRole, identity: Identity = OURS, peer: Fingerprint | None = None, now: float = 100.0
) -> Handshake:
    """One end; by default it expects the certificate of the other of the two."""
    expected = peer or (THEIRS if identity is OURS else OURS).fingerprint
    return Handshake(identity, NegotiatedDtls(role, (expected,)), now)


@dataclass
class Pair:
    """Server and client and what is between them. `drops`: names of what each dropped."""

    server: Handshake = field(default_factory=lambda: handshake(DtlsRole.SERVER))
    client: Handshake = field(default_factory=lambda: handshake(DtlsRole.CLIENT, THEIRS))
    net: Net[tuple[Handshake, bytes]] = field(default_factory=Net)
    now: float = 100.0
    drops: list[str] = field(default_factory=list)

    def send(self, end: Handshake, datagrams: tuple[bytes, ...]) -> None:
        """From `end` to the other one."""
        other = self.client if end is self.server else self.server
        for datagram in datagrams:
            assert len(datagram) <= 1_200
            self.net.send((other, datagram), self.now)

    def deliver(self, end: Handshake, datagram: bytes) -> None:
        """One datagram arrives."""
        try:
            self.send(end, end.handle(datagram, self.now))
        except ProtocolError as fault:
            self.drops.append(fault.name)

    def start(self) -> None:
        """Both have a path."""
        self.send(self.server, self.server.start(self.now))
        self.send(self.client, self.client.start(self.now))

    def run(self, until: float) -> None:
        """Let time pass, to `until` or until nothing is to be done."""
        while True:
            times = [
                when for when in (self.net.next(), self.server.deadline(), self.client.deadline()) if when
            ]
            if not times or min(times) > until:
                self.now = until
                return
            self.now = max(self.now, min(times))
            while (arrived := self.net.pop(self.now)) is not None:
                self.deliver(*arrived)
            for end in (self.server, self.client):
                self.send(end, end.wake(self.now))

    @property
    def up(self) -> bool:
        """Whether both have keys, and the same."""
        if self.server.keys is None or self.client.keys is None:
            return False
        assert self.server.keys == self.client.keys[::-1]
        return True
