"""Where connections come in: counted by source and in all before anything is spent on them, then shaken hands with.

Of one address only so many may be slow at a time, that is: have brought no whole request yet. One more, and the oldest
of them has to go: browsers open connections in reserve, and many people may share an address. Reverse proxies, who
bring even more, are bounded by the number of all.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.rooms.budget import household

_ACCEPT_PAUSE_S: Final = 1.0  # after accept fails for lack of files: no spinning


@dataclass(frozen=True, slots=True)
class EntranceLimits:
    """How many connections there may be, and how long they may take [s]."""

    in_all: int = 2000
    per_source: int = 400
    slow_per_source: int = 20
    whole_s: float = 30.0
    handshake_s: float = 10.0
    proxies: frozenset[str] = frozenset()


class Places:
    """Who has how many connections."""

    def __init__(self, limits: EntranceLimits, count: Callable[[str], None]) -> None:
        self.limits = limits
        self.count = count
        self._sources: Counter[str] = Counter()
        self._slow: dict[str, dict[VisitorPlace, None]] = {}  # by source, the oldest first
        self._all = 0

    @property
    def taken(self) -> int:
        """How many there are."""
        return self._all

    def enter(self, source: str) -> VisitorPlace | None:
        """A place for one more connection from an address, or None; the refusal is counted."""
        limits = self.limits
        bounded = source not in limits.proxies
        source = household(source)
        if self._all >= limits.in_all:
            self.count("web-connections-total")
        elif bounded and self._sources[source] >= limits.per_source:
            self.count("web-connections-source")
        else:
            if bounded:
                self._make_room(source)
            place = VisitorPlace(self, source, limits.whole_s)
            self._all += 1
            self._sources[source] += 1
            self._slow.setdefault(source, {})[place] = None
            return place
        return None

    def _make_room(self, source: str) -> None:
        slow = self._slow.get(source, {})
        if len(slow) >= self.limits.slow_per_source:
            self.count("web-connections-slow")
            oldest = next(iter(slow))
            self.settle(oldest)
            oldest.expel()

    def settle(self, place: VisitorPlace) -> None:
        """A connection is no longer slow, or has to go."""
        slow = self._slow.get(place.source, {})
        slow.pop(place, None)
        if not slow:
            self._slow.pop(place.source, None)

    def leave(self, place: VisitorPlace) -> None:
        """A connection is closed."""
        self.settle(place)
        self._all -= 1
        self._sources[place.source] -= 1
        if not self._sources[place.source]:
            del self._sources[place.source]


class VisitorPlace:
    """The place of one connection, as the connection sees it. `expel`: ends it at once, whatever it is doing."""

    def __init__(self, places: Places, source: str, whole_s: float) -> None:
        self.source = source
        self.whole_s = whole_s
        self.expel: Callable[[], object] = lambda: None
        self._places = places
        self._gone = False

    def settled(self) -> None:
        """It has brought a whole request."""
        self._places.settle(self)

    def left(self) -> None:
        """It is closed."""
        if not self._gone:
            self._gone = True
            self._places.leave(self)

    def cut_off(self, why: str) -> None:
        """It was slow, or sent what it must not."""
        self._places.count(why)


class Entrance:
    """Accepts on one listening socket. `make` makes the protocol of a connection."""

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext | None,
        places: Places,
        make: Callable[[VisitorPlace], asyncio.Protocol],
    ) -> None:
        self._socket = sock
        self._context = context
        self._places = places
        self._make = make
        self._greeting: set[socket.socket] = (
            set()
        )  # accepted, and not yet shaken hands with; bounded by the places

    async def accept(self) -> None:
        """Accept until cancelled; handshakes under way are given up then."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        accepted, name = await loop.sock_accept(self._socket)
                    except OSError:
                        self._places.count("web-accept-failed")
                        await asyncio.sleep(_ACCEPT_PAUSE_S)
                        continue
                    place = self._places.enter(name[0].partition("%")[0])
                    if place is None:
                        accepted.close()
                        continue
                    self._greeting.add(accepted)
                    place.expel = group.create_task(self._greet(accepted, place)).cancel
        finally:
            for sock in self._greeting:
                sock.close()

    async def _greet(self, sock: socket.socket, place: VisitorPlace) -> None:
        """Shake hands, as server; the connection then lives by itself."""
        opened = False

        def make() -> asyncio.Protocol:
            nonlocal opened
            opened = True
            return self._make(place)

        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                make,
                sock,
                ssl=self._context,
                ssl_handshake_timeout=self._places.limits.handshake_s if self._context else None,
            )
        except OSError:
            self._places.count("web-handshake")
            place.left()
        except asyncio.CancelledError:
            place.left()
            raise
        finally:
            self._greeting.discard(sock)
            if not opened:
                sock.close()
