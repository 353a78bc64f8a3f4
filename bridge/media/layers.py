"""Which of the layers that a source sends at the same time (simulcast, RFC 8853) is taken."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from bridge.media.track import Track

ALIVE_S: Final = 0.7  # a layer of which nothing came for so long is not sent now
_TRY_SMALLER: Final = (
    1.5  # what is so many times as high as its tile may have a smaller layer beside it that does
)


def pick(layers: Collection[Track], height: int, now: float) -> Track | None:
    """The layer for a tile so high [pixels]: the smallest one that is high enough, else the largest.

    How high a layer is, only a key frame tells, so one that nobody has looked at yet is returned where it may be the
    better one: it is to be looked at. Of those that come now; None if none does.
    """
    alive = [layer for layer in layers if now - layer.heard < ALIVE_S]
    known = [layer for layer in alive if layer.height]
    enough = [layer for layer in known if layer.height >= height]
    unknown = [layer for layer in alive if not layer.height]
    if enough:
        best = min(enough, key=_height)
        smaller = [layer for layer in unknown if layer.octets < best.octets]
        if not smaller or best.height < height * _TRY_SMALLER:
            return best
        return max(smaller, key=_octets)
    if unknown:
        return max(unknown, key=_octets)
    return max(known, key=_height, default=None)


def _height(layer: Track) -> int:
    return layer.height


def _octets(layer: Track) -> int:
    return layer.octets
