"""A conference does what behaviours.md C1 to C4 say, command by command, and tells each person what he meets."""

from __future__ import annotations

import pytest

from bridge.errors import Reason
from bridge.rooms import commands
from bridge.rooms.commands import How
from bridge.rooms.events import Ended, HandChanged, Joined, Knocking, Left, NotDone, Refusal, Refused, record
from bridge.rooms.participant import Place, Role
from config.model import RoomKind
from mixer.plan import Plan, Seat
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


# -- the door -----------------------------------------------------------------------------------------------------


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


# -- the floor ----------------------------------------------------------------------------------------------------


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
        "came_from": "knocking", "present": 3, "muted": False, "tone": True,
        "by": "host", "by_role": "host", "how": "keypad",
    }  # fmt: skip
    assert any(isinstance(event, Knocking) for event in scene.events)
