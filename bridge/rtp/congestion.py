"""When packets came, by their transport-wide numbers, and the RTCP feedback that tells the sender.

draft-holmer-rmcat-transport-wide-cc-extensions-01: the sender estimates the path's bandwidth from it. All streams of a
transport share one run of numbers.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

MAX_SPAN: Final = (
    1_000  # numbers between the oldest untold packet and the newest; beyond, the sender began anew
)
MAX_STATUSES: Final = (
    500  # packets told of at once, so that the feedback fits a datagram; the rest comes next time
)
MEMORY: Final = 1_000  # arrivals kept, told ones too: a late packet is told among its neighbours
_TICK_S: Final = 0.00025  # unit of the deltas; the reference time counts in 256 of them

_HEADER: Final = Struct("!BBHIIHH")
_ITEM: Final = Struct("!H")
_LARGE: Final = Struct("!h")


class Arrivals:
    """The arrivals of one transport. `note` each packet, and send what `feedback` makes every 100 ms or so."""

    __slots__ = ("_arrivals", "_base", "_count", "_highest", "_news")

    def __init__(self) -> None:
        self._arrivals: dict[
            int, int
        ] = {}  # extended number -> tick, in order of arrival; the oldest is dropped
        self._highest = -1
        self._base = 0  # the next feedback begins here
        self._news = False
        self._count = 0

    def note(self, sequence: int, arrival: float) -> None:
        """A packet with this number (16 bits) came at `arrival` [monotonic seconds]."""
        if self._highest < 0:
            # Room below: a packet may be late even for the first one.
            self._base = self._highest = sequence + 0x10000
        extended = self._highest + ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if abs(extended - self._base) > MAX_SPAN:
            self._arrivals.clear()
            self._base = self._highest = extended
        elif extended in self._arrivals:
            return
        self._arrivals[extended] = int(arrival / _TICK_S)
        if len(self._arrivals) > MEMORY:
            del self._arrivals[next(iter(self._arrivals))]
        self._highest = max(self._highest, extended)
        self._base = min(self._base, extended)
        self._news = True

    def feedback(self, ssrc: int, media_ssrc: int) -> bytes | None:
        """The RTCP packet that is due, None if nothing has come since the last one.

        `ssrc`: ours; `media_ssrc`: of any stream of the peer's.
        """
        if not self._news:
            return None
        base = self._base
        symbols: list[int] = []
        deltas = bytearray()
        reference = before = None
        for number in range(base, min(self._highest + 1, base + MAX_STATUSES)):
            tick = self._arrivals.get(number)
            if tick is None:
                symbols.append(0)
                continue
            if before is None:
                reference = tick >> 8
                before = reference << 8
            delta = tick - before
            if 0 <= delta <= 0xFF:
                symbols.append(1)
                deltas.append(delta)
            elif -0x8000 <= delta <= 0x7FFF:
                symbols.append(2)
                deltas += _LARGE.pack(delta)
            else:
                break  # told in a feedback of its own
            before = tick
        self._base = base + len(symbols)
        self._news = self._base <= self._highest
        if reference is None:
            return None
        return self._packet(ssrc, media_ssrc, base, symbols, reference, bytes(deltas))

    def _packet(
        self, ssrc: int, media_ssrc: int, base: int, symbols: list[int], reference: int, deltas: bytes
    ) -> bytes:
        body = (reference & 0xFFFFFF).to_bytes(3, "big") + bytes((self._count,)) + _chunks(symbols) + deltas
        body += bytes(-len(body) & 3)
        self._count = self._count + 1 & 0xFF
        words = (_HEADER.size + len(body)) // 4 - 1
        return _HEADER.pack(0x8F, 205, words, ssrc, media_ssrc, base & 0xFFFF, len(symbols)) + body


def _chunks(symbols: list[int]) -> bytes:
    """Status symbols (0 not received, 1 small delta, 2 large) as run lengths and bit vectors (section 3.1)."""
    chunks = bytearray()
    at, size = 0, len(symbols)
    while at < size:
        run = at + 1
        while run < size and symbols[run] == symbols[at]:
            run += 1
        window = symbols[at : at + 14]
        if run - at >= 14 or run == size:
            chunk, count = symbols[at] << 13 | run - at, run - at
        elif max(window) < 2:
            chunk, count = 0x8000, 14
            for place, symbol in enumerate(window):
                chunk |= symbol << 13 - place
        else:
            chunk, count = 0xC000, 7
            for place, symbol in enumerate(window[:7]):
                chunk |= symbol << 12 - 2 * place
        chunks += _ITEM.pack(chunk)
        at += count
    return bytes(chunks)
