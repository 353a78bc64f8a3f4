"""The focus: the one owner of a live conference (RFC 4353). Commands go in; audit lines, sounds and plans come out.

    leg -> digit -> keypad -> command -> Conference.handle -> events -> audit, then told to those who may know
                                                           -> plan to media, scene to the screens

All events of a command are in the audit log, and what must outlive a restart is kept, before the first of them has an
effect that anybody sees or hears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Final, NamedTuple

from bridge.driver import Driver, in_turn
from bridge.errors import Reason
from bridge.leg import Leg
from bridge.machine import Wake
from bridge.rooms import commands, events
from bridge.rooms.announcements import Announcement, Hush, announce, audience
from bridge.rooms.commands import Command
from bridge.rooms.conference import Conference
from bridge.rooms.directory import Directory
from bridge.rooms.entry import unasked
from bridge.rooms.events import Event, StageChanged, TalkersChanged, record
from bridge.rooms.keypad import Keypad, Notice, Press
from bridge.rooms.participant import Pictures, Role
from bridge.screens import Screens
from bridge.sdp.video import Content
from bridge.seats import Seats
from bridge.switchboard import Switchboard
from config.model import Room
from mixer.scene import Card

FAREWELL_CARDS: Final[dict[Reason, Card]] = {
    Reason.FULL: Card.FULL,
    Reason.DECLINED: Card.DECLINED,
    Reason.HOST_ABSENT: Card.DECLINED,
}
"""What somebody sees who is sent away, while he hears why; for any other reason it is `Card.ENDED`."""

Audit = Callable[[Mapping[str, Any]], None]


class Attendance:
    """The desk of a leg that is in a conference or its lobby: turns its keys and troubles into commands.

    It stands before the leg `join`s, so that a leg which ends in that very moment has somebody to tell.
    """

    def __init__(self, leg: Leg, focus: Focus) -> None:
        self.focus = focus
        self._leg = leg
        self._keypad: Driver[str, Press] = Driver(Keypad(leg.id), self._keyed)

    def join(self, role: Role, *, admitted: bool = False, returning: bool = False) -> None:
        """Bring the leg to the door; `admitted`: no lock holds it up; `returning`: to a run that we broke off."""
        self.focus.join(self._leg, role, admitted, returning)

    def digit(self, digit: str) -> None:
        """A key was pressed."""
        self._keypad.feed(digit)

    def held(self, on: bool) -> None:
        """The call is on hold, or no longer."""
        self.focus.command(commands.Hold(self._leg.id, on))

    def silent(self, on: bool) -> None:
        """Nothing is received any more, or again."""
        self.focus.command(commands.Silence(self._leg.id, on))

    def media(self, on: bool, encrypted: bool) -> None:
        """The leg has got media, or has lost it and stays."""
        self.focus.command(commands.Media(self._leg.id, on, encrypted))

    def video(self, pictures: Pictures) -> None:
        """Something else was agreed on pictures."""
        self.focus.command(commands.Video(self._leg.id, pictures))

    def seen(self, content: Content, on: bool) -> None:
        """Pictures of the camera, or slides, have begun to come, or come no longer."""
        self.focus.command(commands.Seen(self._leg.id, content is Content.SLIDES, on))

    def left(self, reason: Reason) -> None:
        """The leg is gone."""
        self._keypad.close()
        self.focus.leave(self._leg.id, reason)

    def _keyed(self, press: Press) -> None:
        if isinstance(press, Notice):
            self.focus.tell(self._leg.id, press.value)
        else:
            self.focus.command(press)


class _Settled(Enum):
    """A command is done with, whether anything came of it or not: plan and scene may be others."""

    SETTLED = "settled"


class _Witnessed:
    """A conference that writes down what has happened, and what it must not forget, before it says so."""

    def __init__(self, conference: Conference, room: Room, seats: Seats, audit: Audit) -> None:
        self._conference = conference
        self._room = room
        self._seats = seats
        self._audit = audit
        self._kept = conference.run_state
        # Whether a run has begun, or something was set, in this life of the bridge: else what was kept stays kept.
        self.lived = False
        # The command whose events somebody waits for, and those events.
        self.asked: Command | None = None
        self.answer: tuple[Event, ...] = ()

    def handle(self, command: Command | Wake, now: float) -> Sequence[Event | _Settled]:
        """Take a command; see `Conference.handle`. That it is settled comes first."""
        happened = self._conference.handle(command, now)
        for event in happened:
            self._audit({"room": self._room.number} | record(event))
            self._seats.note(self._room.number, event)
            self.lived = self.lived or isinstance(event, events.Started)
        if self._conference.run_state != self._kept and not self._conference.over:
            self.lived = True
            self._kept = self._conference.run_state
            self._seats.keep(self._room, self._kept)
        if command is self.asked:
            self.answer = happened
        return (_Settled.SETTLED, *happened)

    def deadline(self) -> float | None:
        """When a time limit is next due [monotonic seconds]."""
        return self._conference.deadline()


class Focus:
    """One live conference. `on_over` is called once nothing is left of it."""

    def __init__(
        self,
        room: Room,
        language: str,
        loudest: int,
        directory: Directory,
        switchboard: Switchboard,
        seats: Seats,
        screens: Screens,
        audit: Audit,
        on_over: Callable[[Focus], None],
    ) -> None:
        self.room = room
        self.language = language
        self.conference = Conference(room, loudest, seats.run_state(room.number), screens.canvas(language))
        self.talking: tuple[str, ...] = ()
        self._directory = directory
        self._switchboard = switchboard
        self._seats = seats
        self._screens = screens
        self._on_over = on_over
        self._legs: dict[str, Leg] = {}
        self._plan = self.conference.plan()
        self._scene = self.conference.scene
        self._stages = self._on_stage()
        self._witnessed = _Witnessed(self.conference, room, seats, audit)
        self._driver: Driver[Command, Event | _Settled] = Driver(self._witnessed, self._perform)

    # -- what is asked --------------------------------------------------------------------------------------------

    def join(self, leg: Leg, role: Role, admitted: bool = False, returning: bool = False) -> None:
        """A leg that reception let through comes to the door; an `Attendance` is its desk."""
        self._legs[leg.id] = leg
        self.command(
            commands.Join(
                leg.id, role, leg.display_name, leg.source, leg.way, media=leg.has_media, admitted=admitted,
                held=leg.on_hold, outgoing=leg.outgoing, encrypted=leg.encrypted, returning=returning,
                pictures=leg.pictures, interpreter=leg.interpreter,
            )
        )  # fmt: skip

    def command(self, command: Command) -> None:
        """Give the conference one command."""
        self._driver.feed(command)
        self._end_if_over()

    def ask(self, command: Command) -> tuple[Event, ...]:
        """Give the conference one command and return what has happened, what was due before included.

        A `NotAllowed` or `NotDone` of the asker's is among it when the command came to nothing; nothing at all where
        all was so already. Not for use from within `Leg.notify`: there a command waits, and the answer is empty.
        """
        self._witnessed.asked, self._witnessed.answer = command, ()
        try:
            self.command(command)
            return self._witnessed.answer
        finally:
            self._witnessed.asked = None

    def leave(self, leg: str, reason: Reason) -> None:
        """A leg is gone; one that was sent away before is only forgotten."""
        try:
            self.command(commands.Leave(leg, reason))
        finally:  # a fault with another leg must not keep this one
            self._legs.pop(leg, None)
            self._screens.clear(self.room, leg)
            self._end_if_over()

    def tell(self, leg: str, prompt: str) -> None:
        """Play one prompt to one leg."""
        self._switchboard.play((leg,), (prompt,), self.language)

    def talkers(self, legs: tuple[str, ...]) -> None:
        """Media tells who talks: on change, at most five times a second."""
        if legs == self.talking:
            return
        self.talking = legs
        self.command(commands.Talk(legs))
        told = TalkersChanged(legs)
        in_turn(lambda leg: leg.notify(told), self._hearers(self.conference.present().inside))

    # -- what comes of it -----------------------------------------------------------------------------------------

    def _perform(self, output: Event | _Settled) -> None:
        if isinstance(output, _Settled):
            self._settle()
        else:
            self._tell(output)

    def _tell(self, event: Event) -> None:
        present = self.conference.present()
        last = self._last_word(event)
        told = False
        for sound in announce(event, present):
            match sound:
                case Hush():
                    self._switchboard.stop(*sound.legs)
                case Announcement() if last is not None and sound.legs == (last.leg,):
                    told = True
                    self._switchboard.play(
                        sound.legs, sound.prompts, self.language, interrupt=True, then=last.then
                    )
                case Announcement():
                    self._switchboard.play(sound.legs, sound.prompts, self.language, loop=sound.loop)
        if isinstance(event, events.KeysSent):
            for digit in event.digits:
                self._switchboard.send_digit(event.leg, digit)
        in_turn(lambda leg: leg.notify(event), self._hearers(audience(event, present)))
        if last is not None and not told:
            last.then()
        self._end_if_over()

    def _hearers(self, legs: Iterable[str]) -> Iterator[Leg]:
        return (hearer for leg in legs if (hearer := self._legs.get(leg)))

    def _settle(self) -> None:
        """Tell media and screens what is new, and legs who is shown now."""
        plan, scene, stages = self.conference.plan(), self.conference.scene, self._on_stage()
        if plan != self._plan:
            self._plan = plan
            self._switchboard.plan(plan)
        if scene != self._scene:
            self._scene = scene
            self._screens.show(scene)
        if stages != self._stages:
            self._stages = stages
            told = StageChanged()
            in_turn(lambda leg: leg.notify(told), self._hearers(self.conference.present().inside))

    def _on_stage(self) -> tuple[tuple[str, ...], ...]:
        conference = self.conference
        return tuple((conference.picture_layout(role), *conference.stage(role)) for role in Role)

    def _last_word(self, event: Event) -> _LastWord | None:
        """What must be done with a leg that leaves by this event, once it has heard why."""
        match event:
            case events.Refused() | events.Left(hang_up=True):
                self._wave(event.leg, event.reason)
                return _LastWord(event.leg, partial(self._hang_up, event.leg, event.reason))
            case events.Transferred():
                return _LastWord(event.leg, partial(self._refer, event))
            case _:
                return None

    def _wave(self, leg: str, reason: Reason) -> None:
        """Show somebody who is sent away a card, as long as he is still there."""
        leaver = self._legs.get(leg)
        if leaver is not None and leaver.pictures.watches:
            self._screens.card(self.room, self.language, leg, FAREWELL_CARDS.get(reason, Card.ENDED))

    def _hang_up(self, leg: str, reason: Reason) -> None:
        if leaver := self._legs.get(leg):
            leaver.hang_up(reason)

    def _refer(self, event: events.Transferred) -> None:
        leg, room = self._legs.get(event.leg), self._directory.find(event.to_room)
        if leg is None:
            return
        if room is None:
            leg.hang_up(Reason.UNKNOWN_ROOM)
        else:
            leg.refer(room, event.role or unasked(room))

    def _end_if_over(self) -> None:
        """Over only when the legs that hear their farewell are gone too."""
        if self.conference.over and not self._legs:
            self._driver.close()
            if self._witnessed.lived:
                self._seats.forget_run(self.room.number)
            self._on_over(self)


class _LastWord(NamedTuple):
    """A leg that leaves, and what is due when the last prompt to it has ended."""

    leg: str
    then: Callable[[], None]


@dataclass(frozen=True, slots=True)
class HeadCount:
    """How many are where, over all conferences."""

    conferences: int
    inside: int
    lobby: int


class Conferences:
    """The conferences that live now, by room number."""

    def __init__(
        self,
        directory: Directory,
        switchboard: Switchboard,
        seats: Seats,
        audit: Audit,
        language: str,
        loudest: int,
        screens: Screens | None = None,
    ) -> None:
        self.directory = directory
        self.seats = seats
        self.screens = screens or Screens()
        self._switchboard = switchboard
        self._audit = audit
        self._language = language
        self._loudest = loudest
        self._alive: dict[str, Focus] = {}

    def __iter__(self) -> Iterator[Focus]:
        return iter(tuple(self._alive.values()))

    def get(self, number: str) -> Focus | None:
        """The conference in this room, if there is one."""
        return self._alive.get(number)

    def of(self, room: Room) -> Focus:
        """The conference in this room; it begins with the first one who asks for it."""
        focus = self._alive.get(room.number)
        if focus is None:
            language = room.language.value if room.language else self._language
            focus = Focus(
                room, language, self._loudest, self.directory, self._switchboard, self.seats, self.screens,
                self._audit, self._over,
            )  # fmt: skip
            self._alive[room.number] = focus
            self._switchboard.on_talking[room.number] = focus.talkers
        return focus

    def head_count(self) -> HeadCount:
        """How many are where."""
        people = [person for focus in self._alive.values() for person in focus.conference.people]
        inside = sum(person.inside for person in people)
        return HeadCount(len(self._alive), inside, len(people) - inside)

    def _over(self, focus: Focus) -> None:
        if self._alive.get(focus.room.number) is focus:
            del self._alive[focus.room.number]
            self._switchboard.on_talking.pop(focus.room.number, None)
