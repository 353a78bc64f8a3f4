"""The screen: spotlights in the order in which they were lit, what stands on pictures, and layouts by known names."""

from __future__ import annotations

import pytest

from bridge.rooms import commands
from bridge.rooms.events import LayoutChanged, NotDone, OverlayChanged, Refusal, SpotlightChanged
from bridge.rooms.layouts import DEFAULT, NAMES, Layouts
from tests.rooms.scene import running


def test_spotlights_are_lit_and_put_out() -> None:
    scene = running()
    scene.do(commands.Spotlight("host", "guest", True))
    assert scene.do(commands.Spotlight("host", "guest", True)) == ()
    scene.now += 5
    scene.do(commands.Spotlight("host", "host"))
    host, guest = scene.conference.people
    assert guest.spotlight_since is not None and host.spotlight_since == guest.spotlight_since + 5
    (event,) = scene.do(commands.Spotlight("host", "guest"))
    assert event == SpotlightChanged("guest", False, event.origin)


def test_something_else_than_the_name_stands_on_a_picture() -> None:
    scene = running()
    (event,) = scene.do(commands.SetOverlay("host", "guest", "Interpreter"))
    assert event == OverlayChanged("guest", "Interpreter", event.origin)
    assert scene.do(commands.SetOverlay("host", "guest", "Interpreter")) == ()
    (event,) = scene.do(commands.SetOverlay("host", "guest", ""))
    assert event == OverlayChanged("guest", None, event.origin)
    (event,) = scene.do(commands.SetOverlay("host", "guest", "x" * 129))
    assert isinstance(event, NotDone) and event.why is Refusal.OUT_OF_RANGE


def test_layouts_for_all_or_for_hosts_and_guests_apart() -> None:
    scene = running()
    assert scene.conference.layouts == Layouts(DEFAULT, DEFAULT) and DEFAULT in NAMES
    (event,) = scene.do(commands.SetLayout("host", "4:0"))
    assert event == LayoutChanged("4:0", "4:0", event.origin)
    (event,) = scene.do(commands.SetLayout("host", guest_layout="1:0"))
    assert event == LayoutChanged("4:0", "1:0", event.origin)
    assert scene.do(commands.SetLayout("host")) == ()
    (event,) = scene.do(commands.SetLayout("host", "7:7"))
    assert isinstance(event, NotDone) and event.why is Refusal.OUT_OF_RANGE
    scene.do(commands.End("host", at_once=True))
    assert scene.conference.layouts == Layouts(DEFAULT, DEFAULT)


@pytest.mark.parametrize(
    "command", [commands.Spotlight("host", "nobody"), commands.SetOverlay("host", "nobody", "x")]
)
def test_of_people_in_the_room_only(command: commands.Request) -> None:
    (event,) = running().do(command)
    assert isinstance(event, NotDone) and event.why is Refusal.NOT_THERE
