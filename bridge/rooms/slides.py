"""The slides: who shows them, who may, and where they are seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from bridge.rooms import events
from bridge.rooms.commands import AllowGuestsPresent, MixSlides, Present
from bridge.rooms.events import BY_RULE, Event, Origin, Refusal
from bridge.rooms.floor import switched
from bridge.rooms.participant import Participant, Role
from bridge.rooms.roll import Roll

Events = Iterator[Event]
Asked = Present | AllowGuestsPresent | MixSlides


class Slides:
    """The part of a conference that is about slides. One at a time shows some: the last who began to.

    `shows`: the room has pictures.
    """

    def __init__(self, roll: Roll, shows: bool, guests_can_present: bool) -> None:
        self._roll = roll
        self._shows = shows
        self.guests_can_present = guests_can_present

    @property
    def presenter(self) -> Participant | None:
        """Who shows slides, or would if any came."""
        return next((person for person in self._roll.inside() if person.presenting_since is not None), None)

    def handle(self, command: Asked, origin: Origin, now: float) -> Events:
        """Do what is asked."""
        match command:
            case Present(on=True):
                yield from self._begin(command, origin, now)
            case Present():
                yield from self._end(command, origin)
            case AllowGuestsPresent():
                yield from self._allow(command, origin)
            case MixSlides():
                yield from self._mix(command, origin)
            case _:
                assert_never(command)

    def settle(self) -> Events:
        """Stop whoever can show slides no more, or may not."""
        presenter = self.presenter
        if presenter is None:
            return
        over = presenter.slides_shown and not presenter.pictures.slides
        if over or not presenter.media or not self._may(presenter):
            yield self._stop(presenter, BY_RULE)
        elif presenter.slides_seen and not presenter.slides_shown:
            self._roll.change(presenter, slides_shown=True)

    def _may(self, person: Participant) -> bool:
        return person.role is Role.HOST or self.guests_can_present

    def _begin(self, command: Present, origin: Origin, now: float) -> Events:
        person, before = self._roll.insider(command.by), self.presenter
        assert person is not None  # the table lets nobody else come here
        if command.who not in (None, command.by):
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)  # only he knows whether he has any
        elif not self._may(person):
            yield events.NotAllowed(command.by, events.name(command), origin)
        elif not self._shows:
            yield events.not_done(command, origin, Refusal.OFF)
        elif not person.media:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        elif before != person:
            if before is not None:
                yield self._stop(before, origin)
            self._roll.change(person, presenting_since=now)
            yield events.PresenterChanged(person.leg, True, origin)

    def _end(self, command: Present, origin: Origin) -> Events:
        person = self._roll.insider(command.who or command.by)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        elif person.presenting_since is not None:
            yield self._stop(person, origin)

    def _stop(self, person: Participant, origin: Origin) -> Event:
        self._roll.change(person, presenting_since=None, slides_shown=False)
        return events.PresenterChanged(person.leg, False, origin)

    def _allow(self, command: AllowGuestsPresent, origin: Origin) -> Events:
        on = switched(self.guests_can_present, command.on)
        if on is not self.guests_can_present:
            self.guests_can_present = on
            yield events.GuestsPresentChanged(on, origin)

    def _mix(self, command: MixSlides, origin: Origin) -> Events:
        person = self._roll.insider(command.who or command.by)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
            return
        before = person.slides_in_mix
        shown = not person.pictures.watches_slides if before is None else before
        on = switched(shown, command.on)
        if on is not before:
            self._roll.change(person, slides_in_mix=on)
            yield events.SlidesMixChanged(person.leg, on, origin)
