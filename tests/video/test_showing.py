"""Keeps: a picture that could not be drawn leaves nothing of the one before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

import pytest

from bridge.video.showing import Moment, Showing
from mixer.picture import Picture
from mixer.scene import Card, Face, View

PEOPLE, CARD = View("1:0", (Face("a"),)), View(card=Card.HELD)


class Clumsy:
    """Draws; fails when `fails` is set."""

    fails = False
    drawn: ClassVar[list[View]] = []

    def __init__(self, width: int, height: int) -> None:
        self.canvas = Picture.make(width, height)

    def draw(self, view: View, pictures: Mapping[str, Picture | None], stale: Collection[str]) -> Picture:
        if Clumsy.fails:
            raise RuntimeError("no such letter")
        Clumsy.drawn.append(view)
        return self.canvas


def moment(view: View, changed: bool) -> Moment:
    return Moment(view, {}, frozenset(), (), changed)


def test_what_could_not_be_drawn_is_drawn_anew_even_if_nothing_has_changed_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Clumsy, "drawn", [])
    showing = Showing(Clumsy)
    before = showing.draw(moment(PEOPLE, True), [360, 180])
    monkeypatch.setattr(Clumsy, "fails", True)
    for changed in (True, False):
        with pytest.raises(RuntimeError):
            showing.draw(moment(CARD, changed), [360, 180])
    monkeypatch.setattr(Clumsy, "fails", False)
    after = showing.draw(moment(CARD, False), [360, 180])
    assert Clumsy.drawn == [PEOPLE, CARD]
    assert not {id(picture) for picture in before.values()} & {id(picture) for picture in after.values()}
