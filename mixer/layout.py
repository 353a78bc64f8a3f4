"""Where each seat of a layout lies on the canvas (behaviours.md C5). No pixels are touched here.

A layout is a file in `mixer/layouts`. It lists arrangements, from the one with the fewest seats to the one with all:
the first with room for everybody is taken, so few people get few, large, equal tiles. An arrangement is bands of
equal cells, from top to bottom, in pixels of 1280x720, all even; each row is centred, also one that is not full:

    rows, columns, width, height   of cells;   y: of the first row;   gap, row_gap: between cells, 0 if not given
    main = true                    the large ones of the layout; these bands come first

Tiles are never odd in any number and never overlap, on a canvas of any even size: chroma is half as large as luma.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

WIDTH: Final = 1280
HEIGHT: Final = 720
NAMES: Final = ("1:0", "1:7", "1:21", "2:21", "1:33", "4:0", "9:0", "16:0", "25:0")
"""All layouts that there are, in the order in which they are offered."""

FOLDER: Final = Path(__file__).parent / "layouts"
_MOST_CELLS: Final = 100


class LayoutError(Exception):
    """A layout file cannot be used; each line of the text says where, and why."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of the canvas for one face [pixels, even]. `main`: one of the large ones of its layout."""

    x: int
    y: int
    width: int
    height: int
    main: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """Rows of equal cells in the middle of the canvas [pixels of 1280x720, even]."""

    rows: int
    columns: int
    y: int
    width: int
    height: int
    gap: int = 0
    row_gap: int = 0
    main: bool = False

    @property
    def cells(self) -> int:
        """How many faces it has room for."""
        return self.rows * self.columns

    @property
    def across(self) -> int:
        """Width of a full row [pixels]."""
        return self.columns * (self.width + self.gap) - self.gap

    @property
    def bottom(self) -> int:
        """Where the band ends [pixels]."""
        return self.y + self.rows * (self.height + self.row_gap) - self.row_gap


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Bands from top to bottom."""

    bands: tuple[Band, ...]

    @property
    def cells(self) -> int:
        """How many faces it has room for."""
        return sum(band.cells for band in self.bands)


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout as its file has it."""

    name: str
    arrangements: tuple[Arrangement, ...]

    @property
    def seats(self) -> int:
        """The most faces that it shows."""
        return self.arrangements[-1].cells

    @property
    def mains(self) -> int:
        """How many of the seats are large ones; they are the first."""
        return sum(band.cells for band in self.arrangements[-1].bands if band.main)


# -- from names to tiles --------------------------------------------------------------------------------------------


def layout(name: str) -> Layout:
    """A layout by its name, one of `NAMES`. Raises KeyError."""
    return LAYOUTS[name]


@lru_cache(maxsize=1024)
def tiles(
    name: str,
    faces: int,
    more: bool = False,
    *,
    height: int = HEIGHT,
    width: int = 0,
    fixed_grid: bool = False,
) -> tuple[Tile, ...]:
    """The tiles for so many faces, in the order of seats, one for each face that finds a seat.

    `more`: people are left over, and one tile more, the last, is for their number (if no seat is left for it, there is
    none, and the number stands in a corner of the last face). `height`, `width`: of the canvas, even; no width: 16:9.
    `fixed_grid`: tiles are as small, and stand as they do, when all seats are taken. Raises KeyError.
    """
    kind = layout(name)
    wanted = min(max(faces, 0) + more, kind.seats)
    chosen = next(each for each in kind.arrangements if each.cells >= wanted)
    if fixed_grid:
        chosen = kind.arrangements[-1]
    across = width or height * 16 // 9 // 2 * 2
    return tuple(_scaled(tile, across, height) for tile in _filled(chosen, wanted, fixed_grid))


def _filled(arrangement: Arrangement, wanted: int, fixed_grid: bool) -> Iterator[Tile]:
    """So many tiles of an arrangement, in pixels of 1280x720; each row in the middle, or as if it were full."""
    left = wanted
    for band in arrangement.bands:
        for row in range(band.rows):
            here = min(left, band.columns)
            left -= here
            shown = band.columns if fixed_grid else here
            start = (WIDTH - shown * (band.width + band.gap) + band.gap) // 4 * 2
            y = band.y + row * (band.height + band.row_gap)
            for column in range(here):
                x = start + column * (band.width + band.gap)
                yield Tile(x, y, band.width, band.height, band.main)


def _scaled(tile: Tile, width: int, height: int) -> Tile:
    """The same tile on a canvas of another size.

    Corners go to the nearest even pixel, sizes down to an even number: what was equal stays equal, and since two
    rounded corners are never nearer than their rounded-down distance, what lay apart still does.
    """
    return Tile(
        (tile.x * width + WIDTH) // (2 * WIDTH) * 2,
        (tile.y * height + HEIGHT) // (2 * HEIGHT) * 2,
        tile.width * width // (2 * WIDTH) * 2,
        tile.height * height // (2 * HEIGHT) * 2,
        tile.main,
    )


# -- from files to layouts ------------------------------------------------------------------------------------------


def load(folder: Path = FOLDER) -> dict[str, Layout]:
    """All layouts of a folder by name. Raises LayoutError with all that is wrong in any file."""
    found: dict[str, Layout] = {}
    mistakes: list[str] = []
    for name in NAMES:
        path = folder / (name.replace(":", "-") + ".toml")
        try:
            found[name] = parse(path.read_text("utf-8"), path.name, name)
        except LayoutError as error:
            mistakes += error.mistakes
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(f"{path.name}: cannot be read: {error}")
    if mistakes:
        raise LayoutError(mistakes)
    return found


def parse(text: str, file: str, name: str) -> Layout:
    """One layout from its TOML text; `file`: for messages; `name`: that it must have. Raises LayoutError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LayoutError([f"{file}: {error}"]) from None
    mistakes: list[str] = []
    arrangements = tuple(_arrangements(document, mistakes))
    if document.get("name") != name:
        mistakes.append(f'name: must be "{name}"')
    mistakes += [f"{key}: unknown key" for key in document.keys() - {"name", "arrangement"}]
    if not mistakes:
        mistakes += _broken_rules(name, arrangements)
    if mistakes:
        raise LayoutError([f"{file}: {mistake}" for mistake in mistakes])
    return Layout(name, arrangements)


def _arrangements(document: dict[str, object], mistakes: list[str]) -> Iterator[Arrangement]:
    for at, raw in enumerate(_tables(document, "arrangement", "", mistakes)):
        where = f"arrangement[{at}]"
        mistakes += [f"{where}.{key}: unknown key" for key in raw.keys() - {"bands"}]
        bands = tuple(
            _band(each, f"{where}.bands[{row}]", mistakes)
            for row, each in enumerate(_tables(raw, "bands", f"{where}.", mistakes))
        )
        mistakes += _misplaced(bands, where)
        yield Arrangement(bands)


def _tables(raw: dict[str, object], key: str, where: str, mistakes: list[str]) -> list[dict[str, object]]:
    value = raw.get(key)
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return value
    mistakes.append(f"{where}{key}: must be a list of tables")
    return []


def _band(raw: dict[str, object], where: str, mistakes: list[str]) -> Band:
    """A band; where a value is no good, another stands in for it, so that reading can go on."""
    values: dict[str, int] = {}
    known = {field.name: field for field in fields(Band)}
    mistakes += [f"{where}.{key}: unknown key" for key in raw.keys() - known.keys()]
    for key, field in known.items():
        value = raw.get(key, None if field.default is MISSING else field.default)
        least = 0 if key in {"y", "gap", "row_gap"} else 1 if key in {"rows", "columns"} else 2
        if key == "main":
            if type(value) is not bool:
                mistakes.append(f"{where}.main: must be true or false")
        elif type(value) is not int or not least <= value <= WIDTH:
            mistakes.append(f"{where}.{key}: must be a whole number from {least} to {WIDTH}")
            value = least
        elif key not in {"rows", "columns"} and value % 2:
            mistakes.append(f"{where}.{key}: must be even")
        values[key] = value  # type: ignore[assignment]
    return Band(**values)  # type: ignore[arg-type]


def _misplaced(bands: Iterable[Band], where: str) -> Iterator[str]:
    """What lies outside of the canvas or over something else."""
    placed = [(f"{where}.bands[{at}]", band) for at, band in enumerate(bands)]
    for here, band in placed:
        if band.across > WIDTH:
            yield f"{here}: {band.columns} cells of {band.width} are wider than {WIDTH}"
        if band.bottom > HEIGHT:
            yield f"{here}: ends at {band.bottom}, below the canvas of {HEIGHT}"
    for (_, above), (here, below) in pairwise(placed):
        if below.y < above.bottom:
            yield f"{here}: begins at {below.y}, over what ends at {above.bottom}"
        if below.main and not above.main:
            yield f"{here}: large tiles come before small ones"


def _broken_rules(name: str, arrangements: tuple[Arrangement, ...]) -> Iterator[str]:
    """What holds between the parts of a file, each of which is right by itself."""
    mains, small = (int(part) for part in name.split(":"))
    for at, (smaller, larger) in enumerate(pairwise(arrangements), 1):
        if larger.cells <= smaller.cells:
            yield f"arrangement[{at}]: has no more seats than the one before"
    last = Layout(name, arrangements)
    if last.seats > _MOST_CELLS or (last.mains, last.seats - last.mains) != (mains, small):
        yield f"arrangement[{len(arrangements) - 1}]: must have {mains} large and {small} small seats"


LAYOUTS: Final = load()
"""The layouts that come along, by name."""
