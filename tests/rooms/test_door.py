"""The door of a conference: who knocks, who is let in, who is sent away, and what a lock does (behaviours.md C2)."""

from __future__ import annotations

import pytest

from bridge.errors import Reason
from bridge.rooms import commands
from bridge.rooms.commands import How
from bridge.rooms.events import NotDone, Refusal
from bridge.rooms.participant import Place
from config.model import RoomKind
from tests.rooms.scene import Scene, locked, room, running

INSIDE, WAITING, KNOCKING = Place.INSIDE, Place.WAITING, Place.KNOCKING


def test_lock_knock_admit() -> None:
    scene = locked()
    assert scene.hears("guest") == ["locked"]
    assert scene.hears("host") == ["locked", "somebody-knocks"]
    assert scene.hears("knocker") == ["knocking"]
    assert "knocker" not in scene.seats()
    scene.do(commands.Admit("host"))
    assert scene.hears("knocker") == ["admitted"]
    assert scene.seats()["knocker"]


def test_lock_knock_decline() -> None:
    scene = locked()
    scene.quiet()
    scene.do(commands.Decline("host"))
    assert scene.hears("knocker") == ["declined"]
    assert scene.gone() == {"knocker": Reason.DECLINED}
    assert scene.hears("guest") == []


def test_guests_never_learn_of_knocks() -> None:
    scene = locked()
    scene.leave("knocker")
    assert scene.hears("guest") == ["locked"]
    assert scene.tones("guest") == []


def test_the_longest_waiting_is_admitted_or_the_one_named() -> None:
    scene = locked()
    scene.now += 1
    scene.join("second")
    scene.now += 1
    scene.join("third")
    scene.do(commands.Admit("host", "second"))
    scene.do(commands.Admit("host"))
    assert [leg for leg, place in scene.places().items() if place is INSIDE] == [
        "host",
        "guest",
        "knocker",
        "second",
    ]
    scene.do(commands.Decline("host", "third"))
    assert scene.gone() == {"third": Reason.DECLINED}


@pytest.mark.parametrize("command", [commands.Admit, commands.Decline])
def test_two_hosts_who_hear_one_knock_decide_about_one(
    command: type[commands.Admit | commands.Decline],
) -> None:
    """The second host's key meant who is gone from the door: it must not fall on the next one."""
    scene = locked()
    scene.host("second-host")
    scene.join("next")
    pressed = scene.now
    scene.wait(2)
    scene.do(command("host", asked_at=pressed))
    (event,) = scene.do(command("second-host", asked_at=pressed))
    assert isinstance(event, NotDone)
    assert event.why is Refusal.ANOTHER_KNOCKS
    assert scene.hears("second-host")[-1] == "somebody-knocks"
    assert scene.places()["next"] is KNOCKING
    scene.do(command("second-host", asked_at=scene.now))
    assert scene.places().get("next") is not KNOCKING


def test_a_key_does_not_let_in_who_came_after_it() -> None:
    scene = locked()
    pressed = scene.now
    scene.wait(1)
    scene.leave("knocker")
    (nobody,) = scene.do(commands.Admit("host", asked_at=pressed))
    assert isinstance(nobody, NotDone)
    assert nobody.why is Refusal.NOBODY_KNOCKS
    scene.join("late")
    scene.do(commands.Admit("host", asked_at=pressed))
    assert scene.places()["late"] is KNOCKING


def test_a_knock_that_runs_out_under_the_key_lets_nobody_else_in() -> None:
    """Time limit and key in one moment: what is due comes first, and the key finds another at the door."""
    scene = locked()
    scene.wait(10)
    scene.join("next")
    scene.now = max(scene.conference.deadline() or 0.0, scene.now)
    scene.do(commands.Admit("host", asked_at=scene.now - 1))
    assert scene.gone() == {"knocker": Reason.DECLINED}
    assert scene.places()["next"] is KNOCKING


def test_nobody_knocks() -> None:
    scene = running()
    scene.do(commands.Admit("host"))
    scene.do(commands.Decline("host"))
    scene.do(commands.AdmitAll("host"))
    assert scene.hears("host") == ["nobody-knocks"] * 3
    (event,) = scene.do(commands.Admit("host", "guest"))
    assert isinstance(event, NotDone)
    assert event.why is Refusal.NOT_THERE


def test_admit_all() -> None:
    scene = locked()
    scene.join("second")
    scene.do(commands.AdmitAll("host"))
    assert set(scene.places().values()) == {INSIDE}


def test_unlocking_lets_newcomers_in_and_not_those_who_knock() -> None:
    scene = locked()
    scene.do(commands.Lock("host"))
    assert not scene.conference.locked
    assert scene.places()["knocker"] is KNOCKING
    scene.join("newcomer")
    assert scene.places()["newcomer"] is INSIDE
    assert scene.hears("guest") == ["locked", "unlocked"]


def test_a_lock_never_stops_the_host_pin() -> None:
    scene = locked()
    scene.leave("host")
    scene.host("host again")
    assert scene.places()["host again"] is INSIDE
    assert "somebody-knocks" in scene.hears("host again")


def test_a_removed_guest_must_knock_again() -> None:
    scene = locked()
    scene.do(commands.Kick("host", "guest"))
    assert scene.hears("guest") == ["locked", "removed"]
    scene.join("guest again")
    assert scene.places()["guest again"] is KNOCKING


def test_whom_a_host_called_is_not_held_up_by_the_lock() -> None:
    scene = locked()
    scene.join("called", admitted=True)
    assert scene.places()["called"] is INSIDE


def test_the_same_source_disturbs_the_hosts_once_in_a_while() -> None:
    scene = running()
    scene.do(commands.Lock("host"))
    for number in range(3):
        scene.join(f"knock{number}", source="192.0.2.7")
        scene.leave(f"knock{number}")
    scene.join("other", source="192.0.2.8")
    assert scene.hears("host").count("somebody-knocks") == 2
    scene.now += 31
    scene.join("again", source="192.0.2.7")
    assert scene.hears("host").count("somebody-knocks") == 1


def test_a_knock_without_an_answer_ends() -> None:
    scene = running(knock_timeout_s=120.0)
    scene.do(commands.Lock("host"))
    scene.join("knocker")
    scene.wait(120)
    assert scene.gone() == {"knocker": Reason.DECLINED}


def test_auto_lock_guests_knock_even_before_the_host_is_there() -> None:
    scene = Scene(room(RoomKind.AUTO_LOCK))
    scene.join("early")
    assert scene.places() == {"early": KNOCKING}
    scene.host()
    assert scene.places() == {"early": KNOCKING, "host": INSIDE}
    assert scene.hears("host") == ["somebody-knocks", "alone"]
    scene.do(commands.Admit("host"))
    assert scene.places()["early"] is INSIDE


def test_auto_lock_locks_again_when_the_last_host_leaves() -> None:
    scene = Scene(room(RoomKind.AUTO_LOCK))
    scene.host()
    scene.host("host2")
    scene.do(commands.Lock("host", on=False))
    scene.join("guest")
    scene.leave("host")
    assert not scene.conference.locked
    scene.leave("host2")
    assert scene.conference.locked
    assert scene.places() == {"guest": INSIDE}
    assert scene.hears("guest") == ["host-gone", "locked"]


def test_auto_lock_again_can_be_switched_off() -> None:
    scene = Scene(room(RoomKind.AUTO_LOCK, auto_lock_again=False))
    scene.host()
    scene.do(commands.Lock("host", on=False))
    scene.join("guest")
    scene.leave("host")
    assert not scene.conference.locked


def test_who_waited_knocks_when_the_room_was_locked_meanwhile() -> None:
    scene = Scene()
    scene.join("guest")
    scene.do(commands.Lock("operator", how=How.OPERATOR))
    scene.host()
    assert scene.places() == {"guest": KNOCKING, "host": INSIDE}
    assert scene.hears("guest") == ["wait-host", "knocking"]
    assert scene.hears("host") == ["somebody-knocks", "alone"]


def test_nobody_is_admitted_to_a_conference_that_does_not_run() -> None:
    scene = Scene(room(RoomKind.AUTO_LOCK))
    scene.join("early")
    (event,) = scene.do(commands.Admit("operator", how=How.OPERATOR))
    assert isinstance(event, NotDone)
    assert event.why is Refusal.NOT_STARTED
    assert scene.hears("operator") == []
