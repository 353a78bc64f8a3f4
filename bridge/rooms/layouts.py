"""The names of the layouts (behaviours.md C5): "1:7" is one large picture and seven small ones."""

from __future__ import annotations

from typing import Final, NamedTuple

DEFAULT: Final = "1:7"
ROUND: Final = ("1:7", "1:21", "2:21", "4:0", "9:0", "16:0", "25:0", "1:0", "1:33")
"""The order in which a keypad goes through them."""


class Layouts(NamedTuple):
    """What hosts see and what guests see."""

    host: str = DEFAULT
    guest: str = DEFAULT


def following(name: str) -> str:
    """The layout that a keypad goes on to."""
    return ROUND[(ROUND.index(name) + 1) % len(ROUND)]
