"""What a path carries [bit/s], from what the peer tells of it: REMB, TMMBR, and the loss of its reports."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final

FLOOR: Final = 64_000  # [bit/s]; less makes no picture, and is not believed
START: Final = 700_000  # before the peer has told anything
CEILING: Final = 3_000_000
GROWTH: Final = 0.15  # a second: from the floor to 1.5 Mbit/s in less than 25 s
HEADROOM: Final = 1.5  # it grows to so many times what was sent, for no more was tried
LOSS_KEPT: Final = 0.02  # less of it is no sign of a full path
LOSS_CUT: Final = 0.10


class Estimate:
    """Of one path, for all streams of pictures along it. `now` is monotonic seconds.

    `bitrate`: what may be sent. `next_number`: the transport-wide number of the packet that leaves next.
    """

    def __init__(self, now: float) -> None:
        self.bitrate = START
        self._ceiling = CEILING
        self._remb = inf
        self._tmmbr: dict[int, int] = {}  # by stream of ours
        self._carried = float(START)
        self._lost = 0.0
        self.next_number = 0
        self._grown = now
        self._sent = 0
        self._sent_since = now
        self._rate = 0.0

    def configure(self, ceiling: int) -> None:
        """Take what the description allows [bit/s], 0 = it does not say."""
        self._ceiling = min(ceiling, CEILING) if ceiling else CEILING
        self._settle()

    def depart(self, sizes: Sequence[int], now: float) -> None:
        """Packets of so many octets leave, the first with `next_number`."""
        self._sent += sum(sizes)
        self.next_number = self.next_number + len(sizes) & 0xFFFF

    def on_remb(self, bitrate: int) -> None:
        """The peer's own estimate; 0 is legal."""
        self._remb = bitrate
        self._settle()

    def on_request(self, ssrc: int, bitrate: int) -> None:
        """TMMBR for one of our streams: no more than this until it says otherwise."""
        self._tmmbr[ssrc] = bitrate
        self._settle()

    def on_loss(self, share: float, now: float) -> None:
        """What a report says was lost since the one before, 0 to 1."""
        self.wake(now)
        self._lost = share
        if share > LOSS_CUT:
            self._carried = max(FLOOR, min(self._carried, max(self._rate, FLOOR) * 1.2) * (1 - share / 2))
        self._settle()

    def wake(self, now: float) -> None:
        """Time passes: grow. To be called twice a second or so."""
        elapsed = now - self._sent_since
        if elapsed >= 0.5:
            self._rate = self._sent * 8 / elapsed
            self._sent, self._sent_since = 0, now
        if self._lost < LOSS_KEPT:
            grown = self._carried * (1 + GROWTH) ** min(1.0, now - self._grown)
            self._carried = max(self._carried, min(grown, HEADROOM * max(self._rate, FLOOR)))
        self._grown = now
        self._settle()

    def _settle(self) -> None:
        self._carried = min(self._carried, self._ceiling)
        bounds = (self._carried, self._remb, *self._tmmbr.values())
        self.bitrate = max(FLOOR, int(min(bounds)))
