"""Drawings of the layouts for a picker: small SVG pictures, made from one table of geometry (behaviours.md C5)."""

from __future__ import annotations

from typing import Final, NamedTuple

from mixer.layout import NAMES

WIDTH: Final = 1280
HEIGHT: Final = 720
GAP: Final = 4  # between pictures, so that a drawing shows them apart


class Cell(NamedTuple):
    """One picture in a layout, in pixels of 1280x720."""

    x: int
    y: int
    width: int
    height: int


class Geometry(NamedTuple):
    """Large pictures beside each other in a band of `main_height` at the top, small ones in rows below."""

    mains: int
    main_columns: int
    main_height: int
    rows: int
    columns: int


GEOMETRY: Final[dict[str, Geometry]] = {
    "1:0": Geometry(1, 1, HEIGHT, 0, 0),
    "1:7": Geometry(1, 1, 612, 1, 7),
    "1:21": Geometry(1, 1, 412, 3, 7),
    "2:21": Geometry(2, 2, 412, 3, 7),
    "1:33": Geometry(1, 1, 524, 3, 11),
    "4:0": Geometry(4, 2, HEIGHT, 0, 0),
    "9:0": Geometry(9, 3, HEIGHT, 0, 0),
    "16:0": Geometry(16, 4, HEIGHT, 0, 0),
    "25:0": Geometry(25, 5, HEIGHT, 0, 0),
}


def cells(name: str) -> tuple[Cell, ...]:
    """The pictures of a layout, large ones first, each 16:9 and row by row from the upper left."""
    shape = GEOMETRY[name]
    main_rows = -(-shape.mains // shape.main_columns)
    mains = _grid(0, shape.main_height, main_rows, shape.main_columns)[: shape.mains]
    small = _grid(shape.main_height, HEIGHT - shape.main_height, shape.rows, shape.columns)
    return (*mains, *small)


def _grid(top: int, height: int, rows: int, columns: int) -> list[Cell]:
    """Cells of 16:9, as large as fit into a band of the canvas, in its middle."""
    if not rows:
        return []
    width = min(WIDTH // columns, height // rows * 16 // 9)
    tall = width * 9 // 16
    left, above = (WIDTH - width * columns) // 2, top + (height - tall * rows) // 2
    return [
        Cell(left + column * width, above + row * tall, width, tall)
        for row in range(rows)
        for column in range(columns)
    ]


def drawing(name: str) -> str:
    """A layout as an SVG document. Colours are the page's own: `currentColor` on nothing."""
    boxes = "".join(
        f'<rect x="{cell.x + GAP}" y="{cell.y + GAP}" width="{cell.width - 2 * GAP}" height="{cell.height - 2 * GAP}"'
        f' rx="{GAP}"/>'
        for cell in cells(name)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" fill="currentColor">{boxes}</svg>'


DRAWINGS: Final = {name: drawing(name) for name in NAMES}
"""All layouts that there are."""
