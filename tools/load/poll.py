"""One epoll, and what is to be done when one of its sockets has something."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Protocol


class Readable(Protocol):
    """What the kernel can be asked about."""

    def fileno(self) -> int:
        """Its number."""
        ...


class Poll:
    """All that one thread waits for."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}

    def watch(self, file: Readable, on_ready: Callable[[], None]) -> None:
        """Call `on_ready` in each `wait` that finds something to read."""
        self._readers[file.fileno()] = on_ready
        self._epoll.register(file.fileno(), select.EPOLLIN)

    def forget(self, file: Readable) -> None:
        """Watch no longer; to be called before it is closed."""
        if self._readers.pop(file.fileno(), None) is not None:
            self._epoll.unregister(file.fileno())

    def wait(self, seconds: float) -> None:
        """Wait so long at most, and do what is to be done."""
        for number, _ in self._epoll.poll(max(0.0, seconds)):
            # One that was read before it in this round may have had it forgotten.
            if (on_ready := self._readers.get(number)) is not None:
                on_ready()

    def close(self) -> None:
        """Watch nothing any more."""
        self._readers.clear()
        self._epoll.close()
