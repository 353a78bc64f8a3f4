"""Text into pixels: which font has a character, how a line is cut, and how it is drawn.

DejaVu Sans comes along. Scripts that it lacks are drawn with fonts of the system, found by the name of the script in
their file names (Noto is named so); characters that no font has become a box, and signs that no font has (many emoji)
are left out, whole. Shaping and direction are Raqm's, inside Pillow, where the system has FriBiDi. A line in several
fonts is cut into runs, which stand in the direction of its first letter: right for names, not for prose.

Fonts are opened once. A name may be anything at all: nothing here raises for it, or takes long.
"""

from __future__ import annotations

import os
import unicodedata
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont, features

FOLDER: Final = Path(__file__).parent / "fonts"
REGULAR: Final = str(FOLDER / "DejaVuSans.ttf")
BOLD: Final = str(FOLDER / "DejaVuSans-Bold.ttf")
ELLIPSIS: Final = "…"
MOST: Final = 160  # characters of a line that are looked at
_UNKNOWN: Final = "□"
_SYSTEM: Final = ("/usr/share/fonts", "/usr/local/share/fonts")
_MOST_FILES: Final = 20_000
_MOST_TRIED: Final = 12  # fonts of the system, for one script
_JOINER: Final = "\u200d"
_JOINERS: Final = frozenset("\u200c\u200d")
# How fonts are called that have scripts without a file of their own name.
_IDEOGRAPHS: Final = ("cjk", "wqy", "droidsansfallback", "uming", "ukai", "ipag", "takao", "nanum", "unifont")
_EMOJI: Final = ("notoemoji", "symbola", "symbols", "unifont")
_SPECIAL: Final = {
    "CJK": _IDEOGRAPHS,
    "HIRAGANA": _IDEOGRAPHS,
    "KATAKANA": _IDEOGRAPHS,
    "HANGUL": _IDEOGRAPHS,
    "BOPOMOFO": _IDEOGRAPHS,
}
SHAPED: Final = features.check("raqm")
"""Whether letters are joined and right-to-left text stands right (libfribidi is installed)."""


class Style(NamedTuple):
    """How text looks. `size`: of the em [pixels]. `font`: a file, "" = the one that comes along."""

    size: int
    bold: bool = False
    font: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The fonts that are asked first."""
        along = BOLD if self.bold else REGULAR
        return (self.font, along) if self.font else (along,)


class _Run(NamedTuple):
    """Neighbouring characters of one font."""

    file: str
    text: str


# -- characters -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def clusters(text: str) -> tuple[str, ...]:
    """What takes a place of its own each: characters with their marks, joined emoji as one. Invisible ones go."""
    found: list[str] = []
    for character in text[:MOST]:
        category = unicodedata.category(character)
        if category[0] == "C" and character not in _JOINERS and category not in ("Cn", "Co"):
            continue
        if category[0] == "Z":
            character = " "
        clings = category[0] == "M" or character in _JOINERS or "\U0001f3fb" <= character <= "\U0001f3ff"
        if found and (clings or found[-1].endswith(_JOINER)):
            if len(found[-1]) < 16:
                found[-1] += character
        elif not clings:
            found.append(character)
    return tuple(found)


def right_to_left(text: str) -> bool:
    """Tell whether its first letter is of a script that is written from right to left."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return False
            case "R" | "AL":
                return True
    return False


@lru_cache(maxsize=4096)
def _has(file: str, character: str) -> bool:
    """Tell whether a font has a glyph: whether it draws another thing than for a character that there is not."""
    font, nothing = _probe(file)
    glyph = font.getmask(character)
    return (glyph.size, bytes(glyph)) != nothing


@lru_cache(maxsize=64)
def _probe(file: str) -> tuple[ImageFont.FreeTypeFont, tuple[tuple[int, int], bytes]]:
    """A font for looking whether it has glyphs, and what it draws where it has none."""
    font = ImageFont.truetype(file, 12, layout_engine=ImageFont.Layout.BASIC)
    nothing = font.getmask("\U0010ffff")
    return font, (nothing.size, bytes(nothing))


def _covers(file: str, cluster: str) -> bool:
    return all(
        _has(file, each) for each in cluster if unicodedata.category(each)[0] != "M" and each not in _JOINERS
    )


@lru_cache(maxsize=1)
def _system_fonts() -> tuple[tuple[str, str], ...]:
    """Upright fonts of the system: (name of the file in small letters, path), in the order of names."""
    found: list[tuple[str, str]] = []
    for folder in _SYSTEM:
        for where, _, names in os.walk(folder):
            for name in names:
                stem, ending = os.path.splitext(name.lower())
                unwanted = ("italic", "oblique", "mono", "color", "lastresort")
                if ending in (".ttf", ".otf", ".ttc") and not any(word in stem for word in unwanted):
                    found.append((stem, os.path.join(where, name)))
            if len(found) > _MOST_FILES:
                break
    return tuple(sorted(found))


@lru_cache(maxsize=128)
def _fonts_of(script: str, bold: bool) -> tuple[str, ...]:
    """Fonts of the system that may have a script, given as the first word of its characters' names; best first."""
    words = _SPECIAL.get(script, (script.lower(),))
    fitting = [
        (stem, path)
        for word in words
        if word
        for stem, path in _system_fonts()
        if word in stem.replace("-", "")
    ]
    if script not in _SPECIAL and not fitting:
        fitting = [(stem, path) for word in _EMOJI for stem, path in _system_fonts() if word in stem]
    fitting.sort(key=lambda each: ("sans" not in each[0], ("bold" in each[0]) != bold, len(each[0])))
    return tuple(path for _, path in fitting[:_MOST_TRIED])


@lru_cache(maxsize=2048)
def _font_for(cluster: str, style: Style) -> str:
    """The file that draws a cluster, "" = none does."""
    for file in style.files:
        if _covers(file, cluster):
            return file
    script = unicodedata.name(cluster[0], "").partition(" ")[0]
    for file in _fonts_of(script, style.bold):
        try:
            if _covers(file, cluster):
                return file
        except OSError:  # no font after all
            continue
    return ""


# -- lines ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)


def usable(file: str) -> bool:
    """Tell whether a file is a font that can be drawn with."""
    try:
        _probe(file)
    except OSError:
        return False
    return True


def _runs(parts: tuple[str, ...], style: Style) -> list[_Run]:
    """The runs of a line, in the order in which they stand from left to right."""
    drawn: list[tuple[str, str]] = []
    for cluster in parts:
        file = _font_for(cluster, style)
        if not file:
            if unicodedata.category(cluster[0])[0] not in "LN":
                continue
            file, cluster = style.files[-1], _UNKNOWN
        elif cluster == " ":
            if not drawn or drawn[-1][1] == " ":
                continue
            file = drawn[-1][0]
        drawn.append((file, cluster))
    if drawn and drawn[-1][1] == " ":
        drawn.pop()
    runs = [
        _Run(file, "".join(text for _, text in some)) for file, some in groupby(drawn, lambda each: each[0])
    ]
    if right_to_left("".join(parts)):
        runs.reverse()
        if not SHAPED:
            return [run._replace(text="".join(reversed(clusters(run.text)))) for run in runs]
    return runs


def _width(runs: list[_Run], size: int) -> float:
    return sum(_font(run.file, size).getlength(run.text) for run in runs)


def width(text: str, style: Style) -> int:
    """How wide a line is [pixels], rounded up."""
    return int(_width(_runs(clusters(text), style), style.size)) + 1


def shorten(text: str, style: Style, most: int) -> str:
    """As much of a line as fits, with an ellipsis where something is left out; "" if not even that fits."""
    parts = clusters(text)
    shown = "".join(parts)
    if len(text) <= MOST and width(shown, style) <= most:
        return shown
    fits, too_many = -1, len(parts) + 1
    while too_many - fits > 1:
        half = (fits + too_many) // 2
        shown = "".join(parts[:half]).rstrip() + ELLIPSIS
        fits, too_many = (half, too_many) if width(shown, style) <= most else (fits, half)
    return "".join(parts[:fits]).rstrip() + ELLIPSIS if fits >= 0 else ""


def wrap(text: str, style: Style, most: int, lines: int) -> list[str]:
    """A text in lines that fit, broken at blanks; what is too much is left out with an ellipsis."""
    found: list[str] = []
    left = text.split()
    while left and len(found) < lines - 1:
        count = len(left)
        while count > 1 and width(" ".join(left[:count]), style) > most:
            count -= 1
        found.append(shorten(" ".join(left[:count]), style, most))
        left = left[count:]
    if left:
        found.append(shorten(" ".join(left), style, most))
    return found


def line_height(style: Style) -> int:
    """From the top of the tallest letter to the bottom of the lowest [pixels]."""
    ascent, descent = _font(style.files[0], style.size).getmetrics()
    return ascent + descent


def draw(image: Image.Image, x: int, y: int, text: str, style: Style, shade: tuple[int, ...]) -> None:
    """Draw a line into an image of Pillow; (x, y): its upper left corner."""
    pencil = ImageDraw.Draw(image)
    ascent, _ = _font(style.files[0], style.size).getmetrics()
    left = float(x)
    for run in _runs(clusters(text), style):
        font = _font(run.file, style.size)
        pencil.text((left, y + ascent), run.text, fill=shade, font=font, anchor="ls")
        left += font.getlength(run.text)
