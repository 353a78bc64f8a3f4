"""The focus: the one owner of a live conference (RFC 4353). Commands go in; audit lines, sounds and plans come out.

    leg -> digit -> keypad -> command -> Conference.handle -> events -> audit, then told to those who may know

All events of a command are in the audit log before the first of them has an effect that anybody sees or hears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.driver import Driver
from bridge.errors import Reason
from bridge.leg import Leg
from bridge.machine import Wake
from bridge.rooms import commands, events
from bridge.rooms.announcements import Announcement, Hush, announce, audience
from bridge.rooms.commands import Command
from bridge.rooms.conference import Conference
from bridge.rooms.events import Event, record
from bridge.rooms.keypad import Keypad, Notice, Press
from bridge.rooms.participant import Role
from bridge.switchboard import Switchboard
from config.model import Room

Audit = Callable[[Mapping[str, Any]], None]


class Attendance:
    """The desk of a leg that is in a conference or its lobby: turns its keys and troubles into commands.

    It stands before the leg `join`s, so that a leg which ends in that very moment has somebody to tell.
    """

    def __init__(self, leg: Leg, focus: Focus) -> None:
        self._leg = leg
        self._focus = focus
        self._keypad: Driver[str, Press] = Driver(Keypad(leg.id), self._keyed)

    def join(self, role: Role, *, admitted: bool = False) -> None:
        """Bring the leg to the door; `admitted`: no lock holds it up."""
        self._focus.join(self._leg, role, admitted)

    def digit(self, digit: str) -> None:
        """A key was pressed."""
        self._keypad.feed(digit)

    def held(self, on: bool) -> None:
        """The call is on hold, or no longer."""
        self._focus.command(commands.Hold(self._leg.id, on))

    def silent(self, on: bool) -> None:
        """Nothing is received any more, or again."""
        self._focus.command(commands.Silence(self._leg.id, on))

    def left(self, reason: Reason) -> None:
        """The leg is gone."""
        self._keypad.close()
        self._focus.leave(self._leg.id, reason)

    def _keyed(self, press: Press) -> None:
        if isinstance(press, Notice):
            self._focus.tell(self._leg.id, press.value)
        else:
            self._focus.command(press)


class _Audited:
    """A conference that writes down what has happened before it says so."""

    def __init__(self, conference: Conference, room: Room, audit: Audit) -> None:
        self._conference = conference
        self._room = room
        self._audit = audit

    def handle(self, command: Command | Wake, now: float) -> Sequence[Event]:
        """Take a command; see `Conference.handle`."""
        happened = self._conference.handle(command, now)
        for event in happened:
            self._audit({"room": self._room.number} | record(event))
        return happened

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
        switchboard: Switchboard,
        audit: Audit,
        on_over: Callable[[Focus], None],
    ) -> None:
        self.room = room
        self.language = language
        self.conference = Conference(room, loudest)
        self.talking: tuple[str, ...] = ()
        self._switchboard = switchboard
        self._on_over = on_over
        self._legs: dict[str, Leg] = {}
        self._plan = self.conference.plan()
        machine = _Audited(self.conference, room, audit)
        self._driver: Driver[Command, Event] = Driver(machine, self._perform)

    # -- what is asked --------------------------------------------------------------------------------------------

    def join(self, leg: Leg, role: Role, admitted: bool) -> None:
        """A leg that reception let through comes to the door; an `Attendance` is its desk."""
        self._legs[leg.id] = leg
        self.command(
            commands.Join(
                leg.id, role, leg.display_name, leg.source, leg.way, admitted=admitted, held=leg.on_hold
            )
        )

    def command(self, command: Command) -> None:
        """Give the conference one command."""
        self._driver.feed(command)
        self._end_if_over()

    def leave(self, leg: str, reason: Reason) -> None:
        """A leg is gone; one that was sent away before is only forgotten."""
        self.command(commands.Leave(leg, reason))
        self._legs.pop(leg, None)
        self._end_if_over()

    def tell(self, leg: str, prompt: str) -> None:
        """Play one prompt to one leg."""
        self._switchboard.play((leg,), (prompt,), self.language)

    def talkers(self, legs: tuple[str, ...]) -> None:
        """Media tells who talks."""
        self.talking = legs

    # -- what comes of it -----------------------------------------------------------------------------------------

    def _perform(self, event: Event) -> None:
        self._replan()
        present = self.conference.present()
        leaving = _leaving(event)
        told = False
        for sound in announce(event, present):
            match sound:
                case Hush():
                    self._switchboard.stop(*sound.legs)
                case Announcement() if leaving is not None and sound.legs == (leaving.leg,):
                    self._farewell(leaving, sound.prompts)
                    told = True
                case Announcement():
                    self._switchboard.play(sound.legs, sound.prompts, self.language, loop=sound.loop)
        for leg in audience(event, present):
            if hearer := self._legs.get(leg):
                hearer.notify(event)
        if leaving is not None and not told:
            self._hang_up(leaving.leg, leaving.reason)
        self._end_if_over()

    def _replan(self) -> None:
        plan = self.conference.plan()
        if plan != self._plan:
            self._plan = plan
            self._switchboard.plan(plan)

    def _farewell(self, leaving: events.Left | events.Refused, prompts: tuple[str, ...]) -> None:
        def hang_up() -> None:
            self._hang_up(leaving.leg, leaving.reason)

        self._switchboard.play((leaving.leg,), prompts, self.language, interrupt=True, then=hang_up)

    def _hang_up(self, leg: str, reason: Reason) -> None:
        if leaver := self._legs.get(leg):
            leaver.hang_up(reason)

    def _end_if_over(self) -> None:
        """Over only when the legs that hear their farewell are gone too."""
        if self.conference.over and not self._legs:
            self._driver.close()
            self._on_over(self)


def _leaving(event: Event) -> events.Left | events.Refused | None:
    """The event, if a leg must be hung up because of it."""
    if isinstance(event, events.Refused) or (isinstance(event, events.Left) and event.hang_up):
        return event
    return None


@dataclass(frozen=True, slots=True)
class HeadCount:
    """How many are where, over all conferences."""

    conferences: int
    inside: int
    lobby: int


class Conferences:
    """The conferences that live now, by room number."""

    def __init__(self, switchboard: Switchboard, audit: Audit, language: str, loudest: int) -> None:
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
            focus = Focus(room, language, self._loudest, self._switchboard, self._audit, self._over)
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
