"""The names of the layouts (behaviours.md C5): "1:7" is one large picture and seven small ones."""

from __future__ import annotations

from typing import Final, NamedTuple

NAMES: Final = ("1:0", "1:7", "1:21", "2:21", "1:33", "4:0", "9:0", "16:0", "25:0")
DEFAULT: Final = "1:7"


class Layouts(NamedTuple):
    """What hosts see and what guests see."""

    host: str = DEFAULT
    guest: str = DEFAULT
