"""TCP for legs with ICE: passive candidates on one port (RFC 6544), datagrams in frames of RFC 4571.

For networks that let no UDP through. A connection belongs to nobody until an authenticated check came along it; until
then there are few of them, and not for long. All are read and written on the loop thread, once a tick.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from bridge.errors import ProtocolError
from bridge.media.endpoint import Address, Receiver
from bridge.rtc.framing import Framer, frame
from bridge.rtc.ice import Path

if TYPE_CHECKING:
    from bridge.media.shared_port import Checked

PROVE_S = 10.0  # from the first byte to the first check that passes
MOST_UNPROVEN = 200
MOST_UNPROVEN_OF_SOURCE = 20
MOST_OF_LEG = 4  # a browser has one for each of its networks; of more the oldest is closed
MOST_WAITING = (
    65_536  # octets that a peer has not read yet; what comes then is dropped, for sound must not be late
)
_BACKLOG = 64
_ACCEPTS = 32  # a poll
_READ = 8192  # octets of a connection and poll, five times what 720p pictures need; the rest waits, and TCP slows down


class Connection:
    """One TCP connection. `leg`: whose it is, None before a check has passed."""

    __slots__ = ("_drops", "_waiting", "deadline", "framer", "leg", "path", "sock")

    def __init__(self, sock: socket.socket, path: Path, deadline: float, drops: Counter[str]) -> None:
        self.sock = sock
        self.path = path
        self.deadline = deadline
        self.leg: Checked | None = None
        self.framer = Framer()
        self._waiting = b""
        self._drops = drops

    def send(self, datagram: bytes, _: Address) -> bool:
        """Send a datagram, now or as soon as the peer has read; False: it is dropped."""
        if len(self._waiting) > MOST_WAITING:
            self._drops["tcp-full"] += 1
            return False
        try:
            self._waiting += frame(datagram)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            return False
        self.flush()
        return True

    @property
    def waiting(self) -> int:
        """Octets that the kernel has not taken."""
        return len(self._waiting)

    def flush(self) -> None:
        """Offer what waits to the kernel. A connection that is broken is found out when it is read."""
        if not self._waiting:
            return
        try:
            sent = self.sock.send(self._waiting)
        except BlockingIOError:
            return
        except OSError:
            self._waiting = b""
            self._drops["tcp-broken"] += 1
            return
        self._waiting = self._waiting[sent:]


class Connections:
    """The listening sockets, one an address, and all connections.

    `take(connection, datagram, now)` gets what comes, `on_fault` what rises and should not. `first_via`: connections
    are numbered from here on, each with a number of its own for ever (`Path.via`).
    """

    def __init__(
        self,
        addresses: tuple[str, ...],
        port: int,
        first_via: int,
        receiver: Receiver,
        drops: Counter[str],
        take: Callable[[Connection, bytes, float], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        """Raises OSError."""
        self._receiver = receiver
        self._drops = drops
        self._take = take
        self._on_fault = on_fault
        self._next_via = first_via
        self._open: dict[
            int, Connection
        ] = {}  # by number; bounded by the constants above and the number of legs
        self._listeners: list[socket.socket] = []
        self.port = port
        try:
            for address in addresses:
                self._listen(address)
        except OSError:
            self.close()
            raise

    def _listen(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        new = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._listeners.append(new)
        if family == socket.AF_INET6:
            new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        new.bind((address, self.port))
        self.port = int(new.getsockname()[1])
        new.listen(_BACKLOG)
        self._receiver.watch(new, lambda now, _: self._accept(new, now), self._on_fault)

    def close(self) -> None:
        """Close all."""
        for listener in self._listeners:
            self._receiver.remove(listener)
            listener.close()
        for connection in list(self._open.values()):
            self._close(connection)

    def find(self, via: int) -> Connection | None:
        """The connection of this number, while it is open."""
        return self._open.get(via)

    def prove(self, via: int, leg: Checked) -> None:
        """A check of this leg has passed along the connection."""
        connection = self._open.get(via)
        if connection is None or connection.leg is leg:
            return
        connection.leg = leg
        of_leg = [each for each in self._open.values() if each.leg is leg]
        for each in of_leg[:-MOST_OF_LEG]:
            self._close(each)

    def forget(self, leg: Checked) -> None:
        """Close what belongs to a leg that is gone."""
        for connection in [each for each in self._open.values() if each.leg is leg]:
            self._close(connection)

    def wake(self, now: float) -> None:
        """Close those that prove nothing; send what waits."""
        for connection in list(self._open.values()):
            if connection.leg is None and now >= connection.deadline:
                self._drops["tcp-unproven"] += 1
                self._close(connection)
            else:
                connection.flush()

    def _accept(self, listener: socket.socket, now: float) -> None:
        for _ in range(_ACCEPTS):
            try:
                new, source = listener.accept()
            except OSError as error:  # nobody waits; or there are no files left, and he is asked again later
                if not isinstance(error, BlockingIOError):
                    self._drops["tcp-accept"] += 1
                return
            unproven = [each for each in self._open.values() if each.leg is None]
            same = sum(each.path.host == source[0] for each in unproven)
            if len(unproven) >= MOST_UNPROVEN or same >= MOST_UNPROVEN_OF_SOURCE:
                self._drops["tcp-too-many"] += 1
                new.close()
                continue
            try:
                new.setblocking(False)
                new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:  # it is gone already
                new.close()
                continue
            path = Path(source[0], source[1], self._next_via)
            self._next_via += 1
            self._add(Connection(new, path, now + PROVE_S, self._drops))

    def _add(self, connection: Connection) -> None:
        self._open[connection.path.via] = connection
        self._receiver.watch(connection.sock, lambda now, _: self._read(connection, now), self._on_fault)

    def _read(self, connection: Connection, now: float) -> None:
        try:
            octets = connection.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            self._close(connection)
            return
        try:
            datagrams = connection.framer.push(octets)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            self._close(connection)
            return
        for datagram in datagrams:
            self._take(connection, datagram, now)

    def _close(self, connection: Connection) -> None:
        if self._open.pop(connection.path.via, None) is not None:
            self._receiver.remove(connection.sock)
            connection.sock.close()
