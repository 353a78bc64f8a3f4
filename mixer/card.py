"""Holding pictures: what somebody sees who sees nobody, so that a video endpoint without a page knows what happens.

A card has a sign, a title, what to do next, and the number of the room. Nothing else is ever given to it: whoever
waits outside learns nothing about who is inside.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image

from mixer.label import LEAST_SIZE
from mixer.palette import DEEP, INK, INK_SOFT, PRIMARY
from mixer.picture import Picture, colour
from mixer.scene import Card
from mixer.signs import Sign, sign
from mixer.sprite import Pen, Sprite, clear, paint
from mixer.typeface import Style, draw, line_height, width, wrap

FALLBACK: Final = "en"
_HEIGHT: Final = 720  # the sizes below are pixels of this
_SIGN, _TITLE, _TEXT, _ROOM = 132, 50, 34, 28
_ACROSS: Final = 88  # of a hundred: how much of the width lines may take

_SIGNS: Final[dict[Card, Sign]] = {
    Card.WELCOME: Sign.KEYPAD,
    Card.WAITING_FOR_HOST: Sign.WAIT,
    Card.WAITING_TO_BE_LET_IN: Sign.WAIT,
    Card.ALONE: Sign.PERSON,
    Card.NO_PICTURES: Sign.VOICE,
    Card.FULL: Sign.CLOSED,
    Card.DECLINED: Sign.CLOSED,
    Card.ENDED: Sign.DONE,
    Card.HELD: Sign.PAUSE,
}


class Wording(NamedTuple):
    """What a card says."""

    title: str
    text: tuple[str, ...]


class Texts(NamedTuple):
    """All that is written into pictures, in one language; `room` and `knocking` have a place for a number."""

    room: str
    knocking: str
    cards: dict[Card, Wording]


def parse(text: str) -> dict[str, Texts]:
    """The table of texts by language. Raises ValueError with what is wrong with it."""
    languages: dict[str, Any] = tomllib.loads(text)
    return {language: _texts(language, table) for language, table in languages.items()}


def _texts(language: str, table: Any) -> Texts:
    cards: dict[Card, Wording] = {}
    try:
        wanted = set(Card) - {Card.NONE}
        for name, wording in table["cards"].items():
            cards[Card(name)] = Wording(**{**wording, "text": tuple(wording["text"])})
        room, knocking = str(table["room"]), str(table["knocking"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"cards.toml: {language}: {error!r}") from None
    if cards.keys() != wanted or "{room}" not in room or "{count}" not in knocking:
        raise ValueError(f"cards.toml: {language}: something is missing")
    return Texts(room, knocking, cards)


TEXTS: Final = parse((Path(__file__).parent / "cards.toml").read_text("utf-8"))


def texts(language: str) -> Texts:
    """The texts in a language, in English where it is not spoken here."""
    return TEXTS.get(language, TEXTS[FALLBACK])


@lru_cache(maxsize=8)
def card(kind: Card, room: str, language: str, width_: int, height: int, font: str = "") -> Picture:
    """A whole holding picture [pixels, even]. It is kept: do not draw into it. Raises KeyError for `Card.NONE`."""
    told = texts(language)
    image = clear(width_, height)
    _compose(image, _SIGNS[kind], told.cards[kind], told.room.format(room=room) if room else "", font)
    made = Picture.make(width_, height)
    made.fill(colour(*DEEP))
    left, top, right, bottom = image.getbbox() or (0, 0, 0, 0)
    left, top = left & ~1, top & ~1
    Sprite(image.crop((left, top, right, bottom))).draw(made, left, top)
    return made


def _compose(image: Image.Image, kind: Sign, wording: Wording, room: str, font: str) -> None:
    """Sign, title and text as one block in the middle; the room's number at the bottom."""
    most = image.width * _ACROSS // 100
    title = _style(image.height, _TITLE, True, font)
    text = _style(image.height, _TEXT, False, font)
    size = image.height * _SIGN // _HEIGHT
    lines = [(line, title, INK) for line in wrap(wording.title, title, most, 2)]
    lines += [(line, text, INK) for told in wording.text for line in wrap(told, text, most, 2)]
    spaces = [_after(style, text) for _, style, _ in lines]
    block = size + size // 3 + sum(spaces)
    foot = _style(image.height, _ROOM, True, font)
    floor = image.height - (2 * line_height(foot) if room else 0)
    y = max(0, (floor - block) // 2 + line_height(foot) // 2)
    _sign(image, kind, size, y)
    y += size + size // 3
    for (line, style, shade), space in zip(lines, spaces, strict=True):
        draw(image, (image.width - width(line, style)) // 2, y, line, style, (*shade, 255))
        y += space
    if room:
        x = (image.width - width(room, foot)) // 2
        draw(image, x, image.height - line_height(foot) * 7 // 4, room, foot, (*INK_SOFT, 255))


def _style(height: int, size: int, bold: bool, font: str) -> Style:
    return Style(max(LEAST_SIZE, height * size // _HEIGHT), bold, font)


def _after(style: Style, text: Style) -> int:
    """How far it is from the top of a line to the next one [pixels]."""
    return line_height(style) * (5 if style == text else 6) // 4 - line_height(text) // 16


def _sign(image: Image.Image, kind: Sign, size: int, y: int) -> None:
    """The sign in a disc, in the middle of the width."""
    pen = Pen(size, size)
    pen.disc(size / 2, size / 2, size / 2)
    x = (image.width - size) // 2
    paint(image, pen.mask(), x, y, PRIMARY, 40)
    inner = size * 5 // 9
    paint(image, sign(kind, inner), x + (size - inner) // 2, y + (size - inner) // 2, PRIMARY)
