"""Pictures of any size, shape and rotation fill their tile, whole or cut, and touch nothing beside it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixer.scale
from mixer.picture import BLACK, Colour, Picture
from mixer.scale import Box, middle, place, scale, whole
from tests.mixer.pictures import BLUE, GREEN, RED, SENTINEL, is_plain, noise, plain, same


@pytest.fixture(params=["numpy", "opencv"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "opencv" and importlib.util.find_spec("cv2") is None:
        pytest.skip("OpenCV is not installed")
    for name in ("halve", "turn"):
        monkeypatch.setattr(mixer.scale, name, getattr(mixer.scale, f"_{name}_by_{request.param}"))
    yield


def framed(width: int, height: int) -> tuple[Picture, Picture]:
    """A tile, and the canvas around it."""
    canvas = plain(width + 32, height + 32, SENTINEL)
    return canvas.part(16, 16, width, height), canvas


def untouched(canvas: Picture) -> bool:
    """Nothing but the tile was drawn into."""
    width, height = canvas.width, canvas.height
    borders = (
        (0, 0, width, 16),
        (0, height - 16, width, 16),
        (0, 0, 16, height),
        (width - 16, 0, 16, height),
    )
    return all(is_plain(canvas.part(*border), SENTINEL) for border in borders)


def test_equal_sizes_are_copied() -> None:
    source = noise(640, 360)
    tile, canvas = framed(640, 360)
    scale(source, tile)
    assert same(source, tile) and untouched(canvas)


@pytest.mark.usefixtures("kernels")
def test_half_the_size_is_the_mean_of_four() -> None:
    source = noise(640, 360)
    tile, canvas = framed(320, 180)
    scale(source, tile)
    for large, small in zip(source.planes(), tile.planes(), strict=True):
        four = large.reshape(small.shape[0], 2, small.shape[1], 2).astype(int)
        assert np.array_equal(small, (four.sum(axis=(1, 3)) + 2) >> 2)
    assert untouched(canvas)


SIZES = ((640, 360), (1280, 720), (320, 240), (176, 144), (352, 288), (360, 640), (64, 48), (2, 2), (98, 54))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tile_size", [(640, 360), (256, 144), (1088, 612), (180, 100), (44, 24)])
def test_a_plain_picture_stays_plain_at_any_ratio(size: tuple[int, int], tile_size: tuple[int, int]) -> None:
    tile, canvas = framed(*tile_size)
    scale(plain(*size, RED), tile)
    assert is_plain(tile, RED, tolerance=1) and untouched(canvas)


@pytest.mark.parametrize("tile_size", [(256, 144), (640, 360), (424, 240)])
def test_a_scaled_picture_lies_where_it_lay(tile_size: tuple[int, int]) -> None:
    source = plain(640, 360, RED)
    source.part(320, 0, 320, 360).fill(BLUE)
    tile, _ = framed(*tile_size)
    scale(source, tile)
    width, height = tile_size
    half = width // 4 * 2
    assert is_plain(tile.part(0, 0, half - 8, height), RED, tolerance=1)
    assert is_plain(tile.part(half + 8, 0, half - 8, height), BLUE, tolerance=1)


def quarters(width: int, height: int, shades: tuple[Colour, Colour, Colour, Colour]) -> Picture:
    """Four colours: upper left, upper right, lower left, lower right."""
    made = Picture.make(width, height)
    for at, shade in enumerate(shades):
        made.part(at % 2 * width // 2, at // 2 * height // 2, width // 2, height // 2).fill(shade)
    return made


WHITE = Colour(235)
LYING = (RED, GREEN, BLUE, WHITE)
TURNED = {
    0: LYING,
    90: (BLUE, RED, WHITE, GREEN),
    180: (WHITE, BLUE, GREEN, RED),
    270: (GREEN, WHITE, RED, BLUE),
}


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("rotation", TURNED)
@pytest.mark.parametrize("size", [(640, 360), (320, 180), (160, 80)])
def test_rotation_is_clockwise(rotation: int, size: tuple[int, int]) -> None:
    source = quarters(*size, LYING)
    source.rotation = rotation
    tile, canvas = framed(320, 180) if rotation in (0, 180) else framed(180, 320)
    scale(source, tile)
    width, height = tile.width // 2, tile.height // 2
    for at, shade in enumerate(TURNED[rotation]):
        corner = tile.part(at % 2 * width, at // 2 * height, width, height).part(
            10, 10, width - 20, height - 20
        )
        assert is_plain(corner, shade, tolerance=1)
    assert untouched(canvas)
    assert source.rotation == rotation


@pytest.mark.usefixtures("kernels")
def test_a_turned_picture_of_the_right_size_is_only_turned() -> None:
    source = noise(640, 360)
    source.rotation = 90
    tile, _ = framed(360, 640)
    scale(source, tile)
    assert np.array_equal(tile.y, np.rot90(source.y, -1)) and np.array_equal(tile.v, np.rot90(source.v, -1))


@pytest.mark.parametrize(
    ("size", "tile", "box"),
    [
        ((640, 360), (640, 360), Box(0, 0, 640, 360)),
        ((640, 480), (640, 360), Box(80, 0, 480, 360)),
        ((360, 640), (640, 360), Box(218, 0, 202, 360)),
        ((1280, 544), (640, 360), Box(0, 44, 640, 272)),
        ((640, 360), (180, 100), Box(0, 0, 180, 100)),  # a trifle off: no bars
        ((10_000, 2), (640, 360), Box(0, 178, 640, 2)),
    ],
)
def test_a_picture_is_whole_in_the_middle_of_its_tile(
    size: tuple[int, int], tile: tuple[int, int], box: Box
) -> None:
    assert whole(*size, *tile) == box


@pytest.mark.parametrize(
    ("size", "tile", "box"),
    [
        ((640, 480), (640, 360), Box(0, 60, 640, 360)),
        ((360, 640), (640, 360), Box(0, 218, 360, 202)),
        ((10_000, 2), (640, 360), Box(4998, 0, 4, 2)),
    ],
)
def test_the_middle_of_a_picture_fills_its_tile(
    size: tuple[int, int], tile: tuple[int, int], box: Box
) -> None:
    assert middle(*size, *tile) == box


EVEN = st.integers(8, 400).map(lambda half: 2 * half)


@given(EVEN, EVEN, EVEN, EVEN)
def test_boxes_are_even_and_inside(width: int, height: int, across: int, down: int) -> None:
    inside = (whole(width, height, across, down), (across, down))
    for found, outer in (inside, (middle(width, height, across, down), (width, height))):
        assert not (found.x | found.y | found.width | found.height) & 1
        assert found.width > 0 and found.height > 0 and found.x >= 0 and found.y >= 0
        assert found.x + found.width <= outer[0] and found.y + found.height <= outer[1]


@settings(deadline=None, max_examples=40)
@given(
    EVEN,
    EVEN,
    st.sampled_from([(640, 360), (180, 100), (44, 24)]),
    st.booleans(),
    st.sampled_from([0, 90, 180, 270]),
)
def test_nothing_is_drawn_beside_the_tile(
    width: int, height: int, tile_size: tuple[int, int], letterbox: bool, rotation: int
) -> None:
    tile, canvas = framed(*tile_size)
    source = plain(width, height, RED)
    source.rotation = rotation
    place(source, tile, letterbox)
    assert untouched(canvas)
    assert np.any(np.abs(tile.v.astype(int) - RED.v) <= 1)
    assert not np.any(tile.y == SENTINEL.y)  # all of it was drawn


def test_bars_are_black() -> None:
    tile, _ = framed(640, 360)
    place(plain(640, 480, RED), tile)
    assert is_plain(tile.part(0, 0, 80, 360), BLACK) and is_plain(tile.part(560, 0, 80, 360), BLACK)
    assert is_plain(tile.part(80, 0, 480, 360), RED, tolerance=1)


def test_what_is_cut_is_cut_at_both_sides() -> None:
    source = plain(640, 480, RED)
    source.part(0, 60, 640, 360).fill(BLUE)
    tile, _ = framed(640, 360)
    place(source, tile, letterbox=False)
    assert is_plain(tile, BLUE)


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_picture_that_remembers_its_sizes_looks_the_same_each_time(rotation: int) -> None:
    source = noise(192, 108)
    source.rotation = rotation
    forgetful, first, again = (Picture.make(80, 44) for _ in range(3))
    scale(source, forgetful)
    source.sizes = {}
    scale(source, first)
    scale(source, again)
    assert list(source.sizes) == [(80, 44)]
    assert same(forgetful, first) and same(forgetful, again)
