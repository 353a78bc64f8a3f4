"""The floor: guests who may unmute themselves, devices that mute themselves, hands that hosts lower, and chat."""

from __future__ import annotations

from bridge.rooms import commands
from bridge.rooms.announcements import audience
from bridge.rooms.events import HandChanged, MuteChanged, NotDone, Refusal, Said, record
from tests.rooms.scene import Scene, locked, room, running


def test_a_guest_whom_a_host_muted_unmutes_himself_where_he_may() -> None:
    scene = running(guests_can_unmute=True)
    scene.do(commands.MuteGuests("host"))
    assert scene.seats()["guest"] is False
    (event,) = scene.do(commands.MuteSelf("guest", on=False))
    assert isinstance(event, MuteChanged) and event.heard and not event.by_host
    assert scene.seats()["guest"] is True
    scene.do(commands.Mute("host", "guest", on=True))
    scene.do(commands.MuteSelf("guest"))
    assert scene.seats()["guest"] is True


def test_a_host_changes_that_for_the_run() -> None:
    scene = running()
    scene.do(commands.Mute("host", "guest", on=True))
    scene.do(commands.AllowGuestsUnmute("host", True))
    assert scene.conference.guests_can_unmute
    assert scene.do(commands.AllowGuestsUnmute("host", True)) == ()
    scene.do(commands.MuteSelf("guest"))
    assert scene.seats()["guest"] is True
    scene.do(commands.AllowGuestsUnmute("host"))
    assert scene.seats()["guest"] is True
    scene.do(commands.Mute("host", "guest", on=True))
    scene.do(commands.MuteSelf("guest"))
    assert scene.seats()["guest"] is False
    scene.do(commands.AllowGuestsUnmute("host", True))
    scene.do(commands.End("host", at_once=True))
    scene.host()
    assert not scene.conference.guests_can_unmute


def test_a_device_that_sends_silence_is_shown_and_changes_no_sound() -> None:
    scene = running()
    scene.do(commands.ClientMute("guest", True))
    assert scene.do(commands.ClientMute("guest", True)) == ()
    assert scene.seats()["guest"] is True
    assert [person.client_muted for person in scene.conference.people] == [False, True]
    scene.do(commands.ClientMute("guest", False))
    assert scene.names() == ["client-mute-changed", "client-mute-changed"]


def test_hosts_lower_hands() -> None:
    scene = running()
    scene.join("other")
    scene.do(commands.Hand("guest", on=True))
    scene.do(commands.Hand("other", on=True))
    (event,) = scene.do(commands.Hand("host", on=False, who="guest"))
    assert isinstance(event, HandChanged) and (event.leg, event.raised, event.origin.by) == (
        "guest",
        False,
        "host",
    )
    assert scene.hears("guest") == ["hand-raised", "hand-lowered"]
    (event,) = scene.do(commands.LowerHands("host"))
    assert isinstance(event, HandChanged) and event.leg == "other"
    assert scene.do(commands.LowerHands("host")) == ()
    (event,) = scene.do(commands.Hand("host", on=False, who="nobody"))
    assert isinstance(event, NotDone) and event.why is Refusal.NOT_THERE


def test_there_is_no_chat_unless_the_room_has_it() -> None:
    (event,) = running().do(commands.Say("guest", "hello"))
    assert isinstance(event, NotDone) and event.why is Refusal.OFF


def said(scene: Scene, by: str, text: str, to: str | None = None) -> tuple[str, ...]:
    """Who is told of what somebody writes."""
    (event,) = scene.do(commands.Say(by, text, to))
    assert isinstance(event, Said)
    assert text not in repr(record(event)) and text not in repr(event)
    return audience(event, scene.conference.present())


def test_what_is_written_reaches_the_room_or_one_of_it() -> None:
    scene = Scene(room(chat=True))
    scene.host()
    scene.join("guest")
    scene.join("other")
    scene.do(commands.Lock("host"))
    scene.join("knocker")
    scene.join("held")
    assert said(scene, "guest", "to all of you") == ("host", "guest", "other")
    assert said(scene, "guest", "to you", "host") == ("host", "guest")
    scene.do(commands.Hold("host", True))
    assert said(scene, "guest", "to you", "host") == ("guest",)
    (event,) = scene.do(commands.Say("guest", "to you", "knocker"))
    assert isinstance(event, NotDone) and event.why is Refusal.NOT_THERE
    for text in ("", "x" * 4001):
        (event,) = scene.do(commands.Say("guest", text))
        assert isinstance(event, NotDone) and event.why is Refusal.OUT_OF_RANGE


def test_the_lobby_writes_to_nobody() -> None:
    scene = locked()
    scene.quiet()
    scene.do(commands.Say("knocker", "let me in"))
    assert scene.names()[-1] == "not-allowed"
