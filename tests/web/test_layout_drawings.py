"""Each layout has a drawing, whose pictures are 16:9, lie on the canvas, and do not cover each other."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bridge.web.layout_drawings import DRAWINGS, GEOMETRY, HEIGHT, WIDTH, cells
from mixer.layout import NAMES


def test_every_layout_is_drawn() -> None:
    assert tuple(DRAWINGS) == NAMES
    assert set(GEOMETRY) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_there_are_as_many_pictures_as_the_name_says(name: str) -> None:
    large, small = map(int, name.split(":"))
    found = cells(name)
    assert len(found) == large + small
    for cell in found:
        assert cell.x >= 0 and cell.x + cell.width <= WIDTH
        assert cell.y >= 0 and cell.y + cell.height <= HEIGHT
        assert abs(cell.width / cell.height - 16 / 9) < 0.03
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            apart = (
                one.x + one.width <= other.x or other.x + other.width <= one.x
                or one.y + one.height <= other.y or other.y + other.height <= one.y
            )  # fmt: skip
            assert apart
    if small:
        assert min(cell.width for cell in found[:large]) > max(cell.width for cell in found[large:])


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_is_an_svg_document(name: str) -> None:
    root = ElementTree.fromstring(DRAWINGS[name])
    assert root.tag.endswith("svg")
    assert len(root) == len(cells(name))
