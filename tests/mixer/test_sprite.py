"""What is drawn once is laid over pictures exactly, cut at their edges, and touches nothing else."""

from __future__ import annotations

import pytest
from PIL import Image

from mixer.picture import BLACK, Colour, colour
from mixer.signs import Sign, sign
from mixer.sprite import Pen, Sprite, clear, paint
from tests.mixer.pictures import SENTINEL, is_plain, plain

SHADE = (90, 200, 40)


def test_opaque_covers_all_and_clear_nothing() -> None:
    for opacity, expected in ((255, colour(*SHADE)), (0, SENTINEL)):
        canvas = plain(64, 36, SENTINEL)
        Sprite(Image.new("RGBA", (16, 8), (*SHADE, opacity))).draw(canvas, 8, 4)
        assert is_plain(canvas.part(8, 4, 16, 8), expected, tolerance=1)
        assert is_plain(canvas.part(0, 0, 64, 4), SENTINEL) and is_plain(canvas.part(24, 0, 40, 36), SENTINEL)


@pytest.mark.parametrize("below", [Colour(16), Colour(235), Colour(255, 255, 255), Colour(0, 0, 0)])
@pytest.mark.parametrize("opacity", range(0, 256, 5))
def test_no_sum_runs_over(below: Colour, opacity: int) -> None:
    canvas = plain(16, 8, below)
    Sprite(Image.new("RGBA", (16, 8), (255, 255, 255, opacity))).draw(canvas, 0, 0)
    share = opacity / 255
    expected = [round(old * (1 - share) + new * share) for old, new in zip(below, Colour(235), strict=True)]
    assert is_plain(canvas, Colour(*expected), tolerance=2)


@pytest.mark.parametrize("place", [(-8, -4), (56, 30), (-100, 0), (64, 0), (0, -36), (-8, 0), (2, 34)])
def test_cut_at_the_edges(place: tuple[int, int]) -> None:
    outer = plain(96, 68, SENTINEL)
    canvas = outer.part(16, 16, 64, 36)
    sprite = Sprite(Image.new("RGBA", (16, 8), (*SHADE, 255)))
    sprite.draw(canvas, *place)
    x, y = place
    inside = max(0, min(64, x + 16) - max(0, x)) * max(0, min(36, y + 8) - max(0, y))
    assert int((outer.y != SENTINEL.y).sum()) == inside
    assert int((outer.u != SENTINEL.u).sum()) == inside // 4


def test_odd_sizes_get_a_clear_edge() -> None:
    sprite = Sprite(Image.new("RGBA", (7, 3), (*SHADE, 255)))
    assert (sprite.width, sprite.height) == (8, 4)
    canvas = plain(16, 8, BLACK)
    sprite.draw(canvas, 0, 0)
    assert int((canvas.y != BLACK.y).sum()) == 21


@pytest.mark.parametrize("kind", Sign)
@pytest.mark.parametrize("size", [8, 12, 24, 99])
def test_every_sign_in_every_size(kind: Sign, size: int) -> None:
    mask = sign(kind, size)
    assert mask.size == (size, size)
    low, high = mask.getextrema()
    assert low == 0 and isinstance(high, int | float) and high > 100


def test_a_pen_leaves_its_image_alone_outside_of_what_it_draws() -> None:
    pen = Pen(20, 20)
    pen.box((5, 5, 15, 15), 2)
    image = clear(20, 20)
    paint(image, pen.mask(), 0, 0, SHADE)
    assert image.getbbox() == (5, 5, 15, 15)
    assert image.getpixel((10, 10)) == (*SHADE, 255)
