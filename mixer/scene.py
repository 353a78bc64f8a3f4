"""The one value that policy gives to a video worker: which pictures there are, what is on them, and who gets which.

A source or sink is named by its leg, and by its leg and `SLIDES` for slides. A waiting, knocking or held leg is no
face of any view, and its own view is a card with no word on who is inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

SLIDES: Final = "/slides"
"""What the name of a stream of slides ends with: `leg + SLIDES`."""


class Card(Enum):
    """A holding picture: what is shown to somebody who sees nobody."""

    NONE = "none"
    WELCOME = "welcome"  # before it is known who: PIN being asked
    WAITING_FOR_HOST = "waiting-for-host"
    WAITING_TO_BE_LET_IN = "waiting-to-be-let-in"
    ALONE = "alone"  # the only participant
    NO_PICTURES = "no-pictures"  # others are there, and none of them is seen
    FULL = "full"
    DECLINED = "declined"
    ENDED = "ended"
    HELD = "held"


class Camera(Enum):
    """What is to be shown of a face."""

    ON = "on"
    OFF = "off"  # switched off or muted by himself: a crossed camera
    MUTED = "muted"  # by a host
    NONE = "none"  # sound only, and in a seat all the same (a spotlight, or nobody else is there)


@dataclass(frozen=True, slots=True)
class Face:
    """One person, or his slides, in a seat. `source`: whose pictures; `name`: what stands below, "" = nothing.
    `muted`: he is not heard; `host_muted`: because a host wants it so.

    `guaranteed`: an interpreter's seat: never made smaller or slower than the layout says.
    """

    source: str
    name: str = ""
    camera: Camera = Camera.ON
    muted: bool = False
    talking: bool = False
    guaranteed: bool = False
    slides: bool = False
    host_muted: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody without a picture, shown as a sign at the edge; his name slides out while he talks."""

    name: str
    talking: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """One distinct picture. `faces` are in the order of the seats of `layout` (a name of `mixer.layout`).

    `more`: so many people are not shown, "+N" in the last seat. `banner`: a line for all. `locked`, `knocking`: signs
    for hosts only. `common`: index of the view that may stand for this one when the machine is short of time, -1 = no
    other may. `quiet`: so many voices besides `voices`: where there are many, only those who talk are told by name.
    """

    layout: str = "1:0"
    faces: tuple[Face, ...] = ()
    voices: tuple[Voice, ...] = ()
    more: int = 0
    banner: str = ""
    locked: bool = False
    knocking: int = 0
    card: Card = Card.NONE
    common: int = -1
    quiet: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """All pictures of one conference. A new scene replaces the old one whole.

    `watchers`: sink -> index of its view. `language`: of cards ("nb", "en"). `height`: of the largest canvas (16:9):
    1080, 720 or 360; `fps`: 25 or 30. `room`: the number that cards show.
    `names`, `frames`: whether names, and the frame of the talker, are drawn. `fixed_grid`: tiles of few people are no
    larger than those of many.
    """

    conference: str
    views: tuple[View, ...] = ()
    watchers: dict[str, int] = field(default_factory=dict)
    language: str = "en"
    room: str = ""
    height: int = 720
    fps: int = 25
    names: bool = True
    frames: bool = True
    fixed_grid: bool = False
