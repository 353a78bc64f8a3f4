"""A cable between a browser and the bridge that a test can pull, plug in again, and plug in elsewhere.

It carries TCP to the web port and UDP to the port for browsers' sound. What goes through has the cable's own ports: the
browser is told of them (`Browser(port=...)`, `Circumstances(ports=...)`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from tests.peers.background import Background
from tests.peers.child import LOOPBACK

Address = tuple[str, int]


class Cable:
    """As a context manager. `web_port` and `rtc_port` are the browser's end of it."""

    def __init__(self, background: Background, web_port: int, rtc_port: int) -> None:
        self._background = background
        self._to_web, self._to_rtc = (LOOPBACK, web_port), (LOOPBACK, rtc_port)
        self.web_port = self.rtc_port = 0

    def __enter__(self) -> Self:
        self._background.run(self._plug_in())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._background.run(self._close())

    @property
    def web(self) -> str:
        """The bridge's origin, as seen through the cable."""
        return f"http://{LOOPBACK}:{self.web_port}"

    def pull(self) -> None:
        """From now on nothing gets through: what TCP carries waits, datagrams are gone."""
        self._background.run(self._set(False))

    def plug_in(self) -> None:
        """It gets through again."""
        self._background.run(self._set(True))

    def lose(self, lost: Callable[[int], bool]) -> None:
        """From now on datagrams are lost as this says of each, counted from 0, both ways together; TCP has none."""
        self._background.run(self._lose(lost))

    def rebind(self) -> None:
        """From now on datagrams come to the bridge from other ports, as when a NAT forgot its table."""
        self._background.run(self._rebind())

    async def _plug_in(self) -> None:
        loop = asyncio.get_running_loop()
        self._whole = asyncio.Event()
        self._whole.set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._carry, LOOPBACK, 0)
        self.web_port = self._server.sockets[0].getsockname()[1]
        self._near = _Near(self._whole, self._to_rtc)
        transport, _ = await loop.create_datagram_endpoint(lambda: self._near, (LOOPBACK, 0))
        self.rtc_port = transport.get_extra_info("sockname")[1]

    async def _close(self) -> None:
        self._near.close()
        self._server.close()
        for writer in self._connections:
            writer.close()

    async def _set(self, whole: bool) -> None:
        if whole:
            self._whole.set()
        else:
            self._whole.clear()

    async def _lose(self, lost: Callable[[int], bool]) -> None:
        self._near.lost = lost

    async def _rebind(self) -> None:
        self._near.forget()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, in both directions, until either end closes it."""
        try:
            await self._whole.wait()
            far_reader, far_writer = await asyncio.open_connection(*self._to_web)
        except OSError:
            writer.close()
            return
        both = {writer, far_writer}
        self._connections |= both
        ways = [asyncio.create_task(self._pump(*way)) for way in ((reader, far_writer), (far_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ways:
                task.cancel()
            for each in both:
                each.close()
            self._connections -= both

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                await self._whole.wait()
                writer.write(piece)
                await writer.drain()


class _Near(asyncio.DatagramProtocol):
    """The browsers' end: one socket for all, and towards the bridge one for each address that sends."""

    def __init__(self, whole: asyncio.Event, target: Address) -> None:
        self.lost: Callable[[int], bool] = lambda number: False
        self._count = 0
        self._whole = whole
        self._target = target
        self._far: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        if not self._passes():
            return
        far = self._far.get(source)
        if far is None:
            far = self._far[source] = asyncio.create_task(self._open(source))
        if far.done():
            _send(data, far)
        else:
            far.add_done_callback(functools.partial(_send, data))

    async def _open(self, source: Address) -> asyncio.DatagramTransport:
        far = _Far(lambda data: self.back(data, source))
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: far, remote_addr=self._target)
        return transport

    def back(self, data: bytes, source: Address) -> None:
        """Hand a datagram of the bridge to the browser."""
        if self._passes() and self._transport is not None:
            self._transport.sendto(data, source)

    def _passes(self) -> bool:
        """Whether the next datagram gets through."""
        self._count += 1
        return self._whole.is_set() and not self.lost(self._count - 1)

    def forget(self) -> None:
        """Close the sockets towards the bridge; the next datagrams open others."""
        opened, self._far = self._far, {}
        for far in opened.values():
            if far.done():
                far.result().abort()
            else:
                far.cancel()

    def close(self) -> None:
        """Close all."""
        self.forget()
        if self._transport is not None:
            self._transport.abort()


def _send(data: bytes, opened: asyncio.Task[asyncio.DatagramTransport]) -> None:
    if not opened.cancelled():
        opened.result().sendto(data)


class _Far(asyncio.DatagramProtocol):
    """One socket towards the bridge. A bridge that is not there is no error: datagrams get lost."""

    def __init__(self, back: Any) -> None:
        self._back = back

    def datagram_received(self, data: bytes, source: Any) -> None:
        self._back(data)
