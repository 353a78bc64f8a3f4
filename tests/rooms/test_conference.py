"""A conference does what behaviours.md C1 to C4 say, command by command, and tells each person what he meets."""

from __future__ import annotations

import pytest

from bridge.errors import Reason
from bridge.rooms import commands
from bridge.rooms.commands import How
from bridge.rooms.events import Ended, Joined, Knocking, Left, NotDone, Refusal, Refused, record
from bridge.rooms.participant import Place, Role
from config.model import RoomKind
from tests.rooms.scene import Scene, locked, room, running

INSIDE, WAITING, KNOCKING = Place.INSIDE, Place.WAITING, Place.KNOCKING


# -- coming in ----------------------------------------------------------------------------------------------------


def test_a_guest_waits_for_the_host_and_comes_in_with_him() -> None:
    scene = Scene()
    scene.join("guest")
    assert scene.places() == {"guest": WAITING}
    assert scene.seats() == {}
    assert scene.hears("guest") == ["wait-host"]
    scene.host()
    assert scene.names() == ["waiting", "started", "joined", "joined"]
    assert scene.seats() == {"host": True, "guest": True}
    assert scene.tones("guest") == ["tone-join", "tone-join"]  # the host's, and his own


def test_many_who_waited_make_one_tone() -> None:
    scene = Scene()
    for number in range(5):
        scene.join(f"guest{number}")
    scene.host()
    assert scene.tones("host") == ["tone-join"]


def test_the_first_host_hears_that_he_is_alone() -> None:
    scene = Scene()
    scene.host()
    assert scene.hears("host") == ["alone"]


def test_signalling_without_media_starts_nothing_until_it_says_so() -> None:
    scene = Scene()
    scene.join("guest")
    scene.host("screen", media=False)
    assert scene.places() == {"guest": WAITING, "screen": INSIDE}
    assert scene.seats() == {}
    scene.do(commands.Start("screen"))
    assert scene.seats() == {"guest": True}
    assert scene.do(commands.Start("screen")) == ()


def test_in_a_room_without_a_pin_everybody_is_host() -> None:
    scene = Scene(room(RoomKind.OPEN))
    scene.join("one", Role.GUEST)
    scene.join("two", Role.GUEST)
    assert [person.role for person in scene.conference.people] == [Role.HOST, Role.HOST]
    scene.do(commands.Lock("one"))
    scene.join("three", Role.GUEST)
    assert scene.places()["three"] is KNOCKING
    assert "somebody-knocks" in scene.hears("two")
    scene.do(commands.Admit("two"))
    assert scene.places()["three"] is INSIDE


def test_a_leg_joins_once() -> None:
    scene = running()
    assert scene.host("guest") == ()


def test_a_guest_who_waited_too_long_is_sent_away() -> None:
    scene = Scene(room(wait_host_s=900.0))
    scene.join("guest")
    assert scene.wait(899) == ()
    scene.wait(1)
    assert scene.gone() == {"guest": Reason.HOST_ABSENT}
    assert scene.hears("guest") == ["wait-host", "declined"]
    assert scene.conference.over


def test_a_wait_of_zero_has_no_limit() -> None:
    scene = Scene(room(wait_host_s=0.0))
    scene.join("guest")
    assert scene.conference.deadline() is None


# -- the limit ----------------------------------------------------------------------------------------------------


def test_the_one_too_many_is_told_that_the_room_is_full() -> None:
    scene = running(limit=2)
    (event,) = scene.join("third", source="192.0.2.1")
    assert isinstance(event, Refused)
    assert event.reason is Reason.FULL
    assert scene.hears("third") == ["full"]
    assert scene.places() == {"host": INSIDE, "guest": INSIDE}
    assert scene.conference.full()
    assert scene.conference.full(Role.HOST)


def test_the_lobby_counts_for_guests_but_never_keeps_a_host_out() -> None:
    scene = Scene(room(limit=2))
    scene.join("one")
    scene.join("two")
    assert isinstance(scene.join("three")[0], Refused)
    assert not scene.conference.full()
    assert scene.conference.full(Role.GUEST)
    scene.host()
    # The host took a place, so one of the two who waited finds none.
    assert scene.places() == {"one": INSIDE, "host": INSIDE}
    assert scene.gone() == {"two": Reason.FULL}


def test_admitting_into_a_full_room_is_told() -> None:
    scene = Scene(room(limit=2))
    scene.host()
    scene.do(commands.Lock("host"))
    scene.join("knocker")
    scene.host("host2")
    scene.quiet()
    (event,) = scene.do(commands.Admit("host"))
    assert isinstance(event, NotDone)
    assert event.why is Refusal.FULL
    assert scene.hears("host") == ["full"]


def test_a_room_of_a_hundred_takes_a_hundred() -> None:
    scene = Scene(room(limit=100))
    scene.host()
    for number in range(99):
        scene.join(f"guest{number}")
    assert len(scene.seats()) == 100
    assert isinstance(scene.join("one too many")[0], Refused)


# -- hold, silence, loss ------------------------------------------------------------------------------------------


def test_a_held_leg_is_out_of_the_sound_both_ways_and_told_nothing() -> None:
    scene = running()
    scene.do(commands.Hold("guest", True))
    assert scene.seats() == {"host": True}
    scene.do(commands.Lock("host"))
    assert scene.hears("guest") == []
    scene.do(commands.Hold("guest", False))
    assert scene.seats() == {"host": True, "guest": True}
    assert scene.do(commands.Hold("guest", False)) == ()


def test_a_leg_that_comes_on_hold_is_out_of_the_sound_from_the_start() -> None:
    scene = running()
    scene.join("late", held=True)
    assert "late" not in scene.seats()


def test_a_host_on_hold_is_still_the_host() -> None:
    scene = running()
    scene.do(commands.Hold("host", True))
    assert "hosts-gone" not in scene.names()
    scene.wait(3600)
    assert scene.places() == {"host": INSIDE, "guest": INSIDE}


def test_silence_is_recorded_and_the_loss_is_a_leave() -> None:
    scene = running()
    scene.do(commands.Silence("guest", True))
    assert scene.do(commands.Silence("guest", True)) == ()
    scene.do(commands.Silence("guest", False))
    assert scene.names() == ["connection-changed", "connection-changed"]
    (event, *_) = scene.do(commands.Leave("guest", Reason.MEDIA_LOST))
    assert isinstance(event, Left)
    assert not event.hang_up
    assert record(event)["reason"] == "media-lost"


def test_facts_about_strangers_are_nothing() -> None:
    scene = running()
    assert scene.do(commands.Hold("x", True)) == ()
    assert scene.do(commands.Silence("x", True)) == ()
    assert scene.do(commands.Leave("x")) == ()


# -- tones --------------------------------------------------------------------------------------------------------


def test_tones_tell_who_comes_and_goes_up_to_a_size() -> None:
    scene = running(tones_up_to=3)
    scene.join("third")
    assert scene.tones("host") == ["tone-join"]
    scene.join("fourth")
    assert scene.tones("host") == []
    scene.leave("fourth")
    assert scene.tones("host") == ["tone-leave"]


def test_tones_can_be_switched_off() -> None:
    scene = running(tones=False)
    scene.join("third")
    scene.leave("third")
    assert scene.tones("host") == []


# -- the end ------------------------------------------------------------------------------------------------------


def test_end_for_all_after_a_notice() -> None:
    scene = locked()
    scene.quiet()
    scene.do(commands.End("host"))
    assert scene.hears("guest") == ["ending"]
    assert scene.do(commands.End("host")) == ()
    assert scene.wait(2.9) == ()
    scene.wait(0.1)
    assert scene.gone() == {"host": Reason.ENDED, "guest": Reason.ENDED, "knocker": Reason.ENDED}
    (ended,) = (event for event in scene.events if isinstance(event, Ended))
    assert ended.origin.by == "host"
    assert scene.hears("guest") == ["ended"]
    assert scene.hears("knocker") == ["ended"]
    assert scene.seats() == {}
    assert scene.conference.over
    assert scene.conference.deadline() is None


def test_the_star_cancels_the_end() -> None:
    scene = running()
    assert scene.do(commands.CancelEnd("host")) == ()
    scene.do(commands.End("host"))
    scene.now += 2
    scene.do(commands.CancelEnd("guest"))
    assert scene.conference.deadline() is not None
    scene.do(commands.CancelEnd("host"))
    assert scene.hears("guest") == ["ending", "not-allowed", "ending-cancelled"]
    assert scene.wait(3600) == ()


def test_a_star_after_the_notice_is_too_late() -> None:
    scene = running()
    scene.do(commands.End("host"))
    scene.now += 3
    events = scene.do(commands.CancelEnd("host"))
    assert isinstance(events[0], Ended)


def test_an_operator_ends_at_once() -> None:
    scene = running()
    scene.do(commands.End("operator", at_once=True, how=How.OPERATOR))
    assert scene.conference.over


def test_without_a_host_it_ends_after_a_minute() -> None:
    scene = running()
    scene.leave("host")
    assert scene.hears("guest") == ["host-gone"]
    assert scene.wait(59) == ()
    scene.wait(1)
    assert scene.gone()["guest"] is Reason.ENDED
    assert scene.conference.over


def test_a_host_who_redials_in_time_goes_on() -> None:
    scene = running()
    scene.leave("host")
    scene.wait(59)
    scene.host("host again")
    scene.wait(3600)
    assert scene.seats() == {"guest": True, "host again": True}


def test_with_no_time_without_a_host_it_ends_at_once() -> None:
    scene = running(no_host_end_s=0.0)
    scene.leave("host")
    assert scene.gone()["guest"] is Reason.ENDED


@pytest.mark.parametrize(
    ("leavers", "ends_after"),
    [(["a", "b"], 90.0), (["a"], 120.0)],
)
def test_the_example_of_c4(leavers: list[str], ends_after: float) -> None:
    """Guests-only 120 s, last-one 60 s: one guest left at t=30 ends it at t=90, two left end it at t=120."""
    scene = Scene(room(no_host_end_s=120.0, last_one_end_s=60.0))
    scene.host()
    for guest in ("a", "b", "c"):
        scene.join(guest)
    scene.leave("host")
    began = scene.now
    scene.wait(30)
    scene.leave(*leavers)
    scene.events.clear()
    scene.wait(ends_after - 30 - 0.1)
    assert scene.names() == []
    scene.wait(0.1)
    assert scene.now - began == pytest.approx(ends_after)
    assert scene.names()[0] == "ended"
    assert scene.conference.over


def test_the_first_to_come_may_wait_for_the_others() -> None:
    scene = Scene(room(last_one_end_s=60.0))
    scene.host()
    assert scene.wait(3600) == ()
    scene.join("guest")
    scene.leave("guest")
    assert scene.hears("host") == ["alone", "alone"]
    scene.wait(60)
    assert scene.gone()["host"] is Reason.ENDED


def test_who_is_in_the_lobby_stays_when_the_rules_end_a_run() -> None:
    scene = locked()
    scene.leave("host")
    scene.wait(60)
    assert scene.gone() == {"host": Reason.NORMAL, "guest": Reason.ENDED}
    assert scene.places() == {"knocker": KNOCKING}
    assert not scene.conference.over
    assert not scene.conference.started
    scene.host("host again")
    assert scene.places() == {"knocker": KNOCKING, "host again": INSIDE}
    assert not scene.conference.locked


def test_an_empty_locked_room_keeps_its_lock_for_the_host_who_redials() -> None:
    scene = running()
    scene.do(commands.Lock("host"))
    scene.leave("guest", "host")
    assert not scene.conference.over
    scene.join("stranger")
    scene.host("host again")
    assert scene.places() == {"stranger": KNOCKING, "host again": INSIDE}


def test_an_empty_locked_room_is_over_in_the_end() -> None:
    scene = running()
    scene.do(commands.Lock("host"))
    scene.leave("guest", "host")
    scene.wait(60)
    assert scene.conference.over
    assert not scene.conference.locked


def test_an_empty_unlocked_room_is_over_at_once() -> None:
    scene = running()
    scene.leave("guest", "host")
    assert scene.conference.over
    assert scene.conference.deadline() is None


def test_the_last_one_out_of_an_open_room_ends_it_for_who_knocks() -> None:
    scene = Scene(room(RoomKind.OPEN))
    scene.host("one")
    scene.do(commands.Lock("one"))
    scene.host("knocker")
    scene.leave("one")
    assert scene.gone() == {"one": Reason.NORMAL, "knocker": Reason.ENDED}
    assert scene.conference.over
    scene.host("next")
    assert scene.places() == {"next": INSIDE}


def test_a_new_run_begins_as_the_room_is_configured() -> None:
    scene = running()
    scene.do(commands.MuteGuests("host"))
    scene.do(commands.Lock("host"))
    scene.do(commands.End("host", at_once=True))
    scene.join("guest")
    scene.host()
    assert scene.seats() == {"guest": True, "host": True}


def test_a_late_wake_still_does_things_in_order() -> None:
    """A command that comes after a deadline finds the deadline's work done."""
    scene = running()
    scene.leave("host")
    scene.now += 61
    events = scene.host("host again")
    kinds = [type(event) for event in events]
    assert kinds.index(Ended) < kinds.index(Joined)
    assert scene.places() == {"host again": INSIDE}


def test_an_operator_starts_it_for_guests() -> None:
    scene = Scene()
    scene.join("a")
    scene.join("b")
    scene.do(commands.Start("operator", How.OPERATOR))
    assert scene.seats() == {"a": True, "b": True}
    scene.do(commands.SetRole("operator", "a", Role.HOST, how=How.OPERATOR))
    assert scene.wait(3600) == ()


def test_records_say_who_what_and_how() -> None:
    scene = locked()
    (event,) = scene.do(commands.Admit("host"))
    assert isinstance(event, Joined)
    line = record(event)
    assert line == {
        "event": "joined", "leg": "knocker", "name": "name of knocker", "source": "", "way": "sip", "role": "guest",
        "came_from": "knocking", "present": 3, "muted": False, "tone": True, "interpreter": False,
        "by": "host", "by_role": "host", "how": "keypad",
    }  # fmt: skip
    assert any(isinstance(event, Knocking) for event in scene.events)
