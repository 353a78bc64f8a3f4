"""The process's one port for all legs with ICE: its UDP sockets and TCP connections, and which leg a datagram is for.

What comes from a path that has passed an authenticated check of a leg is that leg's. A check names the leg it is for
(its user name begins with the leg's fragment) and proves itself to that leg. All else is dropped and counted, and gets
no answer: neither DTLS nor SRTP ever see a byte of it.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from bridge.errors import ProtocolError
from bridge.log import logger
from bridge.media.endpoint import Address, Receiver, SendBatch, Take, batch_sender, bind_shared, sender
from bridge.media.shared_tcp import Connection, Connections
from bridge.rtc.ice import Path
from bridge.rtc.stun import local_ufrag

_log = logger("media")

_FIRST_ABOVE_STUN = 4  # RFC 7983 section 7


class Checked(Protocol):
    """A leg as this port sees it. `source`: host and port; `path`: the same with the socket it came in by."""

    def take_check(self, datagram: bytes, path: Path, arrival: float) -> None:
        """STUN that names this leg."""
        ...

    def take(self, datagram: bytes, path: Path, arrival: float) -> None:
        """Anything else, from a path that was given to this leg."""
        ...

    def holds(self, path: Path, now: float) -> bool:
        """Whether it has just proved that it still uses this path."""
        ...

    def fail(self, fault: Exception) -> None:
        """One of these raised what it should not: a fault of ours, that costs this leg."""
        ...


class SharedPort:
    """`port` is that of UDP on all `addresses`; `tcp_port` that of TCP, 0 = none."""

    def __init__(
        self,
        addresses: tuple[str, ...],
        port: int,
        tcp: bool,
        receiver: Receiver,
        drops: Counter[str],
        *,
        here: str = "",
    ) -> None:
        """Listen on each of the numeric `addresses`; with `port` 0 on ports that the kernel chooses.

        `here`: one more, whose own datagrams alone are taken there; it may fail to be had. Raises OSError when UDP is
        not to be had on the others.
        """
        self._receiver = receiver
        self._drops = drops
        self._legs: dict[str, Checked] = {}  # by local user name fragment
        self._sockets: list[socket.socket] = []
        self._given: list[dict[Address, tuple[Checked, Path]]] = []  # of each socket: whose a source is
        self._senders: list[Callable[[bytes, Address], bool]] = []
        self._batch_senders: list[SendBatch] = []
        self._connections: Connections | None = None
        tcp_port = port
        try:
            for address in addresses:
                port = self._bind(address, port)
        except OSError:
            self.close()
            raise
        ours = (here,) if here and self._bind_here(here, port) else ()
        if tcp:
            self._connections = self._open_tcp(addresses, tcp_port)
        self.addresses = addresses + ours
        self.port = port
        self.tcp_port = self._connections.port if self._connections is not None else 0

    def _open_tcp(self, addresses: tuple[str, ...], port: int) -> Connections | None:
        """Listen to TCP as well; without it most can still come."""
        first_via = len(self._sockets)
        try:
            return Connections(
                addresses, port, first_via, self._receiver, self._drops, self._take_frame, self._count_fault
            )
        except OSError as error:
            self._drops["shared-tcp-failed"] += 1
            _log.error("shared-tcp-failed", port=port, reason=error.strerror or "")
            return None

    def _bind(self, address: str, port: int, *, here: bool = False) -> int:
        new = bind_shared(address, port)
        self._sockets.append(new)
        self._senders.append(sender(new, self._drops))
        self._batch_senders.append(batch_sender(new, self._drops))
        self._given.append({})
        take = self._taker(len(self._sockets) - 1)
        self._receiver.add_shared(new, self._from(address, take) if here else take, self._count_fault)
        return int(new.getsockname()[1])

    def _bind_here(self, address: str, port: int) -> bool:
        try:
            self._bind(address, port, here=True)
        except OSError:
            self._drops["shared-here-failed"] += 1
            return False
        return True

    def _from(self, host: str, take: Take) -> Take:
        """Take what comes from there only. No other machine can send it: the kernel drops what comes in from a network
        with an address of ours as its source."""
        drops = self._drops

        def take_ours(datagram: bytes, source: Address, arrival: float) -> None:
            if source[0] == host:
                take(datagram, source, arrival)
            else:
                drops["rtc-elsewhere"] += 1

        return take_ours

    def close(self) -> None:
        """Listen no more."""
        for each in self._sockets:
            self._receiver.remove(each)
            each.close()
        if self._connections is not None:
            self._connections.close()

    def wake(self, now: float) -> None:
        """Do what is due, ten times a second."""
        if self._connections is not None:
            self._connections.wake(now)

    # -- which leg -------------------------------------------------------------------------------------------------

    def name(self, fragments: Iterable[str], leg: Checked) -> None:
        """Checks with these user name fragments, and no others, are for this leg."""
        for fragment in [each for each, of in self._legs.items() if of is leg]:
            del self._legs[fragment]
        for fragment in fragments:
            self._legs[fragment] = leg

    def give(self, path: Path, leg: Checked, now: float) -> None:
        """An authenticated check of the leg came along this path: so it is the leg's, unless another has just proved
        that it still uses it."""
        if path.via >= len(self._sockets):
            if self._connections is not None:
                self._connections.prove(path.via, leg)
            return
        given = self._given[path.via]
        source = (path.host, path.port)
        before = given.get(source)
        if before is None or (before[0] is not leg and not before[0].holds(path, now)):
            given[source] = (leg, path)

    def take_back(self, path: Path, leg: Checked) -> None:
        """The path is the leg's no more."""
        if path.via < len(self._sockets):
            given, source = self._given[path.via], (path.host, path.port)
            if (holder := given.get(source)) is not None and holder[0] is leg:
                del given[source]

    def forget(self, leg: Checked, paths: Iterable[Path]) -> None:
        """The leg is gone; `paths` are all that were given to it."""
        self.name((), leg)
        for path in paths:
            self.take_back(path, leg)
        if self._connections is not None:
            self._connections.forget(leg)

    def sender(self, path: Path) -> Callable[[bytes, Address], bool] | None:
        """What sends along this path; None if its connection is closed."""
        if path.via < len(self._senders):
            return self._senders[path.via]
        connection = self._connections.find(path.via) if self._connections is not None else None
        return connection.send if connection is not None else None

    def batch_sender(self, path: Path) -> SendBatch | None:
        """What sends many datagrams along this path at once; None if nothing does, as on TCP."""
        return self._batch_senders[path.via] if path.via < len(self._batch_senders) else None

    def waiting(self, path: Path) -> int:
        """Octets that were sent along this path and wait on our side: on TCP, for the peer to read."""
        if path.via < len(self._sockets) or self._connections is None:
            return 0
        connection = self._connections.find(path.via)
        return connection.waiting if connection is not None else 0

    def protocol(self, path: Path) -> str:
        """ "udp" or "tcp"."""
        return "udp" if path.via < len(self._sockets) else "tcp"

    # -- in --------------------------------------------------------------------------------------------------------

    def _taker(self, via: int) -> Take:
        given, drops = self._given[via], self._drops

        def take(datagram: bytes, source: Address, arrival: float) -> None:
            if datagram and datagram[0] < _FIRST_ABOVE_STUN:
                self._take_check(datagram, Path(source[0], source[1], via), arrival)
                return
            holder = given.get(source)
            if holder is None:
                drops["rtc-address"] += 1
                return
            leg, path = holder
            try:
                leg.take(datagram, path, arrival)
            except Exception as fault:  # ours: it costs this leg, not the others
                leg.fail(fault)

        return take

    def _take_check(self, datagram: bytes, path: Path, arrival: float) -> None:
        try:
            leg = self._legs.get(local_ufrag(datagram))
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            return
        if leg is None:
            self._drops["ice-ufrag"] += 1
            return
        try:
            leg.take_check(datagram, path, arrival)
        except Exception as fault:  # ours: it costs this leg, not the others
            leg.fail(fault)

    def _take_frame(self, connection: Connection, datagram: bytes, now: float) -> None:
        """A datagram that came by TCP."""
        if datagram[0] < _FIRST_ABOVE_STUN:
            self._take_check(datagram, connection.path, now)
            return
        leg = connection.leg
        if leg is None:
            self._drops["rtc-address"] += 1
            return
        try:
            leg.take(datagram, connection.path, now)
        except Exception as fault:  # ours: it costs this leg, not the others
            leg.fail(fault)

    def _count_fault(self, fault: Exception) -> None:
        """What rises here is no leg's: a fault in this file, or the one on TCP."""
        self._drops["port-fault"] += 1
        _log.error("port-fault", exc_info=fault)
