"""Something drawn once with Pillow and laid over pictures many times: a name, a sign, a disc with initials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mixer.palette import Shade
from mixer.picture import LEAST, NEUTRAL, Picture, Plane

_Weights = npt.NDArray[np.uint16]
_FINE = 4  # shapes are drawn so many times as large, and made smaller: Pillow's own edges are rough

# From RGB to Y, U and V of BT.601 in limited range.
_MATRIX = np.array(
    [
        [0.299 * 219 / 255, 0.587 * 219 / 255, 0.114 * 219 / 255],
        [-0.147644, -0.289856, 0.4375],
        [0.4375, -0.366352, -0.071148],
    ],
    np.float32,
)


class _Layer(NamedTuple):
    """One plane of it: `ink`, colour times opacity; `keep`: what remains of the picture below; both in 256ths."""

    ink: _Weights
    keep: _Weights


class Sprite:
    """`width`, `height` [pixels, even]. It may be laid over any picture at any even place, and is never changed."""

    __slots__ = ("_layers", "height", "width")

    def __init__(self, image: Image.Image) -> None:
        """From an RGBA image of any size; where that is odd, a clear row or column is added."""
        self.width = (image.width + 1) // 2 * 2
        self.height = (image.height + 1) // 2 * 2
        rgba = np.zeros((self.height, self.width, 4), np.float32)
        rgba[: image.height, : image.width] = np.asarray(image.convert("RGBA"))
        opacity = rgba[:, :, 3] * np.float32(256 / 255)
        offset = np.array([LEAST, NEUTRAL, NEUTRAL], np.float32)
        ink = (rgba[:, :, :3] @ _MATRIX.T + offset) * opacity[:, :, np.newaxis]
        self._layers = (
            _layer(ink[:, :, 0], opacity),
            _layer(_quarter(ink[:, :, 1]), _quarter(opacity)),
            _layer(_quarter(ink[:, :, 2]), _quarter(opacity)),
        )

    def draw(self, target: Picture, x: int, y: int) -> None:
        """Lay it over a picture with its upper left corner at (x, y), both even; what lies outside is left out."""
        left, top = max(0, -x), max(0, -y)
        right, bottom = min(self.width, target.width - x), min(self.height, target.height - y)
        if left >= right or top >= bottom:
            return
        for shift, plane, layer in zip((0, 1, 1), target.planes(), self._layers, strict=True):
            rows, columns = slice(top >> shift, bottom >> shift), slice(left >> shift, right >> shift)
            below = plane[
                (y + top) >> shift : (y + bottom) >> shift, (x + left) >> shift : (x + right) >> shift
            ]
            _blend(below, layer.ink[rows, columns], layer.keep[rows, columns])


def _blend(below: Plane, ink: _Weights, keep: _Weights) -> None:
    mixed = below * keep
    mixed += ink
    mixed >>= 8
    below[:] = mixed


def _quarter(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean of each four, as chroma wants it."""
    return (plane[::2, ::2] + plane[::2, 1::2] + plane[1::2, ::2] + plane[1::2, 1::2]) / np.float32(4)


def _layer(ink: npt.NDArray[np.float32], opacity: npt.NDArray[np.float32]) -> _Layer:
    """Rounded, with half a step more for what is cut off: at most 65528 together with the whitest picture below."""
    return _Layer(np.round(ink + 128).astype(np.uint16), (256 - np.round(opacity)).astype(np.uint16))


class Pen:
    """Draws shapes with soft edges into an image, in units of which `scale` make a pixel's size."""

    def __init__(self, width: int, height: int, scale: float = 1.0) -> None:
        """For a mask of so many pixels."""
        self._size = (width, height)
        self._scale = scale * _FINE
        self._mask = Image.new("L", (width * _FINE, height * _FINE), 0)
        self._pencil = ImageDraw.Draw(self._mask)

    def _at(self, *numbers: float) -> list[float]:
        return [number * self._scale for number in numbers]

    def line(self, points: tuple[float, ...], width: float, shade: int = 255) -> None:
        """A line through points (x, y, x, y, ...) with round ends and corners."""
        placed = self._at(*points)
        across = max(1, round(width * self._scale))
        self._pencil.line(placed, shade, across, joint="curve")
        for x, y in _pairs(placed):
            self._pencil.ellipse([x - across / 2, y - across / 2, x + across / 2, y + across / 2], shade)

    def arc(self, box: tuple[float, float, float, float], start: float, end: float, width: float) -> None:
        """A part of an ellipse within a box, clockwise from one angle to another [degrees, 0 = three o'clock]."""
        half = width / 2
        grown = self._at(box[0] - half, box[1] - half, box[2] + half, box[3] + half)
        self._pencil.arc(
            (grown[0], grown[1], grown[2], grown[3]), start, end, 255, max(1, round(width * self._scale))
        )

    def box(
        self, box: tuple[float, float, float, float], radius: float, width: float = 0, shade: int = 255
    ) -> None:
        """A rectangle with round corners, filled, or only its edge of some width."""
        left, top, right, bottom = self._at(*box)
        corner = radius * self._scale
        if width:
            edge = max(1, round(width * self._scale))
            self._pencil.rounded_rectangle(
                (left, top, right - 1, bottom - 1), corner, outline=shade, width=edge
            )
        else:
            self._pencil.rounded_rectangle((left, top, right - 1, bottom - 1), corner, fill=shade)

    def shape(self, points: tuple[float, ...]) -> None:
        """A filled shape with corners (x, y, x, y, ...)."""
        self._pencil.polygon(self._at(*points), 255)

    def disc(self, x: float, y: float, radius: float) -> None:
        """A filled circle."""
        left, top, right, bottom = self._at(x - radius, y - radius, x + radius, y + radius)
        self._pencil.ellipse((left, top, right - 1, bottom - 1), 255)

    def mask(self) -> Image.Image:
        """What was drawn, in the size that it is to have."""
        return self._mask.resize(self._size, Image.Resampling.BOX)


def _pairs(numbers: list[float]) -> Iterator[tuple[float, float]]:
    return zip(numbers[::2], numbers[1::2], strict=True)


def clear(width: int, height: int) -> Image.Image:
    """An RGBA image with nothing in it."""
    return Image.new("RGBA", (width, height), (0, 0, 0, 0))


def paint(image: Image.Image, mask: Image.Image, x: int, y: int, shade: Shade, opacity: int = 255) -> None:
    """Lay one colour over an image where a mask says so."""
    layer = Image.new("RGBA", mask.size, (*shade, 0))
    layer.putalpha(mask if opacity == 255 else mask.point([value * opacity // 255 for value in range(256)]))
    image.alpha_composite(layer, (x, y))
