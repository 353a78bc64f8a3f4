"""The screens: what is shown in each room, the scene of its conference and cards for who is in none.

Somebody at reception, or who is being sent away, watches the same conference's pictures as all others of its number, so
that one worker serves them: he gets a card, which tells nothing of the room. Where nobody watches, nothing is shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from bridge.rooms.gallery import NO_CANVAS, Canvas, blank
from config.model import Room
from mixer.scene import Card, Scene, View


class Projector(Protocol):
    """The part of `bridge.video.pool.VideoPool` that is used here."""

    def show(self, scene: Scene) -> None:
        """The newest scene of a conference; without watchers its worker ends."""


class Screens:
    """All scenes that are shown now. `canvas`: what they are drawn on, but for the language, which is the room's."""

    def __init__(self, projector: Projector | None = None, canvas: Canvas = NO_CANVAS) -> None:
        self._projector = projector
        self._canvas = canvas
        self._scenes: dict[str, Scene] = {}  # of conferences that somebody watches
        self._cards: dict[str, dict[str, Card]] = {}  # by room and leg; bounded by the legs
        self._blanks: dict[str, Scene] = {}  # of the rooms that have cards
        self._shown: dict[str, Scene] = {}  # what the projector was told last, where anybody watches

    def canvas(self, language: str) -> Canvas:
        """What pictures of a conference in this language are drawn on."""
        return replace(self._canvas, language=language)

    def show(self, scene: Scene) -> None:
        """The newest scene of a conference."""
        if scene.watchers:
            self._scenes[scene.conference] = scene
        elif self._scenes.pop(scene.conference, None) is None:
            return
        self._project(scene.conference)

    def card(self, room: Room, language: str, leg: str, card: Card) -> None:
        """Somebody who watches is in no conference, and sees a card instead."""
        if room.video and self._canvas.enabled:
            self._cards.setdefault(room.number, {})[leg] = card
            self._blanks[room.number] = blank(room, self.canvas(language))
            self._project(room.number)

    def clear(self, room: Room, leg: str) -> None:
        """Somebody is gone, or in the conference now, and needs no card."""
        cards = self._cards.get(room.number, {})
        if cards.pop(leg, None) is None:
            return
        if not cards:
            del self._cards[room.number], self._blanks[room.number]
        self._project(room.number)

    def _project(self, number: str) -> None:
        scene = self._whole(number)
        if scene == self._shown.get(number):
            return
        if scene.watchers:
            self._shown[number] = scene
        elif self._shown.pop(number, None) is None:
            return
        if self._projector is not None:
            self._projector.show(scene)

    def _whole(self, number: str) -> Scene:
        """The conference's scene with the cards; who has a place in the scene needs none."""
        scene = self._scenes.get(number) or self._blanks.get(number) or Scene(number)
        cards = {leg: card for leg, card in self._cards.get(number, {}).items() if leg not in scene.watchers}
        kinds = list(dict.fromkeys(cards.values()))
        first = len(scene.views)
        return replace(
            scene,
            views=(*scene.views, *(View(card=card) for card in kinds)),
            watchers={**scene.watchers, **{leg: first + kinds.index(card) for leg, card in cards.items()}},
        )
