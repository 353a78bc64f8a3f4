"""The colours of what is drawn: those of the page in the dark, so that both look like one thing. RGB.

Text on its ground has a contrast of 4.5:1 at least (WCAG 2.1, 1.4.3); `contrast` measures it.
"""

from __future__ import annotations

from typing import Final

Shade = tuple[int, int, int]

GROUND: Final[Shade] = (13, 22, 24)  # around the tiles
SURFACE: Final[Shade] = (21, 33, 36)  # of a tile without a picture
DEEP: Final[Shade] = (18, 50, 58)  # of cards
INK: Final[Shade] = (238, 245, 244)
INK_SOFT: Final[Shade] = (169, 186, 189)
BOX: Final[Shade] = (10, 24, 24)  # below names and signs, over any picture
BOX_ALPHA: Final = 217  # of 255: white ink keeps 10:1 even over white
PRIMARY: Final[Shade] = (108, 205, 214)
GOOD: Final[Shade] = (98, 207, 149)  # who talks
CARE: Final[Shade] = (245, 193, 90)  # what wants looking after
ON_CARE: Final[Shade] = (40, 28, 0)
DANGER: Final[Shade] = (255, 157, 148)  # what is off

FACES: Final[tuple[tuple[Shade, Shade], ...]] = (
    ((31, 74, 82), (185, 230, 234)),
    ((46, 58, 99), (207, 216, 251)),
    ((84, 53, 42), (246, 207, 189)),
    ((53, 72, 31), (209, 232, 180)),
    ((75, 47, 80), (236, 201, 239)),
    ((77, 63, 24), (240, 220, 160)),
)
"""Ground and ink of the discs with initials."""


def face(name: str) -> tuple[Shade, Shade]:
    """The disc that goes with a name, always the same one."""
    return FACES[sum(map(ord, name)) % len(FACES)]


def _luminance(shade: Shade) -> float:
    linear = [part / 3294.6 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in shade]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Shade, other: Shade) -> float:
    """The ratio of two colours' luminances, 1 to 21 (WCAG 2.1)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
