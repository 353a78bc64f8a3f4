"""Writes what participants see as PNG: every layout with each number of faces, every card, every sign.

    python -m tools.pictures [--into out/pictures] [--only layout-1-7]

They are there to be looked at, when something in `mixer` that draws has changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from mixer.card import TEXTS
from mixer.compose import Composer
from mixer.layout import NAMES, layout
from mixer.picture import Picture
from mixer.scene import Camera, Card, Face, View, Voice
from mixer.sprite import Sprite

ROOM: Final = "1234567"
PEOPLE: Final = (
    "Kari Nordmann",
    "Åse Øyehaug-Bjørnå",
    "محمد الأحمد",
    "Ola",
    "שלום כהן",
    "नमस्ते सिंह",
    "Dr. Wolfeschlegelsteinhausenbergerdorff, Avdeling for samisk helse",
    "Nguyễn Thị Minh 😀",
    "+47 22 33 44 55",
    "Legevakten, rom 3",
    "Анна Ковальчук",
    "李小龍",
)
SHAPES: Final = ((640, 360), (1280, 720), (640, 480), (360, 640), (352, 288), (320, 180))


@cache
def person(number: int) -> Picture:
    """Somebody before a wall; each has colours, and now and then a camera of another shape, of his own."""
    width, height = SHAPES[0 if number % 4 else number // 4 % len(SHAPES)]
    random = np.random.default_rng(number)
    wall, skin, shirt = random.integers([60, 120, 40], [230, 230, 220], (3, 3)).tolist()
    image = Image.new("RGB", (width, height), tuple(wall))
    pencil = ImageDraw.Draw(image)
    for x in range(0, width, width // 8):
        pencil.line((x, 0, x, height), tuple(max(0, part - 25) for part in wall), 3)
    middle, unit = width / 2, min(width, height) / 10
    pencil.ellipse((middle - 4 * unit, height - 3 * unit, middle + 4 * unit, height + 4 * unit), tuple(shirt))
    pencil.ellipse(
        (middle - 1.6 * unit, height - 7 * unit, middle + 1.6 * unit, height - 2.6 * unit), tuple(skin)
    )
    return of(image)


def of(image: Image.Image) -> Picture:
    """A picture from one of Pillow."""
    made = Picture.make(image.width, image.height)
    Sprite(image).draw(made, 0, 0)
    return made


def faces(count: int) -> tuple[Face, ...]:
    """So many people; the second talks, the third is muted."""
    return tuple(
        Face(str(at), name, talking=at == 1, muted=at % 5 == 2)
        for at, name in enumerate(islice(cycle(PEOPLE), count))
    )


def layouts() -> Iterator[tuple[str, View]]:
    """Each layout with each number of faces, and with too many."""
    for name in NAMES:
        stem = f"layout-{name.replace(':', '-')}"
        seats = layout(name).seats
        for count in range(1, seats + 1):
            yield f"{stem}-with-{count:02}", View(name, faces(count))
        yield f"{stem}-with-more", View(name, faces(max(1, seats - 1)), more=17)


def signs() -> Iterator[tuple[str, View]]:
    """Whatever else can be on a picture."""
    four = faces(4)
    yield (
        "faces-without-pictures",
        View(
            "9:0",
            (
                replace(four[0], camera=Camera.OFF),
                replace(four[1], camera=Camera.MUTED, muted=True),
                replace(four[2], camera=Camera.NONE),
                replace(four[3], source="nothing yet"),
                Face("stale", "Ola (borte)"),
                Face("nobody", "+47 22 33 44 55", camera=Camera.OFF),
            ),
        ),
    )
    yield "slides", View("1:7", (Face("slides", "Kari Nordmann", slides=True), *faces(4)))
    yield "slides-not-here-yet", View("1:7", (Face("no slides", "Kari Nordmann", slides=True), *faces(4)))
    some = tuple(Voice(name, at == 1) for at, name in enumerate(PEOPLE[:3]))
    many = tuple(Voice(name, at in (2, 4)) for at, name in enumerate(PEOPLE))
    yield "voices", View("1:7", faces(5), voices=some)
    yield "voices-over-a-grid", View("4:0", four, voices=some)
    yield "voices-many", View("4:0", four, voices=many)
    yield "voices-over-small-tiles", View("25:0", faces(25), voices=some)
    yield "voices-alone", View(card=Card.NO_PICTURES, voices=some)
    yield "signs-of-a-host", View("4:0", four, locked=True, knocking=3)
    yield "banner", View("4:0", four, banner="Møtet tas opp")
    yield (
        "banner-long",
        View("1:7", faces(8), banner="Vi tar en pause på ti minutter. " * 8, locked=True, voices=some),
    )
    yield "all-at-once", View("9:0", faces(8), some, 12, "Lyden er dempet for alle gjester.", True, 2)


def cards() -> Iterator[tuple[str, View, str]]:
    """Each card in each language."""
    for language in TEXTS:
        for card in Card:
            if card is not Card.NONE:
                yield f"card-{card.value}-{language}", View(card=card), language


def draw(view: View, height: int, language: str = "nb") -> Image.Image:
    """A view as participants see it."""
    pictures: dict[str, Picture | None] = {str(at): person(at) for at in range(40)}
    slides = Image.new("RGB", (1024, 768), "white")
    ImageDraw.Draw(slides).rectangle((40, 40, 984, 728), outline="navy", width=8)
    pictures |= {"slides": of(slides), "stale": person(7)}
    composer = Composer(height * 16 // 9, height, language, ROOM)
    canvas = composer.draw(view, pictures, {"stale"})
    return Image.fromarray(canvas.frame().to_ndarray(format="rgb24"))


def write(into: Path, only: str) -> int:
    """Write all whose names begin with `only`; returns how many."""
    into.mkdir(parents=True, exist_ok=True)
    wanted = [(name, view, "nb") for name, view in (*layouts(), *signs())] + list(cards())
    wanted = [each for each in wanted if each[0].startswith(only)]
    for name, view, language in wanted:
        draw(view, 720, language).save(into / f"{name}.png")
        if not name.startswith("layout") or name.endswith("more"):
            draw(view, 360, language).save(into / f"{name}-360.png")
    return len(wanted)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, write the pictures, tell where they are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, default=Path("out/pictures"))
    parser.add_argument("--only", default="", help="beginning of names")
    options = parser.parse_args(arguments)
    print(f"{write(options.into, options.only)} views in {options.into}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
