"""Before the room: finds what was dialled, asks for the PIN, and takes whoever comes to the door of the conference.

a call:     find -> welcome -> Visit: Entry asks by prompts, Verdicts judge -> Attendance.join
a browser:  find -> admit (brings the PIN along, or none) -> attend -> Attendance.join
either:     a host sends it to another room -> move, or another way to the same doors
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from bridge.driver import Driver
from bridge.errors import Reason
from bridge.focus import FAREWELL_CARDS, Attendance, Audit, Conferences, Focus
from bridge.leg import Claim, Desk, Leg
from bridge.log import logger
from bridge.metrics import Metrics
from bridge.rooms import commands, entry, guard
from bridge.rooms.announcements import FAREWELLS
from bridge.rooms.entry import Asks, Entry, asks, unasked
from bridge.rooms.events import Event
from bridge.rooms.participant import Pictures, Role
from bridge.sdp.video import Content
from bridge.seats import Seat
from bridge.store import Store
from bridge.switchboard import Switchboard
from bridge.verdicts import NOWHERE, Try, Verdicts
from config.model import LimitsConfig, Room
from config.secret import Secret
from mixer.scene import Card

_log = logger("reception")


class Reception:
    """Looks after whoever comes until he stands at the door of his conference."""

    def __init__(
        self,
        conferences: Conferences,
        switchboard: Switchboard,
        store: Store,
        limits: LimitsConfig,
        language: str,
        audit: Audit,
        metrics: Metrics,
        on_fault: Callable[[BaseException], None],
        wallclock: Callable[[], float],
    ) -> None:
        self.conferences = conferences
        self.switchboard = switchboard
        self.limits = limits
        self.metrics = metrics
        self._language = language
        self._audit = audit
        self.verdicts = Verdicts(store, limits, metrics, self._alarm, self._judged, on_fault, wallclock)

    # -- the way in -----------------------------------------------------------------------------------------------

    def find(self, dialled: str, host: str, source: str, trusted: bool) -> Room | None:
        """The room that was dialled, or None; who dials many unknown numbers is counted by its source."""
        room = self.conferences.directory.find(dialled, host)
        if room is None:
            self.verdicts.unknown_number(source, trusted)
        return room

    def interprets(self, room: Room, dialled: str, host: str, caller: str) -> bool:
        """Whether somebody comes to a room as its interpreter; `caller`: his address if that is proved, else ""."""
        return self.conferences.directory.interprets(room, dialled, host, caller)

    def delay_s(self, source: str, trusted: bool) -> float:
        """How long a call of this source waits for its first answer: it dialled too many unknown numbers."""
        return self.verdicts.number_delay_s(source, trusted)

    def room(self, number: str) -> Room | None:
        """The room of this number, for operators."""
        return self.conferences.directory.find(number)

    def language(self, room: Room) -> str:
        """The language of a room's prompts."""
        return room.language.value if room.language else self._language

    # -- calls ----------------------------------------------------------------------------------------------------

    def welcome(self, leg: Leg, room: Room) -> Desk:
        """A call is up: ask it for what the room wants to know, then take it to the door."""
        self.audit(room, leg, "arrived")
        return Visit(leg, room, self)

    def welcome_dialled(self, leg: Leg, room: Room, role: Role = Role.GUEST) -> Desk:
        """A leg that the bridge called answered: whoever had it called has let it in."""
        self.audit(room, leg, "answered")
        return self.attend(leg, room, role, admitted=True)

    def move(self, leg: Leg, room: Room, role: Role | None) -> Desk:
        """A leg is sent here from another room: with a role, else it is asked. A lock holds it up like anybody."""
        self.audit(room, leg, "moved", role=role.value if role else None)
        return Visit(leg, room, self) if role is None else self.attend(leg, room, role)

    # -- those who bring their PIN along --------------------------------------------------------------------------

    async def admit(
        self, claim: Claim, room: Room | None, pin: Secret | None, guest: bool, asked: str = ""
    ) -> Role | Reason:
        """Which role somebody has in a room, by the PIN that he brings, or by coming as a `guest` without one.

        A wrong PIN is `BAD_PIN`, told a fixed time after asking; `OVERLOADED`: it had no turn, and may be tried later.
        `room` None, with what was `asked` for: there is no such room; a PIN is judged all the same, and is wrong.
        """
        if room is not None:
            self.audit(room, claim, "arrived")
        verdict = await self._admit(claim, room, pin, guest, asked)
        if room is not None and isinstance(verdict, Reason):
            self.audit(room, claim, "refused", reason=verdict.value)
        return verdict

    async def _admit(
        self, claim: Claim, room: Room | None, pin: Secret | None, guest: bool, asked: str
    ) -> Role | Reason:
        if room is not None:
            focus = self.conferences.get(room.number)
            if focus is not None and focus.conference.full():
                return Reason.FULL
            if asks(room) is Asks.NOTHING:
                return Role.HOST
            if pin is None and guest and asks(room) is Asks.PIN_OR_HASH:
                return Role.GUEST
        if pin is None:
            return Reason.BAD_PIN if room is not None else Reason.UNKNOWN_ROOM
        return await self._role_of(claim, room, pin, asked) or Reason.BAD_PIN

    async def _role_of(
        self, claim: Claim, room: Room | None, pin: Secret, asked: str = ""
    ) -> Role | Reason | None:
        verdict = await self.verdicts.judge(claim, room, pin, asked)
        return Reason.OVERLOADED if isinstance(verdict, entry.NoVerdict) else verdict

    def attend(
        self, leg: Leg, room: Room, role: Role, *, admitted: bool = False, seat: Seat | None = None
    ) -> Attendance:
        """Bring a leg with a role to the door of its conference; the desk that it gets is told what befalls it.

        `admitted`: no lock holds it up. `seat`: it comes back to this one. A leg that finds the room full is hung up
        before this returns, and must tell the desk that it left when it gets it.
        """
        desk = Attendance(leg, self.conferences.of(room))
        try:
            if seat is None:
                desk.join(role, admitted=admitted)
            else:
                desk.join(role, admitted=seat.inside, returning=seat.inside and seat.broken_off)
        except Exception:
            desk.left(Reason.FAULT)  # it never gets its desk, so nobody else could say that it is gone
            raise
        return desk

    def resume(self, key: str, room: Room) -> Seat | None:
        """The seat to which somebody comes back with the key that he was given; None: he must come like anybody else.

        His leg must have the seat's `leg` as its id, and `attend` with it, unless that leg is still there: then it
        goes on by his new connection, and nothing needs to be told.
        """
        seat = self.conferences.seats.find(key, room.number)
        if seat is not None:
            self.conferences.seats.take(key)
        return seat

    # -- from room to room ----------------------------------------------------------------------------------------

    async def transfer(
        self, focus: Focus, by: Claim, who: str, dialled: str, role: Role | None, pin: Secret | None
    ) -> tuple[Event, ...] | Reason:
        """A host sends somebody to another room: what has happened, or why it does not.

        To be host there, or to get in where all are asked, takes a PIN of that room, which is judged like any other; as
        a guest in a room without guest PIN anybody comes, and without `role` and PIN that room's own rules hold.
        """
        person = next((each for each in focus.conference.people if each.leg == by.id), None)
        if person is None or not person.is_host:
            return focus.ask(commands.Transfer(by.id, who, "", None))  # refused, and no word on what there is
        room = self.find(dialled, "", by.source, by.trusted)
        if room is None:
            await asyncio.sleep(self.delay_s(by.source, by.trusted))
            return Reason.UNKNOWN_ROOM
        granted = unasked(room)
        if pin is not None and granted is not Role.HOST:
            proved = await self._role_of(by, room, pin)
            if not isinstance(proved, Role):
                return proved or Reason.BAD_PIN
            granted = proved
        if role is Role.HOST and granted is not Role.HOST:
            return Reason.BAD_PIN
        if role is Role.GUEST and granted is Role.HOST and room.has_host_pin:
            granted = Role.GUEST
        there = self.conferences.get(room.number)
        if there is not None and there.conference.full(granted):
            return Reason.FULL
        return focus.ask(commands.Transfer(by.id, who, room.number, granted))

    # -- what is written down -------------------------------------------------------------------------------------

    def audit(self, room: Room, claim: Claim, event: str, **more: Any) -> None:
        """Write one line about somebody who is not in a conference yet."""
        line: Mapping[str, Any] = {
            "room": room.number, "event": event, "leg": claim.id, "name": claim.display_name,
            "source": claim.source, "way": claim.way, "by": claim.id, "how": "call",
        }  # fmt: skip
        self._audit({**line, **more})

    def _judged(self, claim: Claim, room: Room | None, outcome: str) -> None:
        if room is not None:
            self.audit(room, claim, "pin-verdict", outcome=outcome)

    def _alarm(self, alarm: guard.Alarm) -> None:
        what = "guessed-pins" if alarm.room else "guessed-numbers"
        room = (
            "" if alarm.room.startswith(NOWHERE) else alarm.room
        )  # what was asked for there is anybody's text
        self._audit({"room": room, "event": what, "source": alarm.source, "by": "bridge", "how": "rule"})
        self.metrics.drops.labels(what).inc()
        _log.warning(what, room=room)

    async def close(self) -> None:
        """Let the checks that run come to their end; keep the counters."""
        await self.verdicts.close()


class Visit:
    """One leg at reception; later it passes everything on to the leg's attendance of the conference."""

    def __init__(self, leg: Leg, room: Room, reception: Reception) -> None:
        self.leg = leg
        self.room = room
        self._reception = reception
        self._inside: Attendance | None = None
        self._done = False
        self._card = Card.WELCOME
        limits = reception.limits
        self._entry: Driver[entry.Input, entry.Output] = Driver(
            Entry(asks(room), room.pin_timeout_s, room.digit_gap_s, limits.pin_tries, limits.pin_delays_s),
            self._perform,
        )
        focus = reception.conferences.get(room.number)
        if focus is not None and focus.conference.full():
            self._send_away(Reason.FULL, FAREWELLS[Reason.FULL])
        else:
            self._show(leg.pictures)
            self._entry.feed(entry.Begin())

    # -- what the leg tells -----------------------------------------------------------------------------------------

    def digit(self, digit: str) -> None:
        """A key was pressed."""
        if self._inside is not None:
            self._inside.digit(digit)
        else:
            self._entry.feed(entry.Digit(digit))

    def held(self, on: bool) -> None:
        """The call is on hold, or no longer."""
        if self._inside is not None:
            self._inside.held(on)

    def silent(self, on: bool) -> None:
        """Nothing is received any more, or again."""
        if self._inside is not None:
            self._inside.silent(on)

    def media(self, on: bool, encrypted: bool) -> None:
        """The leg has got media, or has lost it and stays; at the door it says so itself."""
        if self._inside is not None:
            self._inside.media(on, encrypted)

    def video(self, pictures: Pictures) -> None:
        """Something else was agreed on pictures; at the door the leg says so itself."""
        if self._inside is not None:
            self._inside.video(pictures)
        else:
            self._show(pictures)

    def seen(self, content: Content, on: bool) -> None:
        """Pictures of the camera, or slides, have begun to come, or come no longer."""
        if self._inside is not None:
            self._inside.seen(content, on)

    def left(self, reason: Reason) -> None:
        """The leg is gone."""
        self._entry.close()
        self._reception.verdicts.forget(self.leg.id)
        self._reception.conferences.screens.clear(self.room, self.leg.id)
        if self._inside is not None:
            self._inside.left(reason)
        else:
            self._reception.audit(self.room, self.leg, "left-reception", reason=reason.value)

    # -- what the entry says ----------------------------------------------------------------------------------------

    def _perform(self, output: entry.Output) -> None:
        switchboard, language = self._reception.switchboard, self._reception.language(self.room)
        match output:
            case entry.Prompt():
                switchboard.play((self.leg.id,), output.names, language)
            case entry.StopPrompts():
                switchboard.stop(self.leg.id)
            case entry.Verify():
                self._reception.verdicts.ask(Try(self.leg, self.room, output.pin, self._entry.feed))
            case entry.Admit():
                self._go_in(output.role)
            case entry.Refuse():
                self._send_away(output.reason, output.prompts)

    def _go_in(self, role: Role) -> None:
        focus = self._reception.conferences.of(self.room)
        self._inside = Attendance(self.leg, focus)
        self._inside.join(role)  # not `attend`: a leg that ends by it must find its attendance here
        if any(person.leg == self.leg.id for person in focus.conference.people):
            # Its scene has a place for the leg now, without a gap; one that was refused has got another card.
            self._reception.conferences.screens.clear(self.room, self.leg.id)

    def _show(self, pictures: Pictures) -> None:
        """Show the card that is due, if anything can be shown."""
        screens = self._reception.conferences.screens
        if pictures.watches:
            screens.card(self.room, self._reception.language(self.room), self.leg.id, self._card)
        else:
            screens.clear(self.room, self.leg.id)

    def _send_away(self, reason: Reason, prompts: tuple[str, ...]) -> None:
        if self._done:
            return
        self._done = True
        self._card = FAREWELL_CARDS.get(reason, Card.ENDED)
        self._show(self.leg.pictures)
        self._reception.audit(self.room, self.leg, "refused", reason=reason.value)
        self._reception.switchboard.play(
            (self.leg.id,),
            prompts,
            self._reception.language(self.room),
            interrupt=True,
            then=lambda: self.leg.hang_up(reason),
        )
