"""Rosters: who sees whom, and the events that bring each one's list up to date.

`visible` is the one rule (reliability.md G-06): those in the room see those in the room, hosts see the lobby as well,
and who is outside or on hold sees nobody but himself. All else here only says it economically: people with the same
view share one list, each person is written down once, and a change is told as a change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from bridge.rooms.participant import Participant
from bridge.web.protocol import encoded, participant

CREATE: Final = "participant_create"
UPDATE: Final = "participant_update"
DELETE: Final = "participant_delete"
BEGIN: Final = "participant_sync_begin"
END: Final = "participant_sync_end"

Shown = Mapping[str, bytes]
"""People by leg, each written as JSON, in the order of coming."""

Events = tuple[tuple[str, bytes], ...]
"""Names and data, in order."""

_NULL: Final = b"null"


class View(Enum):
    """How much of a conference somebody sees."""

    HOST = "host"  # the room and the lobby
    GUEST = "guest"  # the room
    ALONE = "alone"  # himself
    NONE = "none"  # not on the roll


INSIDE: Final = (View.HOST, View.GUEST)
"""The views of those who see the room."""


class Changes(NamedTuple):
    """What is to be told to one viewer. `entered`: he sees the room from now on, and has its list as a whole among the
    `events`. `narrowed`: he sees less than before, so what was told before must not be told again."""

    view: View
    events: Events = ()
    entered: bool = False
    narrowed: bool = False


def view_of(viewer: Participant | None) -> View:
    """What somebody sees by his place and his role."""
    if viewer is None:
        return View.NONE
    if not viewer.inside or viewer.held:
        return View.ALONE
    return View.HOST if viewer.is_host else View.GUEST


def visible(people: Sequence[Participant], viewer: str) -> tuple[Participant, ...]:
    """Whom `viewer`, a leg, may know of."""
    me = next((person for person in people if person.leg == viewer), None)
    match view_of(me):
        case View.HOST:
            return tuple(people)
        case View.GUEST:
            return tuple(person for person in people if person.inside)
        case View.ALONE if me is not None:
            return (me,)
        case _:
            return ()


class Rosters:
    """The rosters of one conference. `take` the people, then ask for the `changes` of each viewer."""

    def __init__(self, epoch: float) -> None:
        self._epoch = epoch
        self._people: dict[str, Participant] = {}
        self._tags: Mapping[str, str] = {}
        self._written: dict[str, bytes] = {}
        self._now: dict[View, Shown] = {View.HOST: {}, View.GUEST: {}}
        self._before: dict[View, Shown] = dict(self._now)
        self._diffs: dict[View, Events] = {View.HOST: (), View.GUEST: ()}
        self._told: dict[str, tuple[View, Shown]] = {}  # bounded by the viewers, who are forgotten one by one

    def take(self, people: Sequence[Participant], tags: Mapping[str, str]) -> None:
        """These are the people now. `tags`: what clients asked to be marked with, by leg."""
        written = {person.leg: self._write(person, tags.get(person.leg, "")) for person in people}
        self._people = {person.leg: person for person in people}
        self._tags, self._written = dict(tags), written
        inside = {person.leg: written[person.leg] for person in people if person.inside}
        self._set(View.HOST, written)
        self._set(View.GUEST, inside)

    def _write(self, person: Participant, tag: str) -> bytes:
        if self._people.get(person.leg) == person and self._tags.get(person.leg, "") == tag:
            return self._written[person.leg]
        return encoded(participant(person, self._epoch, tag))

    def _set(self, view: View, shown: Shown) -> None:
        before = self._now[view]
        self._before[view] = before
        if shown == before:
            self._diffs[view] = ()
        else:
            self._now[view] = shown
            self._diffs[view] = _difference(before, shown)

    def view(self, viewer: str) -> View:
        """What a leg sees now."""
        return view_of(self._people.get(viewer))

    def inside(self) -> tuple[str, ...]:
        """Those in the room, in the order of coming."""
        return tuple(self._now[View.GUEST])

    def changes(self, viewer: str) -> Changes:
        """What has changed for a leg since it was last asked for."""
        view = self.view(viewer)
        if view is View.NONE:
            self._told.pop(viewer, None)
            return Changes(view)
        shown = self._shown(view, viewer)
        before_view, before = self._told.get(viewer, (View.NONE, {}))
        self._told[viewer] = (view, shown)
        sees_room, saw_room = (each in INSIDE for each in (view, before_view))
        if sees_room and not saw_room:
            return Changes(view, whole(shown, viewer), entered=True)
        narrowed = (saw_room and not sees_room) or (before_view, view) == (View.HOST, View.GUEST)
        if sees_room and before is self._before[view]:
            return Changes(view, self._diffs[view])
        if before_view is View.NONE:
            return Changes(view, ((UPDATE, shown[viewer]),))
        return Changes(view, _difference(before, shown), narrowed=narrowed)

    def whole_for(self, viewer: str) -> Events:
        """All that a leg was told so far, for a stream that begins."""
        view, shown = self._told.get(viewer, (View.NONE, {}))
        if view is View.NONE:
            return ()
        return ((UPDATE, shown[viewer]),) if view is View.ALONE else whole(shown, viewer)

    def forget(self, viewer: str) -> None:
        """Nobody asks for this leg any more."""
        self._told.pop(viewer, None)

    def _shown(self, view: View, viewer: str) -> Shown:
        return {viewer: self._written[viewer]} if view is View.ALONE else self._now[view]


def whole(shown: Shown, viewer: str) -> Events:
    """A list from nothing; the viewer himself once more at the end, for clients that wait for news of themselves."""
    people = ((CREATE, data) for data in shown.values())
    return ((BEGIN, _NULL), *people, (END, _NULL), (UPDATE, shown[viewer]))


def _difference(before: Shown, now: Shown) -> Events:
    gone = ((DELETE, encoded({"uuid": leg})) for leg in before if leg not in now)
    changed = (
        (UPDATE if leg in before else CREATE, data) for leg, data in now.items() if before.get(leg) != data
    )
    return (*gone, *changed)
