"""The screen: spotlights in the order in which they were lit, what stands on pictures, and layouts by known names."""

from __future__ import annotations

import pytest

from bridge.rooms import commands
from bridge.rooms.events import (
    BannerChanged,
    LayoutChanged,
    NotDone,
    OverlayChanged,
    Refusal,
    SpotlightChanged,
    record,
)
from bridge.rooms.layouts import DEFAULT, Layouts
from mixer.layout import NAMES
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


def test_a_banner_stands_until_it_is_taken_back_or_the_run_ends() -> None:
    scene = running()
    (event,) = scene.do(commands.SetBanner("host", "Back in five minutes"))
    assert event == BannerChanged("Back in five minutes", event.origin)
    assert "minutes" not in str(record(event))
    assert scene.do(commands.SetBanner("host", "Back in five minutes")) == ()
    (refusal,) = scene.do(commands.SetBanner("host", "x" * 257))
    assert isinstance(refusal, NotDone) and refusal.why is Refusal.OUT_OF_RANGE
    assert scene.conference.banner == "Back in five minutes"
    scene.do(commands.End("host", at_once=True))
    assert scene.conference.banner == ""
