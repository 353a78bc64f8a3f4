"""One way from any picture to any size: libswscale, by PyAV; what is faster for one case is used for that case.

Equal sizes are copied. Exactly half the size, the mean of four pixels, is OpenCV's where it is installed (four times as
fast) and numpy's else; at all other ratios OpenCV does not win. A picture that is smaller than its target is spread
bilinearly, a larger one is averaged ("area"), which neither shimmers nor rings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from mixer.picture import BLACK, Colour, Picture, Plane

try:
    import cv2
except ImportError:
    cv2 = None  # type: ignore[assignment,unused-ignore]
else:
    cv2.setNumThreads(1)  # threads of its own would take time from the sound

_ALIKE: Final = (
    25  # shapes that differ by less than a 25th are taken for the same: nobody sees it, and no bars
)


class Box(NamedTuple):
    """A rectangle of a picture [pixels, even]."""

    x: int
    y: int
    width: int
    height: int


def whole(width: int, height: int, tile_width: int, tile_height: int) -> Box:
    """Where in a tile a picture of any shape goes, so that all of it is seen; the rest of the tile is bars."""
    across, down = width * tile_height, height * tile_width  # compare these two to compare the shapes
    if abs(across - down) * _ALIKE <= max(across, down):
        return Box(0, 0, tile_width, tile_height)
    if across > down:
        fitted = _even(down, 2 * width)
        return Box(0, (tile_height - fitted) // 4 * 2, tile_width, fitted)
    fitted = _even(across, 2 * height)
    return Box((tile_width - fitted) // 4 * 2, 0, fitted, tile_height)


def middle(width: int, height: int, tile_width: int, tile_height: int) -> Box:
    """What part of a picture of any shape fills a tile; the rest is cut away at both sides."""
    return whole(tile_width, tile_height, width, height)


def _even(dividend: int, divisor: int) -> int:
    """Twice the rounded quotient, at least 2."""
    return max(2, (dividend + divisor // 2) // divisor * 2)


def place(source: Picture, tile: Picture, letterbox: bool = True, bars: Colour = BLACK) -> None:
    """Draw a picture of any size, shape and rotation into a tile: whole with bars (`letterbox`), or cut."""
    if not letterbox:
        lying = source.upright != (source.width, source.height)
        shape = (tile.height, tile.width) if lying else (tile.width, tile.height)
        box = middle(source.width, source.height, *shape)
        if (box.width, box.height) != (source.width, source.height):
            source = source.part(*box)
        scale(source, tile)
        return
    box = whole(*source.upright, tile.width, tile.height)
    if (box.width, box.height) != (tile.width, tile.height):
        _draw_bars(tile, box, bars)
        tile = tile.part(*box)
    scale(source, tile)


def _draw_bars(tile: Picture, box: Box, bars: Colour) -> None:
    right, below = box.x + box.width, box.y + box.height
    if box.width < tile.width:
        tile.part(0, 0, box.x, tile.height).fill(bars)
        tile.part(right, 0, tile.width - right, tile.height).fill(bars)
    else:
        tile.part(0, 0, tile.width, box.y).fill(bars)
        tile.part(0, below, tile.width, tile.height - below).fill(bars)


def scale(source: Picture, target: Picture) -> None:
    """Draw a picture, turned upright, into another one of any size; shapes are not looked at."""
    if source.y.shape == target.y.shape and not source.rotation:
        target.copy(source)
    elif source.sizes is not None:
        size = (target.width, target.height)
        kept = source.sizes.get(size)
        if kept is None:  # two threads may come here at once; then one of the two is kept
            kept = source.sizes[size] = _remade(source, *size)
        target.copy(kept)
    elif _is_half(source, target.width, target.height):
        _halved(source, target)
    elif source.rotation:
        _turned(source, target)
    else:
        target.copy(_resized(source, target.width, target.height))


def _remade(source: Picture, width: int, height: int) -> Picture:
    """The picture upright in another size, in memory of its own."""
    if not source.rotation and not _is_half(source, width, height):
        return _resized(source, width, height)
    made = Picture.make(width, height)
    (_turned if source.rotation else _halved)(source, made)
    return made


def _is_half(source: Picture, width: int, height: int) -> bool:
    return not source.rotation and (source.width, source.height) == (2 * width, 2 * height)


def _halved(source: Picture, target: Picture) -> None:
    for large, small in zip(source.planes(), target.planes(), strict=True):
        halve(large, small)


def _turned(source: Picture, target: Picture) -> None:
    """Scale first, to the lying size: then there is less to turn."""
    turns = source.rotation // 90
    size = (target.height, target.width) if turns & 1 else (target.width, target.height)
    lying = source
    if size != (source.width, source.height):
        lying = Picture.make(*size)
        scale(Picture(source.y, source.u, source.v), lying)
    for flat, plane in zip(lying.planes(), target.planes(), strict=True):
        turn(flat, plane, turns)


@lru_cache(maxsize=128)
def _resting(width: int, height: int, to_width: int, to_height: int) -> deque[VideoReformatter]:
    """Scalers at rest for these sizes; each keeps its tables.

    They are taken out while they work, so that threads may scale at once. More than four are let go.
    """
    return deque(maxlen=4)


def _resized(source: Picture, width: int, height: int) -> Picture:
    """A picture of another size, in memory of its own."""
    smaller = width * height < source.width * source.height
    resting = _resting(source.width, source.height, width, height)
    try:
        scaler = resting.pop()
    except IndexError:
        scaler = VideoReformatter()
    way = Interpolation.AREA if smaller else Interpolation.BILINEAR
    frame = scaler.reformat(source.frame(), width, height, "yuv420p", interpolation=way, threads=1)
    resting.append(scaler)
    return Picture.of(frame)


def _halve_by_numpy(large: Plane, small: Plane) -> None:
    """Each pixel the mean of four, rounded. Pairs of octets are taken as numbers of 16 bits."""
    upper, lower = large[0::2].view(np.uint16), large[1::2].view(np.uint16)
    total = upper & 0xFF
    total += upper >> 8
    total += lower & 0xFF
    total += lower >> 8
    total += 2
    total >>= 2
    small[:] = total


def _turn_by_numpy(flat: Plane, plane: Plane, turns: int) -> None:
    """By so many quarters clockwise."""
    plane[:] = np.rot90(flat, -turns)


def _halve_by_opencv(large: Plane, small: Plane) -> None:
    cv2.resize(large, (small.shape[1], small.shape[0]), dst=small, interpolation=cv2.INTER_AREA)


def _turn_by_opencv(flat: Plane, plane: Plane, turns: int) -> None:
    cv2.rotate(
        flat, (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)[turns - 1], dst=plane
    )


halve: Callable[[Plane, Plane], None] = _halve_by_opencv if cv2 else _halve_by_numpy
turn: Callable[[Plane, Plane, int], None] = _turn_by_opencv if cv2 else _turn_by_numpy
