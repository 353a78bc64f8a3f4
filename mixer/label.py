"""Boxes with words: names below faces, and what stands at the edges. Drawn once, kept, and laid over pictures.

A box is dark and nearly opaque, so that light words have contrast over any picture. Sizes grow with the tile and with
the canvas, and never fall below what can be read. What is kept has a bound, of some 20 MB at most.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from PIL import Image

from mixer.palette import BOX, BOX_ALPHA, CARE, DANGER, GOOD, INK, Shade, face
from mixer.signs import Sign, sign
from mixer.sprite import Pen, Sprite, clear, paint
from mixer.typeface import Style, clusters, draw, line_height, shorten, width, wrap

LEAST_SIZE: Final = 11  # of letters [pixels]: no smaller ones can be read
_LEAST_TILE: Final = 44  # no names in tiles that are not so high [pixels]


def letters(height: int, canvas: int) -> int:
    """The size of letters for a tile of some height on a canvas of some height; 0: none can be read there."""
    if height < _LEAST_TILE:
        return 0
    return max(LEAST_SIZE, canvas // 48, min(height // 10, canvas // 30))


@lru_cache(maxsize=256)
def name_label(
    name: str, muted: bool, size: int, most: int, font: str = "", by_host: bool = False
) -> Sprite | None:
    """A name in its box, at most so wide [pixels], and before it a crossed microphone for who is muted: in another
    colour where that is a host's doing.

    `size`: of its letters; 0, or nothing to say: None.
    """
    icon = Sign.MICROPHONE_OFF if muted else None
    return (
        box_label(name, size, most, icon=icon, icon_shade=CARE if by_host else DANGER, font=font)
        if size and (name or muted)
        else None
    )


@lru_cache(maxsize=128)
def box_label(
    text: str,
    size: int,
    most: int,
    *,
    lead: str = "",
    icon: Sign | None = None,
    icon_shade: Shade = INK,
    ink: Shade = INK,
    ground: Shade = BOX,
    edge: bool = False,
    bold: bool = False,
    font: str = "",
) -> Sprite | None:
    """A line in a box with round corners, at most so wide [pixels]; too long lines end in an ellipsis.

    `size`: of the letters. `icon`: before it; `lead`: between both, a number in bold letters, never shortened. `edge`:
    a border for who talks. None where nothing fits.
    """
    style, leading = Style(size, bold, font), Style(size, True, font)
    high = line_height(style) + 2 * (size // 6)
    side, gap = max(3, size * 2 // 5), max(2, size // 3)
    icon_size = size * 5 // 4 if icon else 0
    before = icon_size + (gap + width(lead, leading) if lead else 0)
    room = most - 2 * side - before - (gap if before else 0)
    shown = shorten(text, style, room) if room > 0 else ""
    across = width(shown, style) if shown else 0
    if not across and not before:
        return None
    wide = 2 * side + before + across + (gap if before and across else 0)
    image = _box(wide, high, size, ground, edge)
    if icon:
        paint(image, sign(icon, icon_size), side, (high - icon_size) // 2, icon_shade)
    if lead:
        draw(image, side + before - width(lead, leading), size // 6, lead, leading, (*ink, 255))
    if shown:
        draw(image, wide - side - across, size // 6, shown, style, (*ink, 255))
    return Sprite(image)


def _box(wide: int, high: int, size: int, ground: Shade, edge: bool) -> Image.Image:
    image = clear(wide, high)
    pen = Pen(wide, high)
    pen.box((0, 0, wide, high), size * 0.35)
    paint(image, pen.mask(), 0, 0, ground, BOX_ALPHA if ground == BOX else 255)
    if edge:
        pen = Pen(wide, high)
        pen.box((0, 0, wide, high), size * 0.35, max(2, size // 9))
        paint(image, pen.mask(), 0, 0, GOOD)
    return image


@lru_cache(maxsize=512)
def initials(name: str) -> str:
    """One or two letters for a name, "" if it has none (a number, say).

    Only one in scripts without small and large letters: two would read as a word there.
    """
    words = [found for word in name.split() if (found := _first_letter(word).upper())]
    return "".join(words[:1] + [last for last in words[1:][-1:] if (words[0] + last).isupper()])


def _first_letter(word: str) -> str:
    for cluster in clusters(word):
        match unicodedata.category(cluster[0]):
            case "Lu" | "Ll" | "Lt" | "Lo":
                return cluster
            case "Nd":
                return ""
    return ""


@lru_cache(maxsize=32)
def disc(name: str, size: int, font: str = "") -> Sprite:
    """A disc of so many pixels with somebody's initials, or with the outline of a person if there are none."""
    ground, ink = face(name)
    image = clear(size, size)
    pen = Pen(size, size)
    pen.disc(size / 2, size / 2, size / 2)
    round_ = pen.mask()
    paint(image, round_, 0, 0, ground)
    letters_ = initials(name)
    style = Style(max(LEAST_SIZE - 2, size * 2 // 5), font=font)
    across = width(letters_, style) if letters_ else size
    if across < size:
        draw(image, (size - across) // 2, (size - line_height(style)) // 2, letters_, style, (*ink, 255))
    else:
        person = size * 3 // 4
        layer = Image.new("L", (size, size), 0)
        layer.paste(sign(Sign.PERSON, person), ((size - person) // 2, size - person))
        layer.paste(0, mask=round_.point([255 - value for value in range(256)]))
        paint(image, layer, 0, 0, ink)
    return Sprite(image)


@lru_cache(maxsize=16)
def icon_sprite(kind: Sign, size: int, shade: Shade) -> Sprite:
    """A sign by itself, in one colour."""
    image = clear(size, size)
    paint(image, sign(kind, size), 0, 0, shade)
    return Sprite(image)


@lru_cache(maxsize=8)
def words(text: str, size: int, most: int, shade: Shade, bold: bool = False, font: str = "") -> Sprite | None:
    """A line without a box, for a ground that is known; None where nothing fits."""
    style = Style(size, bold, font)
    shown = shorten(text, style, most)
    if not shown:
        return None
    image = clear(width(shown, style), line_height(style))
    draw(image, 0, 0, shown, style, (*shade, 255))
    return Sprite(image)


@lru_cache(maxsize=4)
def banner(text: str, size: int, most: int, font: str = "") -> Sprite | None:
    """A message in its box, in at most three lines of at most so many pixels; None where nothing fits."""
    style = Style(size, font=font)
    side = size * 3 // 4
    lines = [line for line in wrap(text, style, most - 2 * side, 3) if line]
    if not lines:
        return None
    step = line_height(style)
    wide = max(width(line, style) for line in lines) + 2 * side
    image = _box(wide, step * len(lines) + size, size, BOX, edge=False)
    for row, line in enumerate(lines):
        x = (wide - width(line, style)) // 2
        draw(image, x, size // 2 + row * step, line, style, (*INK, 255))
    return Sprite(image)
