"""Every command x every standing: hosts steer, guests have a few things of their own, the lobby has nothing.

The table is written out here a second time, and held against what the conference really does.
"""

from __future__ import annotations

from typing import get_args

import pytest

from bridge.rooms import commands
from bridge.rooms.commands import How, Request
from bridge.rooms.events import HandChanged, NotAllowed, NotDone, name
from bridge.rooms.participant import Role
from bridge.rooms.policy import RIGHTS, Standing, may
from tests.rooms.scene import Scene, room

HOST, GUEST, LOBBY, OPERATOR = "host", "guest", "knocker", "operator"

COMMANDS: dict[str, tuple[str, ...]] = {
    # command: who may
    "start": (HOST, OPERATOR),
    "lock": (HOST, OPERATOR),
    "admit": (HOST, OPERATOR),
    "admit-all": (HOST, OPERATOR),
    "decline": (HOST, OPERATOR),
    "mute": (HOST, OPERATOR),
    "mute-guests": (HOST, OPERATOR),
    "set-gain": (HOST, OPERATOR),
    "set-role": (HOST, OPERATOR),
    "kick": (HOST, OPERATOR),
    "end": (HOST, OPERATOR),
    "cancel-end": (HOST, OPERATOR),
    "allow-guests-unmute": (HOST, OPERATOR),
    "lower-hands": (HOST, OPERATOR),
    "spotlight": (HOST, OPERATOR),
    "set-overlay": (HOST, OPERATOR),
    "set-layout": (HOST, OPERATOR),
    "set-banner": (HOST, OPERATOR),
    "send-keys": (HOST, OPERATOR),
    "transfer": (HOST, OPERATOR),
    "dial": (HOST, OPERATOR),
    "next-layout": (HOST, OPERATOR),
    "set-labels": (HOST, OPERATOR),
    "video-mute": (HOST, OPERATOR),
    "mark-interpreter": (HOST, OPERATOR),
    "allow-guests-present": (HOST, OPERATOR),
    "video-mute-self": (HOST, GUEST),
    "present": (HOST, GUEST),
    "mix-slides": (HOST, GUEST),
    "mute-self": (HOST, GUEST),
    "client-mute": (HOST, GUEST),
    "say": (HOST, GUEST),
    "hand": (HOST, GUEST),
    "count": (HOST, GUEST),
    "help": (HOST, GUEST),
}


def request(what: str, by: str, how: How) -> Request:
    """The command of that name, aimed at the second guest where it aims at somebody."""
    aims: dict[str, Request] = {
        "start": commands.Start(by, how),
        "admit-all": commands.AdmitAll(by, how),
        "mute": commands.Mute(by, "guest2", how=how),
        "set-gain": commands.SetGain(by, "guest2", 0.5, how=how),
        "set-role": commands.SetRole(by, "guest2", Role.HOST, how=how),
        "kick": commands.Kick(by, "guest2", how=how),
        "spotlight": commands.Spotlight(by, "guest2", how=how),
        "set-overlay": commands.SetOverlay(by, "guest2", "Kari", how=how),
        "set-layout": commands.SetLayout(by, "4:0", how=how),
        "set-banner": commands.SetBanner(by, "hello", how=how),
        "send-keys": commands.SendKeys(by, "guest2", "1#", how=how),
        "transfer": commands.Transfer(by, "guest2", "2000", how=how),
        "client-mute": commands.ClientMute(by, True, how=how),
        "say": commands.Say(by, "hello", how=how),
        "set-labels": commands.SetLabels(by, names=False, how=how),
        "video-mute": commands.VideoMute(by, "guest2", how=how),
        "mark-interpreter": commands.MarkInterpreter(by, "guest2", how=how),
        "present": commands.Present(by, True, how=how),
    }
    plain = {name(kind("x")): kind for kind in (
        commands.Lock, commands.Admit, commands.Decline, commands.MuteGuests, commands.End, commands.CancelEnd,
        commands.MuteSelf, commands.Hand, commands.Count, commands.Help, commands.LowerHands,
        commands.AllowGuestsUnmute, commands.Dial, commands.NextLayout, commands.AllowGuestsPresent,
        commands.VideoMuteSelf, commands.MixSlides,
    )}  # fmt: skip
    return aims[what] if what in aims else plain[what](by, how=how)


@pytest.fixture
def scene() -> Scene:
    made = Scene(room(chat=True))
    made.host("host")
    made.join("guest")
    made.join("guest2")
    made.do(commands.Lock("host"))
    made.join("knocker")
    made.do(commands.End("host"))
    made.quiet()
    return made


@pytest.mark.parametrize("who", [HOST, GUEST, LOBBY, OPERATOR])
@pytest.mark.parametrize("what", COMMANDS)
def test_the_matrix(scene: Scene, what: str, who: str) -> None:
    how = How.OPERATOR if who == OPERATOR else How.KEYPAD
    before = scene.conference.people
    events = scene.do(request(what, who, how))
    refusals = [event for event in events if isinstance(event, NotAllowed)]
    if who in COMMANDS[what]:
        assert refusals == []
        assert not any(isinstance(event, NotDone) for event in events)
        return
    (refusal,) = refusals
    assert len(events) == 1
    assert (refusal.leg, refusal.what, refusal.origin.how) == (who, what, how)
    assert scene.conference.people == before
    if who != OPERATOR:
        assert scene.hears(who) == ["not-allowed"]
    assert all(scene.hears(other) == [] for other in {HOST, GUEST, LOBBY} - {who})


def test_the_table_knows_every_command() -> None:
    assert set(RIGHTS) == set(get_args(Request))
    assert len(RIGHTS) == len(COMMANDS)
    assert not any(may(Standing.LOBBY, kind) for kind in RIGHTS)


def test_another_ones_hand_is_for_hosts_to_lower(scene: Scene) -> None:
    scene.do(commands.Hand("guest2", on=True))
    (event,) = scene.do(commands.Hand("guest", on=False, who="guest2"))
    assert isinstance(event, NotAllowed)
    (event,) = scene.do(commands.Hand("host", on=True, who="guest"))
    assert isinstance(event, NotDone)
    (event,) = scene.do(commands.Hand("host", on=False, who="guest2"))
    assert isinstance(event, HandChanged)


def test_who_has_left_asks_for_nothing(scene: Scene) -> None:
    scene.leave("guest")
    assert scene.do(commands.Hand("guest")) == ()
    assert scene.do(commands.Kick("stranger", "host")) == ()


def test_a_host_in_the_lobby_has_no_powers() -> None:
    scene = Scene()
    scene.host("host")
    scene.join("guest")
    scene.do(commands.SetRole("host", "guest", Role.HOST))
    scene.do(commands.Lock("guest"))
    assert scene.conference.locked
    scene.do(commands.SetRole("host", "guest", Role.GUEST))
    (event,) = scene.do(commands.Lock("guest"))
    assert isinstance(event, NotAllowed)
    assert event.origin.role is Role.GUEST
