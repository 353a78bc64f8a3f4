"""One scene a room: of its conference, and cards for who is in none; told when it changes, while somebody watches."""

from __future__ import annotations

from dataclasses import replace

from bridge.rooms.gallery import NO_CANVAS, Canvas, blank
from bridge.screens import Screens
from config.model import Room, RoomKind
from mixer.scene import Card, Face, Scene, View
from tests.studio import FakeProjector

ROOM = Room("1001", RoomKind.OPEN)
FACES = View("4:0", (Face("a"), Face("b")))


def conference(*watchers: str) -> Scene:
    """A scene of the room in which these watch."""
    scene = blank(ROOM, Canvas(language="nb"))
    return replace(scene, views=(FACES,) if watchers else (), watchers=dict.fromkeys(watchers, 0))


def test_cards_and_the_conference_are_one_scene() -> None:
    projector = FakeProjector()
    screens = Screens(projector, Canvas(height=1080, fps=30))
    screens.card(ROOM, "nb", "guest", Card.WELCOME)
    newest = projector.newest("1001")
    assert (newest.language, newest.height, newest.fps, newest.room) == ("nb", 1080, 30, "1001")
    assert projector.view("1001", "guest") == View(card=Card.WELCOME)
    screens.show(conference("a"))
    screens.card(ROOM, "nb", "late", Card.FULL)
    screens.card(ROOM, "nb", "later", Card.FULL)
    assert projector.view("1001", "a") is FACES
    assert projector.view("1001", "late").card is Card.FULL
    assert len(projector.newest("1001").views) == 3
    screens.clear(ROOM, "late")
    assert "late" not in projector.newest("1001").watchers


def test_who_has_a_place_in_the_conference_needs_no_card() -> None:
    projector = FakeProjector()
    screens = Screens(projector, Canvas())
    screens.card(ROOM, "en", "a", Card.WELCOME)
    screens.show(conference("a"))
    assert projector.view("1001", "a") == FACES
    before = len(projector.shown)
    screens.clear(ROOM, "a")
    screens.show(conference("a"))
    assert len(projector.shown) == before, "nothing new is told"


def test_nothing_is_told_where_nobody_watches() -> None:
    projector = FakeProjector()
    screens = Screens(projector, Canvas())
    screens.show(conference())
    screens.clear(ROOM, "nobody")
    assert projector.shown == []
    screens.show(conference("a"))
    screens.show(conference())
    screens.show(conference())
    assert [bool(scene.watchers) for scene in projector.shown] == [True, False]


def test_rooms_without_pictures_have_no_cards() -> None:
    projector = FakeProjector()
    Screens(projector, NO_CANVAS).card(ROOM, "en", "a", Card.WELCOME)
    Screens(projector, Canvas()).card(replace(ROOM, video=False), "en", "a", Card.WELCOME)
    Screens(None, Canvas()).card(ROOM, "en", "a", Card.WELCOME)
    assert projector.shown == []
