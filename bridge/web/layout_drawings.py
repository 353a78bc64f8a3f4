"""Drawings of the layouts for a picker: small SVG pictures of the tiles that pictures are composed of."""

from __future__ import annotations

from typing import Final

from mixer.layout import HEIGHT, NAMES, WIDTH, layout, tiles

GAP: Final = 4  # between pictures, so that a drawing shows them apart


def drawing(name: str) -> str:
    """A layout with all its seats taken, as an SVG document. Colours are the page's own: `currentColor` on nothing."""
    boxes = "".join(
        f'<rect x="{tile.x + GAP}" y="{tile.y + GAP}" width="{tile.width - 2 * GAP}" height="{tile.height - 2 * GAP}"'
        f' rx="{GAP}"/>'
        for tile in tiles(name, layout(name).seats)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" fill="currentColor">{boxes}</svg>'


DRAWINGS: Final = {name: drawing(name) for name in NAMES}
"""All layouts that there are."""
