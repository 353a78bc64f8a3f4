"""The bearers: what carries a leg's sound and pictures. Whether there are any, on hold, silent; keys sent over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bridge.rooms import events
from bridge.rooms.commands import Hold, How, Media, Seen, SendKeys, Silence, Video
from bridge.rooms.events import Event, Origin, Refusal
from bridge.rooms.keypad import KEYS
from bridge.rooms.roll import Roll

MOST_KEYS: Final = 32  # that are sent to somebody's equipment at once

Events = Iterator[Event]
Fact = Hold | Silence | Media | Video | Seen


class Bearers:
    """The part of a conference that is about the media of its legs, wherever they are."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll

    def handle(self, fact: Fact) -> Events:
        """Take note of what a leg's signalling or media tells."""
        match fact:
            case Hold():
                yield from self._hold(fact)
            case Silence():
                yield from self._silence(fact)
            case Media():
                yield from self._media(fact)
            case Video():
                yield from self._video(fact)
            case Seen():
                yield from self._seen(fact)

    def send_keys(self, command: SendKeys, origin: Origin) -> Events:
        """Send keys to somebody's equipment."""
        person, keys = self._roll.insider(command.who), command.digits
        if person is None or not person.media:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        elif not 0 < len(keys) <= MOST_KEYS or not KEYS.issuperset(keys):
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)
        else:
            yield events.KeysSent(person.leg, len(keys), keys, origin)

    def _hold(self, fact: Hold) -> Events:
        person = self._roll.get(fact.leg)
        if person is not None and person.held is not fact.on:
            self._roll.change(person, held=fact.on)
            yield events.HoldChanged(fact.leg, fact.on, Origin(fact.leg, person.role, How.CALL))

    def _silence(self, fact: Silence) -> Events:
        person = self._roll.get(fact.leg)
        if person is not None and person.silent is not fact.on:
            self._roll.change(person, silent=fact.on)
            yield events.ConnectionChanged(fact.leg, fact.on, Origin(fact.leg, person.role, How.RULE))

    def _media(self, fact: Media) -> Events:
        person = self._roll.get(fact.leg)
        if person is None or (person.media, person.encrypted) == (fact.on, fact.encrypted):
            return
        self._roll.change(person, media=fact.on, encrypted=fact.encrypted, silent=False)
        origin = Origin(fact.leg, person.role, How.CALL)
        yield events.MediaChanged(fact.leg, fact.on, fact.encrypted, person.place, origin)

    def _video(self, fact: Video) -> Events:
        person = self._roll.get(fact.leg)
        if person is not None and person.pictures != fact.pictures:
            agreed = fact.pictures
            self._roll.change(
                person, pictures=agreed, seen=person.seen and agreed.camera,
                slides_seen=person.slides_seen and agreed.slides,
            )  # fmt: skip
            yield events.PicturesChanged(fact.leg, agreed, Origin(fact.leg, person.role, How.CALL))

    def _seen(self, fact: Seen) -> Events:
        person = self._roll.get(fact.leg)
        if person is None or fact.on is (person.slides_seen if fact.slides else person.seen):
            return
        self._roll.change(person, **{"slides_seen" if fact.slides else "seen": fact.on})
        yield events.SeenChanged(fact.leg, fact.slides, fact.on, Origin(fact.leg, person.role, How.RULE))
