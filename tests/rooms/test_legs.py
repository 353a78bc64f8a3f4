"""Legs that come without media, get it, lose it and get it again; that come back after the bridge broke off a run; that
are sent to another room, or sent keys. They count, keep their place, and start what they may start."""

from __future__ import annotations

import pytest

from bridge.errors import Reason
from bridge.machine import WAKE
from bridge.rooms import commands
from bridge.rooms.announcements import audience
from bridge.rooms.commands import How
from bridge.rooms.conference import Conference
from bridge.rooms.events import (
    Joined,
    KeysSent,
    Left,
    MediaChanged,
    NotAllowed,
    NotDone,
    Refusal,
    Started,
    Transferred,
    record,
)
from bridge.rooms.participant import Pictures, Place, Role
from bridge.rooms.run_state import RunState
from config.model import RoomKind
from tests.rooms.scene import Scene, locked, room, running

INSIDE, WAITING, KNOCKING = Place.INSIDE, Place.WAITING, Place.KNOCKING


# -- without media ------------------------------------------------------------------------------------------------


def test_a_host_without_media_starts_nothing_and_is_in_the_room() -> None:
    scene = Scene()
    scene.host(media=False)
    scene.join("guest")
    assert scene.places() == {"host": INSIDE, "guest": WAITING}
    assert not scene.conference.started
    assert scene.seats() == {}
    assert scene.wait(800) == ()


def test_his_media_starts_it() -> None:
    scene = Scene()
    scene.host(media=False)
    scene.join("guest")
    scene.names()
    scene.do(commands.Media("host", True, encrypted=True))
    assert scene.names() == ["media-changed", "started", "joined"]
    assert scene.seats() == {"host": True, "guest": True}
    (host, _) = scene.conference.people
    assert host.media and host.encrypted


def test_the_first_host_hears_that_he_is_alone_once_he_has_media() -> None:
    scene = Scene()
    scene.host(media=False)
    assert scene.hears("host") == []
    scene.do(commands.Media("host", True))
    assert scene.hears("host") == ["alone"]


def test_or_he_says_so() -> None:
    scene = Scene()
    scene.host(media=False)
    scene.join("guest")
    scene.do(commands.Start("host"))
    assert scene.places() == {"host": INSIDE, "guest": INSIDE}
    assert scene.seats() == {"guest": True}


def test_who_loses_his_media_stays_and_keeps_the_run() -> None:
    scene = running()
    scene.do(commands.Media("host", False))
    assert scene.seats() == {"guest": True}
    assert scene.places() == {"host": INSIDE, "guest": INSIDE}
    assert scene.wait(3600) == ()
    scene.do(commands.Media("host", True))
    assert scene.seats() == {"host": True, "guest": True}
    assert scene.names() == ["media-changed", "media-changed"]


def test_new_media_is_not_silent_any_more() -> None:
    scene = running()
    scene.do(commands.Silence("guest", True))
    scene.do(commands.Media("guest", False))
    scene.do(commands.Media("guest", True))
    assert not any(person.silent for person in scene.conference.people)


def test_who_waits_hears_the_music_when_he_gets_media() -> None:
    scene = Scene()
    scene.join("guest", media=False)
    scene.quiet()
    (event,) = scene.do(commands.Media("guest", True))
    assert isinstance(event, MediaChanged) and event.place is WAITING
    assert scene.hears("guest") == ["wait-host"]
    scene = locked()
    scene.join("late", media=False)
    scene.quiet()
    scene.do(commands.Media("late", True))
    assert scene.hears("late") == ["knocking"]


def test_nothing_changes_without_a_change() -> None:
    scene = running()
    assert scene.do(commands.Media("guest", True)) == ()
    assert scene.do(commands.Media("stranger", True)) == ()
    (event,) = scene.do(commands.Media("guest", True, encrypted=True))
    assert record(event)["encrypted"] is True


def test_no_roles_are_given_before_the_start() -> None:
    """Nobody but hosts is ever in a room that does not run."""
    scene = Scene()
    scene.host("one", media=False)
    scene.host("two", media=False)
    (event,) = scene.do(commands.SetRole("one", "two", Role.GUEST))
    assert isinstance(event, NotDone) and event.why is Refusal.NOT_STARTED


# -- back after the bridge was away -------------------------------------------------------------------------------


def test_the_first_to_come_back_finds_the_run_going_on() -> None:
    scene = Scene()
    scene.conference = Conference(room(), kept=RunState(True, True, True, "4:0", "1:0"))
    scene.join("guest", returning=True, media=False)
    assert scene.places() == {"guest": INSIDE}
    assert scene.conference.started and scene.conference.locked
    assert scene.conference.run_state == RunState(True, True, True, "4:0", "1:0")
    scene.join("stranger")
    assert scene.places()["stranger"] is KNOCKING
    scene.host(returning=True)
    assert scene.places()["host"] is INSIDE


def test_a_run_that_no_host_comes_back_to_ends() -> None:
    scene = Scene()
    scene.join("guest", returning=True)
    scene.wait(59)
    assert scene.conference.started
    scene.wait(1)
    assert scene.gone() == {"guest": Reason.ENDED}


def test_a_kept_lock_holds_whoever_comes_first() -> None:
    scene = Scene()
    scene.conference = Conference(room(), kept=RunState(True, False, False))
    scene.join("guest")
    assert scene.places() == {"guest": KNOCKING}
    scene.host()
    assert scene.conference.locked and scene.places() == {"guest": KNOCKING, "host": INSIDE}


def test_the_next_run_is_as_configured_again() -> None:
    scene = Scene()
    scene.conference = Conference(room(), kept=RunState(True, True, True, "4:0", "1:0"))
    scene.host()
    scene.do(commands.End("host", at_once=True))
    assert scene.conference.run_state == RunState(False, False, False)


# -- to another room ----------------------------------------------------------------------------------------------


def test_a_host_sends_somebody_to_another_room() -> None:
    scene = running()
    moved, left = scene.do(commands.Transfer("host", "guest", "2000", Role.GUEST))[:2]
    assert isinstance(moved, Transferred) and (moved.to_room, moved.role) == ("2000", Role.GUEST)
    assert isinstance(left, Left) and left.reason is Reason.TRANSFERRED and not left.hang_up
    assert scene.hears("guest") == ["transferred"]
    present = scene.conference.present()
    assert audience(moved, present) == ("guest", "host") and audience(left, present) == ("host",)
    assert scene.places() == {"host": INSIDE}
    assert record(moved)["role"] == "guest"


def test_a_guest_sends_nobody_and_nobody_is_sent_where_he_is() -> None:
    scene = running()
    (event,) = scene.do(commands.Transfer("guest", "guest", "2000"))
    assert isinstance(event, NotAllowed)
    (event,) = scene.do(commands.Transfer("host", "guest", "1002"))
    assert isinstance(event, NotDone) and event.why is Refusal.OUT_OF_RANGE
    (event,) = scene.do(commands.Transfer("host", "nobody", "2000"))
    assert isinstance(event, NotDone) and event.why is Refusal.NOT_THERE


def test_the_last_host_may_go_and_the_clock_runs() -> None:
    scene = running()
    scene.do(commands.Transfer("host", "host", "2000"))
    scene.wait(60)
    assert scene.gone()["guest"] is Reason.ENDED


# -- keys ---------------------------------------------------------------------------------------------------------


def test_keys_go_to_equipment_and_into_no_record() -> None:
    scene = running()
    (event,) = scene.do(commands.SendKeys("host", "guest", "123#"))
    assert isinstance(event, KeysSent) and event.digits == "123#"
    assert record(event) == {
        "event": "keys-sent", "leg": "guest", "count": 4, "by": "host", "by_role": "host", "how": "api",
    }  # fmt: skip
    assert "123" not in repr(event) and "123" not in repr(commands.SendKeys("host", "guest", "123#"))


@pytest.mark.parametrize(
    ("who", "keys"), [("guest", ""), ("guest", "1x"), ("guest", "1" * 33), ("quiet", "1")]
)
def test_not_all_keys_go_to_everybody(who: str, keys: str) -> None:
    scene = running()
    scene.join("quiet", media=False)
    (event,) = scene.do(commands.SendKeys("host", who, keys))
    assert isinstance(event, NotDone)


def test_only_hosts_and_operators_call_out() -> None:
    scene = running()
    (event,) = scene.do(commands.Dial("guest"))
    assert isinstance(event, NotAllowed)
    assert [record(event)["event"] for event in scene.do(commands.Dial("host"))] == ["dial-asked"]
    assert [record(event)["event"] for event in scene.do(commands.Dial("op", How.OPERATOR))] == ["dial-asked"]


def test_without_a_host_pin_everybody_who_comes_back_is_host() -> None:
    scene = Scene(room(RoomKind.OPEN))
    events = scene.join("one", returning=True, media=False)
    assert [type(event) for event in events[:2]] == [Started, Joined]
    assert scene.do(WAKE) == ()


def test_pictures_and_whether_they_come_are_known_of_everybody_on_the_roll() -> None:
    scene = running()
    both = Pictures(camera=True, slides=True, watches=True)
    (event,) = scene.do(commands.Video("host", both))
    assert record(event)["event"] == "pictures-changed" and record(event)["watches"] is True
    assert scene.do(commands.Video("host", both)) == ()
    (event,) = scene.do(commands.Seen("host", False, True))
    assert record(event)["event"] == "seen-changed" and record(event)["slides"] is False
    assert scene.do(commands.Seen("host", False, True)) == ()
    scene.do(commands.Seen("host", True, True))
    (host, _) = scene.conference.people
    assert host.seen and host.slides_seen
    scene.do(commands.Video("host", Pictures(watches=True)))
    (host, _) = scene.conference.people
    assert not host.seen and not host.slides_seen
