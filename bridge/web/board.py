"""The board of one conference: what its web clients are shown, brought up to date at most five times a second.

Everything that happens only marks the board as out of date; then states are told, not histories (reliability.md S-05,
S-09). What people write to each other, and what happens to one alone, goes to its channel at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from bridge.focus import Focus
from bridge.leg import Told
from bridge.rooms import events
from bridge.rooms.participant import Participant, Role
from bridge.web.client import Client
from bridge.web.notices import NOTED, notice
from bridge.web.protocol import conference_state, encoded, layout, presentation, stage
from bridge.web.roster import INSIDE, Events, Rosters, View, view_of

PAUSE_S: Final = 0.2

_ROLES: Final = {View.HOST: Role.HOST, View.GUEST: Role.GUEST}


class Board:
    """The web clients of one conference. `epoch`: Unix time at which the monotonic clock was 0."""

    def __init__(self, focus: Focus, epoch: float) -> None:
        self.focus = focus
        self._epoch = epoch
        self._loop = asyncio.get_running_loop()
        self._rosters = Rosters(epoch)
        self._clients: dict[str, Client] = {}  # bounded by the legs
        self._state = b""
        self._layouts: dict[View, bytes] = {}
        self._stages: dict[View, bytes] = {}
        self._presenter = ""
        self._slides_of: dict[str, str] = {}  # whose slides each client knows of; bounded by the clients
        self._talking: tuple[str, ...] = ()
        self._spoke: dict[
            str, float
        ] = {}  # when each one was last heard; bounded by those in the room, at each flush
        self._flushed_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def empty(self) -> bool:
        """Whether nobody reads here."""
        return not self._clients

    def add(self, client: Client) -> None:
        """Somebody reads here."""
        self._clients[client.id] = client
        self.touch()

    def remove(self, client: Client) -> None:
        """Somebody reads here no more."""
        self._clients.pop(client.id, None)
        self._rosters.forget(client.id)
        self._slides_of.pop(client.id, None)
        if self.empty and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        else:
            self.touch()

    def renew(self, client: Client) -> None:
        """Somebody reads from the beginning."""
        self._rosters.forget(client.id)
        self._slides_of.pop(client.id, None)
        self.touch()

    # -- what happens -----------------------------------------------------------------------------------------------

    def told(self, client: Client, event: Told) -> None:
        """The conference told something to a client's leg."""
        if isinstance(event, events.TalkersChanged):
            self._talk(event.legs)
            return
        self.touch()
        if not isinstance(event, NOTED):
            return
        view = self.view(client)
        told = tuple(notice(event, client.id, view, self._name))
        if told and view is not self._rosters.view(client.id):
            self.flush()  # first the room, then what happens in it
        for name, value in told:
            client.tell(name, value)

    def touch(self) -> None:
        """What is shown is out of date."""
        if self._timer is None and self._clients:
            due = max(self._loop.time(), self._flushed_at + PAUSE_S)
            self._timer = self._loop.call_at(due, self.flush)

    def flush(self) -> None:
        """Tell everybody what has changed, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._flushed_at = self._loop.time()
        conference = self.focus.conference
        tags = {leg: client.call_tag for leg, client in self._clients.items() if client.call_tag}
        self._rosters.take(conference.people, tags)
        state = encoded(conference_state(conference, self.focus.room))
        shown = self._rosters.inside()
        self._spoke = {leg: at for leg, at in self._spoke.items() if leg in shown}
        layouts = {view: encoded(layout(conference, role)) for view, role in _ROLES.items()}
        stages = {view: self._stage_of(view) for view in INSIDE}
        news: dict[View, Events] = dict.fromkeys(INSIDE, ())
        for view in INSIDE:
            if state != self._state:
                news[view] = (*news[view], ("conference_update", state))
            if layouts[view] != self._layouts.get(view):
                news[view] = (*news[view], ("layout", layouts[view]))
            if stages[view] != self._stages.get(view):
                news[view] = (*news[view], ("stage", stages[view]))
        self._state, self._layouts, self._stages = state, layouts, stages
        presenter, before = conference.presenter, self._presenter
        self._presenter = presenter.leg if presenter is not None else ""
        for client in tuple(self._clients.values()):
            self._bring(client, news, before)

    def _bring(self, client: Client, surroundings: Mapping[View, Events], presenter_before: str) -> None:
        changes = self._rosters.changes(client.id)
        if changes.narrowed:
            client.channel.forget()
        news: Events = changes.events
        if changes.entered:
            news = (*news, *self._surroundings(changes.view))
        elif changes.view in INSIDE:
            news = (*news, *surroundings[changes.view])
        if changes.view in INSIDE:
            news = (*news, *self._slides_for(client, presenter_before))
        for name, data in news:
            client.put(name, data)
        if news:
            client.wake()

    def _surroundings(self, view: View) -> Events:
        return (
            ("conference_update", self._state),
            ("layout", self._layouts[view]),
            ("stage", self._stages[view]),
        )

    def _stage_of(self, view: View) -> bytes:
        return encoded(stage(self._talking, self.focus.conference.stage(_ROLES[view])))

    def _slides_for(self, client: Client, presenter_before: str = "") -> Events:
        """What is new for a client about slides. Of his own he is told only when he may show them no more."""
        wanted = self._presenter if self._presenter != client.id else ""
        told = self._slides_of.get(client.id, "")
        self._slides_of[client.id] = wanted
        if wanted and wanted != told:
            return (("presentation_start", encoded(presentation(self.focus.conference.presenter))),)
        if presenter_before == client.id and not self._presenter:
            return (("presentation_start", encoded(presentation(None))), ("presentation_stop", b"null"))
        return (("presentation_stop", b"null"),) if told and not wanted else ()

    def _talk(self, legs: tuple[str, ...]) -> None:
        """Who talks; each leg in the room is told, and the first to be told stands for all."""
        if legs == self._talking:
            return
        now = self._loop.time()
        self._spoke |= dict.fromkeys((*self._talking, *legs), now)
        self._talking = legs
        self._stages = {view: self._stage_of(view) for view in INSIDE}
        for client in self._clients.values():
            if (view := self._rosters.view(client.id)) in INSIDE:
                client.put("stage", self._stages[view])
                client.wake()

    def _name(self, leg: str) -> str:
        person = self.person(leg)
        return person.name if person is not None else ""

    # -- what is read -----------------------------------------------------------------------------------------------

    def person(self, leg: str) -> Participant | None:
        """Somebody on the roll, as he is at this moment."""
        return next((each for each in self.focus.conference.people if each.leg == leg), None)

    def view(self, client: Client) -> View:
        """How much a client sees at this moment."""
        return view_of(self.person(client.id))

    def last_spoken(self, leg: str) -> float:
        """When somebody was last heard to talk [Unix seconds], 0 = never."""
        at = self._loop.time() if leg in self._talking else self._spoke.get(leg)
        return 0.0 if at is None else round(at + self._epoch, 3)

    def whole_for(self, client: Client) -> Events:
        """All that there is to see for a client, for a stream that begins."""
        self.flush()
        view = self._rosters.view(client.id)
        whole = self._rosters.whole_for(client.id)
        if view not in INSIDE:
            return whole
        self._slides_of.pop(client.id, None)
        return (*whole, *self._surroundings(view), *self._slides_for(client))
