"""Layouts: few people get few, large, equal tiles; no tile overlaps another or is cut off; a bad file says why."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.layout import HEIGHT, NAMES, LayoutError, Tile, layout, load, parse, tiles

GRIDS = ("1:0", "4:0", "9:0", "16:0", "25:0")
SIZES = ((1920, 1080), (1280, 720), (640, 360), (320, 180), (352, 288))


def apart(one: Tile, other: Tile) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fixed_grid", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_tiles_are_even_and_apart_and_inside(name: str, fixed_grid: bool, size: tuple[int, int]) -> None:
    width, height = size
    for faces in range(layout(name).seats + 1):
        found = tiles(name, faces, height=height, width=width, fixed_grid=fixed_grid)
        assert len(found) == faces
        for tile in found:
            assert not (tile.x | tile.y | tile.width | tile.height) & 1
            assert tile.width > 0 and tile.height > 0 and tile.x >= 0 and tile.y >= 0
            assert tile.x + tile.width <= width and tile.y + tile.height <= height
        assert all(apart(one, other) for one, other in combinations(found, 2))
        assert len({(tile.width, tile.height) for tile in found if tile.main}) <= 1  # equally large


@given(st.sampled_from(NAMES), st.integers(0, 40), st.integers(80, 2000), st.integers(45, 1200))
def test_any_even_canvas_will_do(name: str, faces: int, half_width: int, half_height: int) -> None:
    width, height = 2 * half_width, 2 * half_height
    found = tiles(name, faces, width=width, height=height)
    assert all(tile.x + tile.width <= width and tile.y + tile.height <= height for tile in found)
    assert all(apart(one, other) for one, other in combinations(found, 2))


def test_a_grid_has_the_fewest_equal_cells_that_fit() -> None:
    expected = {1: (1280, 720), 2: (640, 360), 3: (640, 360), 4: (640, 360), 5: (424, 240), 6: (424, 240)}
    expected |= dict.fromkeys((7, 8, 9), (424, 240)) | dict.fromkeys(range(10, 17), (320, 180))
    expected |= dict.fromkeys(range(17, 26), (256, 144))
    for name in GRIDS:
        for faces in range(1, layout(name).seats + 1):
            found = tiles(name, faces)
            assert {(tile.width, tile.height) for tile in found} == {expected[faces]}
            assert all(tile.main for tile in found)


def test_two_stand_beside_each_other_in_the_middle() -> None:
    assert tiles("4:0", 2) == (Tile(0, 180, 640, 360, True), Tile(640, 180, 640, 360, True))


def test_four_fill_the_canvas() -> None:
    assert [(tile.x, tile.y) for tile in tiles("4:0", 4)] == [(0, 0), (640, 0), (0, 360), (640, 360)]


def test_the_third_of_three_stands_in_the_middle_of_its_row_unless_the_grid_is_fixed() -> None:
    assert tiles("4:0", 3)[2] == Tile(320, 360, 640, 360, True)
    assert tiles("4:0", 3, fixed_grid=True)[2] == Tile(0, 360, 640, 360, True)


def test_one_large_and_seven_small() -> None:
    main, *small = tiles("1:7", 8)
    assert main == Tile(96, 0, 1088, 612, True)
    assert {(tile.width, tile.height, tile.y, tile.main) for tile in small} == {(180, 100, 616, False)}
    assert small[0].x == HEIGHT * 16 // 9 - small[-1].x - small[-1].width  # in the middle
    assert tiles("1:7", 3)[0] == main  # the large one is as large however few are below it
    left, right = tiles("1:7", 3)[1:]
    assert abs(left.x - (1280 - right.x - 180)) <= 2  # in the middle, as far as even numbers allow


@pytest.mark.parametrize(
    ("name", "seats", "mains"), [("1:7", 8, 1), ("2:21", 23, 2), ("1:33", 34, 1), ("9:0", 9, 9)]
)
def test_seats(name: str, seats: int, mains: int) -> None:
    assert (layout(name).seats, layout(name).mains) == (seats, mains)
    assert sum(tile.main for tile in tiles(name, seats)) == mains


def test_the_number_of_those_left_over_takes_a_seat_of_its_own() -> None:
    assert tiles("4:0", 3, True) == tiles("4:0", 4)
    assert tiles("4:0", 4, True) == tiles("4:0", 4)
    assert tiles("4:0", 9) == tiles("4:0", 4)
    assert tiles("1:0", 1, True) == tiles("1:0", 1)


def test_an_unknown_layout() -> None:
    with pytest.raises(KeyError):
        tiles("3:3", 1)


GOOD = """
name = "1:7"
[[arrangement]]
bands = [
    { main = true, rows = 1, columns = 1, y = 0, width = 1088, height = 612 },
    { rows = 1, columns = 7, y = 616, width = 180, height = 100, gap = 2 },
]
"""


def test_a_good_file() -> None:
    assert parse(GOOD, "1-7.toml", "1:7").seats == 8


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("y = 616", "y = 600", "1-7.toml: arrangement[0].bands[1]: begins at 600, over what ends at 612"),
        ("y = 616", "y = 640", "1-7.toml: arrangement[0].bands[1]: ends at 740, below the canvas of 720"),
        ("y = 616", "y = 615", "1-7.toml: arrangement[0].bands[1].y: must be even"),
        (
            "width = 180",
            "width = 184",
            "1-7.toml: arrangement[0].bands[1]: 7 cells of 184 are wider than 1280",
        ),
        ("gap = 2", "gab = 2", "1-7.toml: arrangement[0].bands[1].gab: unknown key"),
        (
            "gap = 2",
            "gap = -2",
            "1-7.toml: arrangement[0].bands[1].gap: must be a whole number from 0 to 1280",
        ),
        (
            "width = 180, ",
            "",
            "1-7.toml: arrangement[0].bands[1].width: must be a whole number from 2 to 1280",
        ),
        ("columns = 7", 'columns = "7"', "1-7.toml: arrangement[0].bands[1].columns: must be a whole number"),
        ("main = true", "main = 1", "1-7.toml: arrangement[0].bands[0].main: must be true or false"),
        ("gap = 2", "main = true", "1-7.toml: arrangement[0]: must have 1 large and 7 small seats"),
        ('"1:7"', '"1:8"', '1-7.toml: name: must be "1:7"'),
        ("bands = [", "bands = 3 #", "1-7.toml: "),
        ("[[arrangement]]", "[arrangement]", "1-7.toml: arrangement: must be a list of tables"),
    ],
)
def test_what_is_wrong_with_a_file(old: str, new: str, why: str) -> None:
    with pytest.raises(LayoutError) as error:
        parse(GOOD.replace(old, new, 1), "1-7.toml", "1:7")
    assert any(mistake.startswith(why) for mistake in error.value.mistakes), error.value


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(LayoutError) as error:
        parse(GOOD.replace("616", "615").replace("1088", "1087"), "1-7.toml", "1:7")
    assert len(error.value.mistakes) == 2


def test_a_folder_without_them(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match=r"4-0\.toml: cannot be read"):
        load(tmp_path)
