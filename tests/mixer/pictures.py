"""Pictures for the tests."""

from __future__ import annotations

import numpy as np

from mixer.picture import Colour, Picture

RED = Colour(81, 90, 240)
GREEN = Colour(145, 54, 34)
BLUE = Colour(41, 240, 110)
SENTINEL = Colour(77, 33, 222)


def plain(width: int, height: int, shade: Colour) -> Picture:
    """A picture of one colour."""
    made = Picture.make(width, height)
    made.fill(shade)
    return made


def noise(width: int, height: int, seed: int = 1) -> Picture:
    """A picture in which no two places are alike."""
    random = np.random.default_rng(seed)
    made = Picture.make(width, height)
    for plane in made.planes():
        plane[:] = random.integers(16, 236, plane.shape)
    return made


def same(one: Picture, other: Picture) -> bool:
    """Tell whether two pictures are alike in each sample."""
    return all(np.array_equal(left, right) for left, right in zip(one.planes(), other.planes(), strict=True))


def is_plain(picture: Picture, shade: Colour, tolerance: int = 0) -> bool:
    """Tell whether a picture is of one colour."""
    return all(
        bool(np.all(np.abs(plane.astype(int) - value) <= tolerance))
        for plane, value in zip(picture.planes(), shade, strict=True)
    )
