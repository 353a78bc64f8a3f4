"""What is done to people in a conference: muting, hands, loudness, roles, removal (behaviours.md C2, C3)."""

from __future__ import annotations

import pytest

from bridge.rooms import commands
from bridge.rooms.events import HandChanged, NotDone, Refusal
from bridge.rooms.participant import Place, Role
from config.model import RoomKind
from mixer.plan import Plan, Seat
from tests.rooms.scene import Scene, locked, room, running

INSIDE, WAITING, KNOCKING = Place.INSIDE, Place.WAITING, Place.KNOCKING


def test_self_mute_turns_over() -> None:
    scene = running()
    scene.do(commands.MuteSelf("guest"))
    assert scene.seats() == {"host": True, "guest": False}
    scene.do(commands.MuteSelf("guest"))
    assert scene.seats() == {"host": True, "guest": True}
    assert scene.hears("guest") == ["muted", "unmuted"]


def test_a_guest_muted_by_a_host_raises_the_hand_instead() -> None:
    scene = running()
    scene.do(commands.Mute("host", "guest", on=True))
    scene.do(commands.MuteSelf("guest"))
    assert scene.seats()["guest"] is False
    assert scene.hears("guest") == ["muted-by-host", "hand-raised"]
    assert scene.hears("host") == ["hand-raised-host"]
    scene.do(commands.MuteSelf("guest"))
    assert scene.hears("guest") == ["muted-by-host"]
    assert scene.hears("host") == []
    scene.do(commands.Mute("host", "guest"))
    assert scene.seats()["guest"] is True
    assert scene.hears("guest") == ["unmuted-by-host", "hand-lowered"]


def test_a_host_never_unmutes_what_somebody_muted_himself() -> None:
    scene = running()
    scene.do(commands.MuteSelf("guest", on=True))
    scene.do(commands.Mute("host", "guest", on=True))
    scene.do(commands.Mute("host", "guest", on=False))
    assert scene.seats()["guest"] is False
    assert scene.hears("guest") == ["muted", "muted-by-host", "unmuted-by-host", "muted"]


def test_a_muted_host_unmutes_himself() -> None:
    scene = running()
    scene.host("host2")
    scene.do(commands.Mute("host2", "host"))
    assert scene.seats()["host"] is False
    scene.do(commands.MuteSelf("host"))
    assert scene.seats()["host"] is True


def test_all_guests_are_muted_those_who_come_too() -> None:
    scene = running()
    scene.do(commands.MuteGuests("host"))
    scene.join("late")
    assert scene.seats() == {"host": True, "guest": False, "late": False}
    assert scene.hears("guest") == ["all-muted"]
    assert scene.hears("late") == ["muted-by-host"]
    scene.do(commands.MuteGuests("host"))
    scene.join("later")
    assert scene.seats() == {"host": True, "guest": True, "late": True, "later": True}
    assert scene.hears("guest") == ["all-unmuted"]


def test_guests_may_be_muted_on_entry() -> None:
    scene = running(mute_guests=True)
    assert scene.seats() == {"host": True, "guest": False}
    assert scene.conference.guests_muted


def test_hands_go_up_and_down_and_hosts_hear_of_it() -> None:
    scene = running()
    scene.do(commands.Hand("guest"))
    scene.do(commands.Hand("guest"))
    assert scene.hears("guest") == ["hand-raised", "hand-lowered"]
    assert scene.hears("host") == ["hand-raised-host"]
    assert scene.do(commands.Hand("guest", on=False)) == ()
    (event,) = scene.do(commands.Hand("host"))
    assert isinstance(event, HandChanged)
    assert scene.hears("host") == ["hand-raised"]


def test_gain() -> None:
    scene = running()
    scene.do(commands.SetGain("host", "guest", 0.25))
    assert scene.conference.plan() == Plan("1002", (Seat("host"), Seat("guest", gain=0.25)), 8)
    for wrong in (-1.0, 4.1, float("nan")):
        (event,) = scene.do(commands.SetGain("host", "guest", wrong))
        assert isinstance(event, NotDone)
    (event,) = scene.do(commands.SetGain("host", "nobody", 1.0))
    assert isinstance(event, NotDone)


@pytest.mark.parametrize(
    "command",
    [
        commands.Mute("host", "knocker"),
        commands.Kick("host", "knocker"),
        commands.SetRole("host", "knocker", Role.HOST),
        commands.SetGain("host", "knocker", 1.0),
    ],
)
def test_what_is_for_people_in_the_room_does_not_reach_the_lobby(command: commands.Request) -> None:
    scene = locked()
    scene.quiet()
    (event,) = scene.do(command)
    assert isinstance(event, NotDone)
    assert scene.hears("host") == ["not-available"]
    assert scene.places()["knocker"] is KNOCKING


def test_roles_change() -> None:
    scene = running()
    scene.do(commands.MuteGuests("host"))
    scene.quiet()
    scene.do(commands.SetRole("host", "guest", Role.HOST))
    assert scene.hears("guest") == ["you-are-host"]
    assert scene.seats()["guest"] is True
    scene.do(commands.SetRole("guest", "host", Role.GUEST))
    assert scene.hears("host") == ["you-are-guest"]
    assert scene.seats()["host"] is False


def test_somebody_keeps_the_keys() -> None:
    scene = running()
    (event,) = scene.do(commands.SetRole("host", "host", Role.GUEST))
    assert isinstance(event, NotDone)
    assert event.why is Refusal.LAST_HOST


def test_an_open_room_has_no_guests_to_make() -> None:
    scene = Scene(room(RoomKind.OPEN))
    scene.host("one")
    scene.host("two")
    (event,) = scene.do(commands.SetRole("one", "two", Role.GUEST))
    assert isinstance(event, NotDone)
    assert event.why is Refusal.HOSTS_ONLY


def test_count_and_help() -> None:
    scene = running()
    scene.do(commands.Count("guest"))
    scene.do(commands.Help("guest"))
    assert scene.hears("guest") == ["people-here", "number-2", "help-guest"]
    scene.do(commands.Help("host"))
    assert scene.hears("host") == ["help-host"]
