"""The small signs: lines and shapes on a square of 24 units, drawn with Pillow in any size."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Final

from PIL import Image

from mixer.sprite import Pen

_UNITS: Final = 24
_STROKE: Final = 2.0


class Sign(Enum):
    """What a sign says."""

    MICROPHONE_OFF = "microphone-off"
    CAMERA_OFF = "camera-off"
    VOICE = "voice"  # somebody who is heard and not seen
    LOCK = "lock"
    KNOCK = "knock"  # somebody waits outside
    PERSON = "person"  # nothing is known but that it is one
    SLIDES = "slides"
    KEYPAD = "keypad"
    WAIT = "wait"
    PAUSE = "pause"
    DONE = "done"
    CLOSED = "closed"


def _microphone_off(pen: Pen) -> None:
    pen.box((8.5, 2.5, 15.5, 14.5), 3.5)
    pen.arc((5, 4.5, 19, 18), 10, 170, _STROKE)
    pen.line((12, 18, 12, 21.5), _STROKE)
    pen.line((8.5, 21.5, 15.5, 21.5), _STROKE)
    _cross_out(pen)


def _camera_off(pen: Pen) -> None:
    pen.box((2, 6, 16, 18), 3)
    pen.shape((17.5, 11, 22, 8, 22, 16, 17.5, 13))
    _cross_out(pen)


def _cross_out(pen: Pen) -> None:
    pen.line((4.5, 2.5, 22, 20), _STROKE + 1, 0)
    pen.line((3, 3, 21, 21), _STROKE + 0.4)


def _voice(pen: Pen) -> None:
    for x, half in ((4, 2.5), (8, 5.5), (12, 8.5), (16, 5), (20, 2.5)):
        pen.line((x, 12 - half, x, 12 + half), 2.2)


def _lock(pen: Pen) -> None:
    pen.arc((7.5, 3.5, 16.5, 15), 180, 360, 2.2)
    pen.line((7.5, 9, 7.5, 11), 2.2)
    pen.line((16.5, 9, 16.5, 11), 2.2)
    pen.box((4.5, 10.5, 19.5, 21.5), 2.5)
    pen.line((12, 14.5, 12, 17.5), _STROKE, 0)


def _knock(pen: Pen) -> None:
    """A door ajar, and somebody in front of it."""
    pen.box((3, 2.5, 12, 21.5), 1.5, _STROKE)
    pen.disc(9, 12, 1.3)
    pen.disc(18, 9, 3)
    pen.box((14, 14, 22, 26), 4)


def _person(pen: Pen) -> None:
    pen.disc(12, 8, 4.8)
    pen.box((3, 14.5, 21, 34), 8)


def _slides(pen: Pen) -> None:
    pen.box((2.5, 4, 21.5, 16.5), 2, _STROKE)
    pen.line((12, 16.5, 12, 20.5), _STROKE)
    pen.line((8, 20.5, 16, 20.5), _STROKE)


def _keypad(pen: Pen) -> None:
    for y in (4.5, 10, 15.5):
        for x in (6, 12, 18):
            pen.disc(x, y, 1.8)
    pen.disc(12, 21, 1.8)


def _wait(pen: Pen) -> None:
    pen.arc((3, 3, 21, 21), 0, 360, _STROKE)
    pen.line((12, 7, 12, 12, 15.5, 14), _STROKE)


def _pause(pen: Pen) -> None:
    pen.box((6, 4, 10, 20), 1.2)
    pen.box((14, 4, 18, 20), 1.2)


def _done(pen: Pen) -> None:
    pen.line((4.5, 12.5, 9.5, 17.5, 19.5, 7), 2.4)


def _closed(pen: Pen) -> None:
    pen.arc((3, 3, 21, 21), 0, 360, _STROKE)
    pen.line((7.5, 12, 16.5, 12), _STROKE)


_DRAWN: Final[dict[Sign, Callable[[Pen], None]]] = {
    Sign.MICROPHONE_OFF: _microphone_off,
    Sign.CAMERA_OFF: _camera_off,
    Sign.VOICE: _voice,
    Sign.LOCK: _lock,
    Sign.KNOCK: _knock,
    Sign.PERSON: _person,
    Sign.SLIDES: _slides,
    Sign.KEYPAD: _keypad,
    Sign.WAIT: _wait,
    Sign.PAUSE: _pause,
    Sign.DONE: _done,
    Sign.CLOSED: _closed,
}


@lru_cache(maxsize=256)
def sign(kind: Sign, size: int) -> Image.Image:
    """A sign as a mask of `size` x `size` pixels. Not to be changed: it is kept."""
    pen = Pen(size, size, size / _UNITS)
    _DRAWN[kind](pen)
    return pen.mask()
