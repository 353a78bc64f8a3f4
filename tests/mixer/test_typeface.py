"""Any text can be drawn: shaped, from right to left, cut to what fits; none raises, none takes more room than given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mixer.typeface import (
    BOLD,
    ELLIPSIS,
    MOST,
    REGULAR,
    SHAPED,
    Style,
    clusters,
    draw,
    line_height,
    right_to_left,
    shorten,
    width,
    wrap,
)

STYLE = Style(20)
VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "text" / "display-names.json"
HOSTILE = (
    "",
    " ",
    "\x00\x1b[31m",
    "\ud800\udfff",
    "\u202egnp.exe\u202c",
    "\u0301\u0302",
    "a" + "\u0301" * 500,
    "x" * 100_000,
    "👨\u200d👩\u200d👧\u200d👦",
    "\u200d" * 300,
    "🏳️\u200d🌈🇳🇴",
    "\U0010ffff\ufffe\ue000",
    "﷽" * 40,
    "नमस्ते",
    "한국어 김",
    "محمد 😀 Ola שלום",
    "\U000e0041\ufe0f",
    "\n\r\t",
)


def mask(text: str, style: Style = STYLE, size: tuple[int, int] = (400, 40)) -> Image.Image:
    image = Image.new("L", size, 0)
    draw(image, 0, 0, text, style, (255,))
    return image


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_raises(text: str) -> None:
    shown = shorten(text, STYLE, 300)
    assert width(shown, STYLE) <= 300
    mask(text)
    mask(shown)
    wrap(text, STYLE, 100, 3)


@pytest.mark.shared
@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not there")
def test_names_of_the_vectors() -> None:
    for entry in json.loads(VECTORS.read_text("utf-8")):
        shown = shorten(entry["name"], STYLE, 200)
        assert width(shown, STYLE) <= 200
        mask(shown)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60), st.integers(0, 300), st.sampled_from([11, 20, 46]))
def test_what_is_shortened_fits(text: str, most: int, size: int) -> None:
    style = Style(size)
    shown = shorten(text, style, most)
    assert not shown or width(shown, style) <= most
    mask(shown, style)


def test_what_fits_is_left_as_it_is() -> None:
    assert shorten("Kari Nordmann", STYLE, 400) == "Kari Nordmann"


def test_an_ellipsis_says_that_something_is_missing() -> None:
    shown = shorten("Kari Nordmann", STYLE, 100)
    assert shown.endswith(ELLIPSIS) and "Kari Nordmann".startswith(shown[:-1])
    assert shorten("x" * (MOST + 1), STYLE, 10**6).endswith(ELLIPSIS)


def test_clusters_are_not_torn() -> None:
    assert clusters("e\u0301a") == ("e\u0301", "a")
    assert clusters("👨\u200d👩\u200d👧x") == ("👨\u200d👩\u200d👧", "x")
    assert clusters("\u202eab\u202c") == ("a", "b")


def test_ink_is_where_the_text_is() -> None:
    found = mask("Kari").getbbox()
    assert found is not None
    assert found[0] <= 4 and abs(found[2] - width("Kari", STYLE)) <= 4 and found[3] <= line_height(STYLE)


def test_what_no_font_has_is_a_box_or_left_out() -> None:
    assert mask("\u1fff\u2fdf").getbbox() is None  # no characters at all: nothing to show
    assert width("A\U0001f9ff", STYLE) in (width("A", STYLE), width("A", STYLE) + width("\U0001f9ff", STYLE))


def test_direction_is_that_of_the_first_letter() -> None:
    assert right_to_left("שלום") and right_to_left("12 محمد") and not right_to_left("Ola שלום")
    assert not right_to_left("12")


def test_right_to_left_stands_right() -> None:
    alone = mask("ש").crop((0, 0, width("ש", STYLE), 40)).getbbox()
    assert alone is not None
    first = mask("שום")  # the first letter stands at the right end
    end = width("שום", STYLE)
    letter = mask("ש")
    step = width("ש", STYLE)
    right = first.crop((end - step, 0, end, 40))
    differences = sum(
        abs(a - b) for a, b in zip(right.tobytes(), letter.crop((0, 0, step, 40)).tobytes(), strict=True)
    )
    left = first.crop((0, 0, step, 40))
    others = sum(
        abs(a - b) for a, b in zip(left.tobytes(), letter.crop((0, 0, step, 40)).tobytes(), strict=True)
    )
    assert differences < others


@pytest.mark.skipif(not SHAPED, reason="Pillow shapes text only where FriBiDi is installed")
def test_arabic_letters_are_joined() -> None:
    assert width("بببب", STYLE) < 3 * width("ب", STYLE)  # inside of words it is narrow


def test_lines_break_at_blanks() -> None:
    lines = wrap("one two three four five", STYLE, width("three four", STYLE) + 2, 5)
    assert lines == ["one two", "three four", "five"]
    assert wrap("one two three four five", STYLE, width("three four", STYLE) + 2, 2)[1].endswith(ELLIPSIS)
    assert wrap("", STYLE, 100, 3) == []


def test_the_fonts_come_along_with_their_licence() -> None:
    assert Path(REGULAR).exists() and Path(BOLD).exists()
    assert "Bitstream" in (Path(REGULAR).parent / "LICENSE").read_text("utf-8")


def test_a_font_of_ones_own_is_asked_first() -> None:
    assert Style(20, font="/fonts/own.ttf").files == ("/fonts/own.ttf", REGULAR)
    assert mask("Kari", Style(20, font=BOLD)).tobytes() != mask("Kari").tobytes()
