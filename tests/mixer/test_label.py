"""Names are legible boxes of bounded size, whatever the name; initials are letters or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.label import LEAST_SIZE, banner, box_label, disc, initials, letters, name_label, words
from mixer.layout import NAMES, layout, tiles
from mixer.palette import (
    BOX,
    BOX_ALPHA,
    CARE,
    DEEP,
    FACES,
    GOOD,
    INK,
    INK_SOFT,
    ON_CARE,
    PRIMARY,
    SURFACE,
    contrast,
)
from mixer.picture import Picture
from tests.mixer.test_typeface import HOSTILE


def box_over(luma: int) -> tuple[int, int, int]:
    """How a box looks over a grey picture."""
    red, green, blue = ((part * BOX_ALPHA + luma * (255 - BOX_ALPHA)) // 255 for part in BOX)
    return red, green, blue


def test_contrast() -> None:
    pairs = [
        (INK, box_over(255)),
        (INK, box_over(0)),
        (INK, DEEP),
        (INK_SOFT, DEEP),
        (PRIMARY, DEEP),
        (INK, SURFACE),
    ]
    pairs += [(ON_CARE, CARE), (INK_SOFT, SURFACE), *FACES, (GOOD, box_over(255))]
    assert all(contrast(one, other) >= 4.5 for one, other in pairs)
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


@pytest.mark.parametrize("height", [1080, 720, 360, 180])
def test_letters_are_legible_and_fit_their_tile(height: int) -> None:
    for name in NAMES:
        for tile in tiles(name, layout(name).seats, height=height):
            size = letters(tile.height, height)
            assert size == 0 or LEAST_SIZE <= size <= tile.height // 4
            if height >= 360 and tile.height >= 50:
                assert size


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200), st.booleans(), st.integers(11, 40), st.integers(0, 640))
def test_a_label_never_grows_out_of_its_tile(name: str, muted: bool, size: int, most: int) -> None:
    label = name_label(name, muted, size, most)
    if label is not None and name:
        assert label.width <= most + 1 or not name.strip() or label.width <= 3 * size
        assert label.height <= 2 * size


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    canvas = Picture.make(320, 180)
    for sprite in (
        name_label(name, True, 20, 300),
        box_label(name, 20, 300),
        disc(name, 80),
        words(name, 40, 300, INK),
    ):
        if sprite:
            assert sprite.width <= 302 and sprite.height <= 100
            sprite.draw(canvas, 0, 0)
    initials(name)
    banner(name, 20, 300)


def test_nothing_to_say() -> None:
    assert name_label("", False, 20, 300) is None
    assert name_label("Ola", False, 0, 300) is None
    assert name_label("Ola", False, 20, 10) is None
    assert name_label("", True, 20, 300) is not None  # the crossed microphone alone
    assert banner("   ", 20, 300) is None


def test_labels_are_drawn_once() -> None:
    assert name_label("Ola", False, 20, 300) is name_label("Ola", False, 20, 300)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Kari Nordmann", "KN"),
        ("ola", "O"),
        ("Dr. Åse Marie Øyehaug", "DØ"),
        ("+47 22 33 44 55", ""),
        ("010190 12345", ""),
        ("😀", ""),
        ("", ""),
        ("שלום כהן", "ש"),
        ("محمد الأحمد", "م"),
        ("李小龍", "李"),
        ("(vert) Ola", "VO"),
    ],
)
def test_initials(name: str, expected: str) -> None:
    assert initials(name) == expected


def test_a_message_has_three_lines_at_most() -> None:
    short, long = banner("Møtet tas opp", 20, 400), banner("Vi tar en pause. " * 50, 20, 400)
    assert short and long
    assert long.width <= 402 and short.height < long.height <= 3 * 24 + 22
