"""Who is seen in a picture: every peer sends a colour of its own, and the tiles of a layout tell who stands where.

assert seats(anna.snapshot(), "4:0", 2) == ["blue", "lime"]

Only the middle of a tile counts: names and frames lie at its edge, and so do bars beside a picture of another shape.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from mixer.layout import Tile, tiles

Rgb = npt.NDArray[np.uint8]
"""A picture: (height, width, 3), red, green and blue from 0 to 255."""

COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (225, 20, 20),
    "lime": (20, 225, 20),
    "blue": (20, 20, 225),
    "yellow": (225, 225, 20),
    "magenta": (225, 20, 225),
    "cyan": (20, 225, 225),
}
"""What peers send: far apart, whichever matrix a coder takes for its way to YCbCr and back (BT.601, BT.709)."""

NOBODY: Final = ""
"""What a tile shows that has none of these colours: a card, a grey or a crossed camera, the background."""

_TOLERANCE: Final = 75.0  # distance to a colour; half of what is between the nearest two is 102
_MIDDLE: Final = 0.35  # share of a tile's width and height that is looked at


def colour_of(picture: Rgb) -> str:
    """The colour that most of it has, or `NOBODY`."""
    return _name(np.median(picture.reshape(-1, 3), axis=0))


def seats(picture: Rgb, layout: str, faces: int, *, more: bool = False) -> list[str]:
    """The colour of each tile of a layout for so many faces, in the order of seats."""
    height, width = picture.shape[:2]
    return [
        colour_of(middle(picture, tile)) for tile in tiles(layout, faces, more, height=height, width=width)
    ]


def shown(picture: Rgb) -> set[str]:
    """All peers' colours that fill a good part of a picture, wherever they stand: an eighty-fourth of it or more.

    So much have the middles of the smallest tiles that tests use, those of 1:7; blurred edges between two others' tiles
    have less.
    """
    small = picture[::4, ::4].reshape(-1, 3).astype(np.float64)
    found = set()
    for name, colour in COLOURS.items():
        near = np.linalg.norm(small - colour, axis=1) < _TOLERANCE
        if near.mean() > 1 / 84:
            found.add(name)
    return found


def middle(picture: Rgb, tile: Tile) -> Rgb:
    """What is in the middle of a tile."""
    x, y = tile.x + tile.width / 2, tile.y + tile.height / 2
    half_width, half_height = _MIDDLE * tile.width / 2, _MIDDLE * tile.height / 2
    return picture[
        round(y - half_height) : round(y + half_height), round(x - half_width) : round(x + half_width)
    ]


def clean(picture: Rgb, colour: str) -> float:
    """The share of its pixels that have this colour [0 to 1]: a smear has others."""
    flat = picture.reshape(-1, 3).astype(np.float64)
    return float((np.linalg.norm(flat - COLOURS[colour], axis=1) < _TOLERANCE).mean())


def read_picture(source: Path | bytes) -> Rgb:
    """A PNG or JPEG, from a file or as it came. Raises OSError when it is not whole."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return np.asarray(image.convert("RGB"))


def hexadecimal(colour: str) -> str:
    """As programs take it: "e11414"."""
    return bytes(COLOURS[colour]).hex()


def _name(rgb: npt.NDArray[np.float64]) -> str:
    distances = {name: float(np.linalg.norm(rgb - colour)) for name, colour in COLOURS.items()}
    nearest = min(distances, key=lambda name: distances[name])
    return nearest if distances[nearest] < _TOLERANCE else NOBODY
