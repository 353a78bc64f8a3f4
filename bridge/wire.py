"""A Unix socket between two processes of the bridge: one message a datagram (SOCK_SEQPACKET), in order, both ends."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import msgspec

from bridge.message import Message

MAX_MESSAGE_BYTES = 400_000


In = TypeVar("In", bound=Message)
Out = TypeVar("Out", bound=Message)

CAPACITY = 4096  # messages that may wait while the other end does not read
MESSAGES_A_TURN = 64  # read at most so many before the rest of the loop gets its turn


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends, both non-blocking."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        prepare(end)
    return ends


def prepare(end: socket.socket) -> None:
    """Make room for the longest message and never block."""
    end.setblocking(False)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_MESSAGE_BYTES)


class Wire(Generic[In, Out]):
    """One end of the socket, on the running loop.

    Messages that the socket does not take wait here, in order; those that a newer one overtakes are dropped and
    counted (`Message.overtakes`). `waiting` tells how many do. When `CAPACITY` messages wait, the
    other end has stopped reading and the wire is lost, as it is when the other end closes or speaks nonsense.

    `on_message` is called for each message that comes in; `on_lost` once, with a reason of a fixed set: "closed",
    "malformed", "stuck", "too-long". `drops` counts what was overtaken, as "wire-overtaken".
    """

    def __init__(
        self,
        end: socket.socket,
        decoder: msgspec.msgpack.Decoder[In],
        on_message: Callable[[In], None],
        on_lost: Callable[[str], None],
        drops: Counter[str],
    ) -> None:
        self._end = end
        self._decoder = decoder
        self._encode = msgspec.msgpack.Encoder().encode
        self._on_message = on_message
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Hashable, bytes] = {}  # in the order of sending; bounded by CAPACITY
        self._serials = itertools.count()
        self._buffer = bytearray(MAX_MESSAGE_BYTES)
        self._open = True
        self._drops = drops
        self._loop.add_reader(end, self._read)

    def send(self, message: Out) -> None:
        """Send a message, now or as soon as the socket takes it. Raises nothing; ignored once the wire is lost."""
        if not self._open:
            return
        encoded = self._encode(message)
        if len(encoded) > MAX_MESSAGE_BYTES:
            self._lose("too-long")
        elif self._waiting:
            self._wait(message, encoded)
        elif not self._give(encoded) and self._open:
            self._loop.add_writer(self._end, self._write)
            self._wait(message, encoded)

    @property
    def waiting(self) -> int:
        """How many messages the other end has not taken yet."""
        return len(self._waiting)

    def close(self) -> None:
        """Close this end, after what waits was offered once more. `on_lost` is not called."""
        if self._open:
            self._write()
            self._shut()

    def _wait(self, message: Out, encoded: bytes) -> None:
        key = message.overtakes
        if key is None:
            key = next(self._serials)
        if self._waiting.pop(key, None) is not None:
            self._drops["wire-overtaken"] += 1
        self._waiting[key] = encoded
        if len(self._waiting) > CAPACITY:
            self._lose("stuck")

    def _write(self) -> None:
        while self._waiting and self._open:
            key = next(iter(self._waiting))
            if not self._give(self._waiting[key]):
                return
            del self._waiting[key]
        if self._open:
            self._loop.remove_writer(self._end)

    def _give(self, encoded: bytes) -> bool:
        try:
            self._end.send(encoded)
        except BlockingIOError:
            return False
        except OSError:
            self._lose("closed")
            return False
        return True

    def _read(self) -> None:
        for _ in range(MESSAGES_A_TURN):
            if not self._open:
                return
            try:
                size = self._end.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                size = 0
            if size == 0:
                self._lose("closed")
                return
            try:
                message = self._decoder.decode(memoryview(self._buffer)[:size])
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._lose("malformed")
                return
            self._on_message(message)

    def _lose(self, why: str) -> None:
        if self._open:
            self._shut()
            self._on_lost(why)

    def _shut(self) -> None:
        self._open = False
        self._waiting.clear()
        self._loop.remove_reader(self._end)
        self._loop.remove_writer(self._end)
        self._end.close()
