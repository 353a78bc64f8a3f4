"""Each layout has a drawing with all its seats."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bridge.web.layout_drawings import DRAWINGS, GAP
from mixer.layout import NAMES, layout, tiles


def test_every_layout_is_drawn() -> None:
    assert tuple(DRAWINGS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_is_an_svg_document_with_a_box_for_each_seat(name: str) -> None:
    root = ElementTree.fromstring(DRAWINGS[name])
    assert root.tag.endswith("svg")
    places = [(int(box.attrib["x"]) - GAP, int(box.attrib["y"]) - GAP) for box in root]
    assert places == [(tile.x, tile.y) for tile in tiles(name, layout(name).seats)]
