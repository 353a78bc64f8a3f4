"""Nobody overhears (reliability.md G-06, A-08): over random sequences of commands, in every state that is reached,

- a waiting, knocking, held, declined or left leg has no seat in the plan, and is told of nobody but itself;
- guests learn nothing of the lobby, the lobby learns nothing of the room;
- whoever is outside or on hold is in nobody's picture, and his own is a card without a name or a number; nobody sees
  himself on a stage, everybody sees an interpreter if there is one, guests see no signs of the lobby, and nobody's
  camera is looked at that stands on no canvas;
- after `locked` was confirmed nobody is in without a host PIN or somebody's `Admit`;
- the clock always moves on, every event can be written down, and who has left is gone once and for all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Reason
from bridge.machine import WAKE, Wake
from bridge.rooms import commands
from bridge.rooms.announcements import announce, audience
from bridge.rooms.commands import Command, How, Join
from bridge.rooms.conference import Conference
from bridge.rooms.events import (
    Ended,
    Event,
    Joined,
    Knocking,
    KnocksReported,
    Left,
    LockChanged,
    Refused,
    Said,
    Transferred,
    Waiting,
    record,
)
from bridge.rooms.gallery import Canvas
from bridge.rooms.participant import Participant, Pictures, Place, Role
from config.model import Room, RoomKind
from mixer.layout import tiles
from mixer.scene import SLIDES, Camera, Card, Scene, View
from tests.rooms.scene import room

LEGS = [f"leg{number}" for number in range(7)]
# All that may sound in a lobby: nothing that tells who or how many there are, or what they do.
LOBBY_SOUNDS = {"wait-host", "knocking", "music", "declined", "ended", "full", "not-allowed"}

OUTSIDE_CARDS = {Card.WAITING_FOR_HOST, Card.WAITING_TO_BE_LET_IN, Card.HELD}

SECRET, KEYS = "written in confidence", "*9876#"

legs = st.sampled_from(LEGS)
pictures = st.builds(
    Pictures, st.integers(0, 3).map(bool), st.booleans(), st.integers(0, 3).map(bool), st.booleans()
)
who = st.none() | legs
switch = st.none() | st.booleans()
layouts = st.sampled_from(["1:0", "1:7", "4:0", "7:7"])
how = st.sampled_from([How.KEYPAD, How.API, How.KEYPAD, How.OPERATOR])
facts = st.one_of(
    st.builds(Join, legs, st.sampled_from(Role), source=st.sampled_from(["a", "b"]), media=st.integers(0, 9).map(bool),
              admitted=st.integers(0, 5).map(lambda n: n == 0), held=st.integers(0, 5).map(lambda n: n == 0),
              returning=st.integers(0, 9).map(lambda n: n == 0), pictures=pictures,
              interpreter=st.integers(0, 5).map(lambda n: n == 0)),
    st.builds(commands.Leave, legs, st.sampled_from([Reason.NORMAL, Reason.MEDIA_LOST])),
    st.builds(commands.Hold, legs, st.booleans()),
    st.builds(commands.Silence, legs, st.booleans()),
    st.builds(commands.Media, legs, st.booleans(), st.booleans()),
    st.builds(commands.Video, legs, pictures),
    st.builds(commands.Seen, legs, st.booleans(), st.booleans()),
    st.builds(commands.Talk, st.lists(legs, max_size=3, unique=True).map(tuple)),
)  # fmt: skip
requests = st.one_of(
    st.builds(commands.Start, legs, how),
    st.builds(commands.Lock, legs, switch, how),
    st.builds(commands.Admit, legs, who, how),
    st.builds(commands.AdmitAll, legs, how),
    st.builds(commands.Decline, legs, who, how),
    st.builds(commands.Mute, legs, legs, switch, how),
    st.builds(commands.MuteGuests, legs, switch, how),
    st.builds(commands.MuteSelf, legs, switch, how),
    st.builds(commands.Hand, legs, switch, who, how),
    st.builds(commands.LowerHands, legs, how),
    st.builds(commands.AllowGuestsUnmute, legs, switch, how),
    st.builds(commands.ClientMute, legs, st.booleans(), how),
    st.builds(commands.Say, legs, st.sampled_from(["", SECRET, SECRET * 1000]), who, how),
    st.builds(commands.Spotlight, legs, legs, switch, how),
    st.builds(commands.SetOverlay, legs, legs, st.sampled_from(["", "Kari", "K" * 200]), how),
    st.builds(commands.SetBanner, legs, st.sampled_from(["", SECRET, "x" * 300]), how),
    st.builds(commands.SetLayout, legs, st.none() | layouts, st.none() | layouts, st.none() | layouts, how),
    st.builds(
        commands.Transfer,
        legs,
        legs,
        st.sampled_from(["1002", "2000"]),
        st.none() | st.sampled_from(Role),
        how,
    ),
    st.builds(commands.SendKeys, legs, legs, st.sampled_from(["", KEYS, "12x", "1" * 33]), how),
    st.builds(commands.Dial, legs, how),
    st.builds(commands.NextLayout, legs, how),
    st.builds(commands.SetLabels, legs, switch, switch, how),
    st.builds(commands.VideoMute, legs, legs, switch, how),
    st.builds(commands.VideoMuteSelf, legs, switch, how),
    st.builds(commands.MarkInterpreter, legs, legs, switch, how),
    st.builds(commands.Present, legs, st.booleans(), who, how),
    st.builds(commands.AllowGuestsPresent, legs, switch, how),
    st.builds(commands.MixSlides, legs, switch, who, how),
    st.builds(commands.SetGain, legs, legs, st.floats(-1, 5), how),
    st.builds(commands.SetRole, legs, legs, st.sampled_from(Role), how),
    st.builds(commands.Kick, legs, legs, how),
    st.builds(commands.End, legs, st.integers(0, 3).map(lambda n: n == 0), how),
    st.builds(commands.CancelEnd, legs, how),
    st.builds(commands.Count, legs, how),
    st.builds(commands.Help, legs, how),
)
steps = st.lists(
    st.tuples(
        facts | requests | st.just(WAKE), st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.9, 31.0, 59.0, 60.0, 900.0])
    ),
    max_size=60,
)
rooms = st.builds(
    room,
    st.sampled_from(RoomKind),
    limit=st.sampled_from([2, 3, 100]),
    no_host_end_s=st.sampled_from([0.0, 60.0]),
    last_one_end_s=st.sampled_from([0.0, 60.0]),
    mute_guests=st.booleans(),
    guests_can_unmute=st.booleans(),
    chat=st.booleans(),
    auto_lock_again=st.booleans(),
    layout=st.sampled_from(["1:0", "1:7", "4:0"]),
    guest_layout=st.sampled_from(["", "1:0", "2:21", "4:0"]),
    guests_can_present=st.booleans(),
    presenter_in_main=st.booleans(),
)


class Watcher:
    """Follows a conference from outside, and objects."""

    def __init__(self, of: Room) -> None:
        self.room = of
        self.conference = Conference(of, canvas=Canvas())
        self.now = 50.0
        self.locked = of.auto_lock
        self.there: set[str] = set()
        self.names: dict[str, str] = {}

    def play(self, command: Command | Wake, pause: float) -> None:
        for at in self._deadlines(self.now + pause):
            self.now = at
            self._step(WAKE)
            after = self.conference.deadline()
            assert after is None or after > at, "a deadline that is due stays due"
        self.now += 0.001
        if isinstance(command, Join):
            if command.leg in self.there:
                return
            self.names[command.leg] = f"person {command.leg} {self.now}"
            command = Join(**{**_fields(command), "name": self.names[command.leg]})
        self._step(command)

    def _deadlines(self, until: float) -> Iterator[float]:
        while (at := self.conference.deadline()) is not None and at <= until:
            yield max(at, self.now)
        self.now = until

    def _step(self, command: Command | Wake) -> None:
        events = self.conference.handle(command, self.now)
        for event in events:
            self._check_lock(event, command)
            self._check_presence(event)
            line = json.dumps(record(event)) + repr(event) + repr(command)
            assert SECRET not in line and KEYS not in line, "what is written or keyed stays out of records"
        for event in events:
            self._check_ears(event)
        self._check_seats()
        self._check_scene()

    def _check_lock(self, event: Event, command: Command | Wake) -> None:
        match event:
            case LockChanged():
                self.locked = event.locked
            case Ended():
                self.locked = self.room.auto_lock
            case Joined() if self.locked:
                keyed = event.role is Role.HOST and self.room.has_host_pin and event.came_from is None
                let_in = event.came_from is Place.KNOCKING and isinstance(
                    command, commands.Admit | commands.AdmitAll
                )
                exempt = isinstance(command, Join) and (command.admitted or command.returning)
                called = exempt or event.came_from is Place.WAITING
                assert keyed or let_in or called
                if let_in:
                    assert event.origin.role is Role.HOST or event.origin.how is How.OPERATOR
                if event.came_from is Place.WAITING:
                    assert event.leg in self.exempt
            case _:
                pass

    def _check_presence(self, event: Event) -> None:
        match event:
            case Waiting() | Knocking():
                self.there.add(event.leg)
            case Joined():
                assert event.came_from is None or event.leg in self.there
                self.there.add(event.leg)
            case Left():
                self.there.remove(event.leg)
            case Refused():
                assert event.leg not in self.there
            case _:
                pass

    @property
    def exempt(self) -> set[str]:
        return {person.leg for person in self.conference.people if person.admitted}

    def _check_ears(self, event: Event) -> None:
        present = self.conference.present()
        people = {person.leg: person for person in self.conference.people}
        told = audience(event, present)
        for leg in told:
            person = people.get(leg)
            inside = person is not None and person.inside and not person.held
            if not inside:
                assert getattr(event, "leg", None) == leg, "the lobby is told of somebody else"
                assert getattr(event, "name", self.names.get(leg)) == self.names.get(leg)
            elif person is not None and not person.is_host and getattr(event, "leg", leg) != leg:
                of_lobby = isinstance(event, Waiting | Knocking | KnocksReported | Refused)
                assert not of_lobby, "a guest is told of the lobby"
                assert not (isinstance(event, Left) and event.place is not Place.INSIDE)
                assert not isinstance(event, Transferred), "a guest is told where somebody goes"
            if isinstance(event, Said):
                assert inside and leg in (event.leg, event.to or leg), "what is written reaches another"
        if isinstance(event, Said):
            assert self.room.chat
        for sound in announce(event, present):
            assert set(sound.legs) <= set(told)
            for leg in sound.legs:
                person = people.get(leg)
                if person is not None and not person.inside:
                    assert set(getattr(sound, "prompts", ())) <= LOBBY_SOUNDS

    def _check_seats(self) -> None:
        people = {person.leg: person for person in self.conference.people}
        assert set(people) == self.there
        seats = self.conference.plan().seats
        for seat in seats:
            person = people[seat.leg]
            assert person.place is Place.INSIDE
            assert not person.held
            assert person.media
            assert seat.hears
            assert not (seat.heard and person.muted)
        assert len(seats) == len({seat.leg for seat in seats})
        assert len([person for person in people.values() if person.inside]) <= self.room.limit
        if not self.conference.started:
            assert not any(person.inside and person.media for person in people.values())
        if self.conference.over:
            assert self.conference.deadline() is None
            self.locked = self.room.auto_lock
        assert self.conference.locked is self.locked
        if not self.room.has_host_pin:
            assert all(person.role is Role.HOST for person in people.values())

    def _check_scene(self) -> None:
        scene = self.conference.scene
        people = {person.leg: person for person in self.conference.people}
        wanted = {seat.leg: (seat.seen, seat.slides) for seat in self.conference.plan().seats}
        interpreters = {
            person.leg
            for person in people.values()
            if person.inside and person.media and not person.held and person.interpreter_since is not None
            if person.pictures.camera or person.spotlight_since is not None
        }
        for sink, at in scene.watchers.items():
            viewer, view = people[sink.removesuffix(SLIDES)], scene.views[at]
            assert viewer.pictures.watches and viewer.media
            if not viewer.inside or viewer.held:
                assert view == View(card=view.card) and view.card in OUTSIDE_CARDS
            elif not sink.endswith(SLIDES) and interpreters - {viewer.leg}:
                assert any(face.guaranteed for face in view.faces), "no interpreter is seen"
            assert viewer.leg not in {face.source for face in view.faces} or sink.endswith(SLIDES)
            assert f"{viewer.leg}{SLIDES}" not in {face.source for face in view.faces}
            if not viewer.is_host:
                assert not view.locked and not view.knocking
            if view.common >= 0:
                other = scene.views[view.common]
                assert (other.locked, other.knocking) == (view.locked, view.knocking)
                assert not other.card.value.startswith("waiting")
        for view in scene.views:
            self._check_view(view, people, wanted)
        self._check_wanted(scene, wanted)

    def _check_view(
        self, view: View, people: dict[str, Participant], wanted: dict[str, tuple[int, int]]
    ) -> None:
        outside = {
            person.name for person in people.values() if not person.inside or person.held or not person.media
        }
        shown = {face.name for face in view.faces} | {voice.name for voice in view.voices}
        assert not shown & outside, "somebody outside is shown"
        assert len({face.source for face in view.faces}) == len(view.faces), "two seats"
        inside = [person for person in people.values() if person.inside and not person.held]
        assert view.more <= len(inside)
        heights = [tile.height for tile in tiles(view.layout, len(view.faces), view.more > 0)]
        assert len(heights) >= len(view.faces)
        interpreters = [face for face in view.faces if face.guaranteed]
        if interpreters:
            assert max(heights[view.faces.index(face)] for face in interpreters) >= 240, "too small for signs"
        for face, height in zip(view.faces, heights, strict=False):
            leg = face.source.removesuffix(SLIDES)
            assert people[leg].inside and not people[leg].held
            assert face.slides is face.source.endswith(SLIDES)
            if face.slides:
                assert people[leg].presenting_since is not None and wanted[leg][1] >= height
            elif people[leg].video_muted or not people[leg].pictures.camera:
                assert face.camera is not Camera.ON and wanted[leg][0] == 0
            else:
                assert face.camera is Camera.ON and wanted[leg][0] >= height

    def _check_wanted(self, scene: Scene, wanted: dict[str, tuple[int, int]]) -> None:
        shown = {face.source for view in scene.views for face in view.faces}
        for leg, (camera, slides) in wanted.items():
            assert not camera or leg in shown
            assert not slides or scene.watchers
        presenters = [person for person in self.conference.people if person.presenting_since is not None]
        assert len(presenters) <= 1 and all(person.inside for person in presenters)
        assert all(person.is_host or self.conference.guests_can_present for person in presenters)


def _fields(command: Join) -> dict[str, Any]:
    return {name: getattr(command, name) for name in command.__dataclass_fields__}


@given(rooms, steps)
@settings(max_examples=400, deadline=None)
def test_nobody_overhears(of: Room, script: list[tuple[Command | Wake, float]]) -> None:
    watcher = Watcher(of)
    for command, pause in script:
        watcher.play(command, pause)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_in_the_end_everything_ends(script: list[tuple[Command | Wake, float]]) -> None:
    """When all have hung up, time alone brings every conference to its end."""
    watcher = Watcher(room())
    for command, pause in script:
        watcher.play(command, pause)
    for leg in LEGS:
        watcher.play(commands.Leave(leg), 0.0)
    watcher.play(WAKE, 4000.0)
    assert watcher.conference.over


@pytest.mark.parametrize("kind", RoomKind)
def test_a_thousand_races_of_lock_and_join(kind: RoomKind) -> None:
    """A-08: the order of the events is the order of the truth, however joins and a lock interleave."""
    for turn in range(250):
        watcher = Watcher(room(kind))
        watcher.play(Join("leg0", Role.HOST), 0.0)
        for number in range(1, 7):
            if number == turn % 7:
                watcher.play(commands.Lock("leg0", on=True), 0.0)
            watcher.play(Join(f"leg{number}", Role.GUEST), 0.0)
            if number == (turn // 7) % 7:
                watcher.play(commands.Kick("leg0", f"leg{number - 1}"), 0.0)
