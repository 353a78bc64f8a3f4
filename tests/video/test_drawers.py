"""Keeps: what a scene says of all its pictures is how each of them is drawn, and a change of it is seen at once."""

from __future__ import annotations

import numpy as np
import pytest

from bridge.video.drawers import drawers
from bridge.video.settings import VideoSettings
from bridge.video.showing import DrawerOpener
from mixer.picture import Colour, Picture
from mixer.scene import Card, Face, Scene, View
from tests.video.control_room import ControlRoom

PLAIN = Scene("42", (), {}, room="42")
FACES = View("4:0", (Face("a", "Ada", talking=True), Face("b", "Bo")))


def drawn(scene: Scene, view: View = FACES) -> np.ndarray:
    """The luma of a view without pictures, as such a scene's drawer draws it."""
    drawer = drawers(VideoSettings())(scene)(640, 360)
    return np.array(drawer.draw(view, {}, ()).y)


@pytest.mark.parametrize(
    "other",
    [
        Scene("42", room="42", names=False),
        Scene("42", room="42", frames=False),
        Scene("42", room="42", fixed_grid=True),
    ],
)
def test_names_frames_and_the_grid_are_as_the_scene_says(other: Scene) -> None:
    assert not np.array_equal(drawn(PLAIN), drawn(other))


@pytest.mark.parametrize("other", [Scene("42", room="43"), Scene("42", room="42", language="nb")])
def test_cards_are_in_the_language_and_of_the_room_of_the_scene(other: Scene) -> None:
    card = View(card=Card.ALONE)
    assert not np.array_equal(drawn(PLAIN, card), drawn(other, card))


def test_a_change_of_what_a_scene_says_is_seen_in_the_next_picture() -> None:
    opened: list[Scene] = []
    room = ControlRoom()

    def note(scene: Scene) -> DrawerOpener:
        opened.append(scene)
        return drawers(VideoSettings())(scene)

    room.worker._drawers = note
    room.sink("x")
    for fixed_grid, names in ((False, True), (True, True), (True, False)):
        room.worker.show(Scene("42", (FACES,), {"x": 0}, fixed_grid=fixed_grid, names=names))
        room.ticks(3)
    assert [(scene.fixed_grid, scene.names) for scene in opened] == [
        (False, True),
        (True, True),
        (True, False),
    ]


def test_letterbox_is_as_configured() -> None:
    tall = Picture.make(180, 320)
    tall.fill(Colour(200))
    view = View("1:0", (Face("a"),))
    bars = drawers(VideoSettings(letterbox=True))(PLAIN)(640, 360).draw(view, {"a": tall}, ())
    cut = drawers(VideoSettings(letterbox=False))(PLAIN)(640, 360).draw(view, {"a": tall}, ())
    assert bars.y[180, 10] < 60 and cut.y[180, 10] > 150
