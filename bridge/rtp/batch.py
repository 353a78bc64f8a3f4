"""Some packets on their way out: written, protected and sent from where they lie, without a copy in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from pylibsrtp._binding import ffi

SLOTS: Final = 16
SLOT: Final = 1536  # octets, a multiple of what the library wants packets to begin at
LONGEST_PAYLOAD: Final = 1200  # with all header extensions and the tag it is within a slot

# (pointers to packets, octets of each): each becomes a datagram in its place, of so many octets as the list then says.
# Raises ProtocolError; then the list ends before the packet that is to blame.
WrapAll = Callable[[list[Any], list[int]], None]


class Batch:
    """Room for `SLOTS` packets; one is enough for all who send, for each leaves before the next is written.

    `view`: all slots, packet n begins at n * `SLOT`. `sizes`: octets of each packet that is there.
    """

    __slots__ = ("_memory", "_pointers", "sizes", "view")

    def __init__(self) -> None:
        self._memory = ffi.new("char[]", SLOTS * SLOT)
        self._pointers = [self._memory + slot * SLOT for slot in range(SLOTS)]
        self.view = memoryview(ffi.buffer(self._memory))
        self.sizes: list[int] = []

    def wrap(self, wrap_all: WrapAll) -> None:
        """Turn every packet into a datagram. Raises what `wrap_all` does; then those behind are gone."""
        wrap_all(self._pointers, self.sizes)

    def datagrams(self) -> Iterator[memoryview]:
        """What is there, one after the other."""
        view, at = self.view, 0
        for size in self.sizes:
            yield view[at : at + size]
            at += SLOT

    def runs(self) -> Iterator[list[memoryview]]:
        """The same in runs that the kernel can cut by one size: all of them are as long as the first of the run, only
        the last may be shorter."""
        sizes = self.sizes
        if sizes and sizes.count(sizes[0]) >= len(sizes) - 1 and sizes[-1] <= sizes[0]:  # as nearly always
            yield list(self.datagrams())
            return
        run: list[memoryview] = []
        longest = last = 0
        for datagram, size in zip(self.datagrams(), sizes, strict=True):
            if run and (size > longest or last < longest):
                yield run
                run = []
            if not run:
                longest = size
            run.append(datagram)
            last = size
        if run:
            yield run
