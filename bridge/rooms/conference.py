"""The conference: one pure reducer, `handle(command, now) -> events`, that decides everything a room does.

It begins with the first leg at the door and is `over` when nobody is left on its roll. In between it may run
(`started`) more than once: a run begins with the first host with media, and ends as behaviours.md C4 says; whoever
is in the lobby then stays there, unless a host or an operator ended it for all.

What was decided where the sources leave it open:
- The limit counts the lobby too, so that admitting never fails for lack of room; but hosts are only ever refused
  when the room itself is full, so that knocking strangers cannot keep a host out.
- A keypad means who was first at the door when it was pressed: if another has become first, it must be pressed again.
- Who knocks stays knocking: unlocking, the end of a run, and the next host's coming let nobody in. Only `Admit` does.
- Without a host PIN there is no lobby to come back to: the last one out ends the conference, and who knocks is told.
- A locked room whose people are all gone keeps its lock until `no_host_end_s`, so that a host who drops out of it
  finds it locked when he redials.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from bridge.errors import Reason
from bridge.machine import Wake
from bridge.rooms import commands, events
from bridge.rooms.bearers import Bearers
from bridge.rooms.commands import Command, How, Request
from bridge.rooms.events import BY_RULE, Cause, Event, Origin, Refusal
from bridge.rooms.floor import Floor, switched
from bridge.rooms.gallery import NO_CANVAS, Canvas, Gallery, Wall, Wanted
from bridge.rooms.layouts import Layouts
from bridge.rooms.life import Life
from bridge.rooms.line import Line
from bridge.rooms.participant import Participant, Place, Role
from bridge.rooms.policy import Standing, allows, standing
from bridge.rooms.roll import Present, Roll
from bridge.rooms.run_state import RunState, configured
from bridge.rooms.screen import Screen
from bridge.rooms.slides import Slides
from config.model import Room
from mixer.plan import Plan, Seat
from mixer.scene import Scene

ENDING_NOTICE_S: Final = 3.0

Events = Iterator[Event]


class Conference:
    """A room while it is alive. Holds no clock: `now` is monotonic seconds, `deadline()` says when to call again.

    `kept`: what hosts had set before the bridge was started again; None = as the room is configured. `canvas`: what
    pictures are drawn on.
    """

    def __init__(
        self, room: Room, loudest: int = 8, kept: RunState | None = None, canvas: Canvas = NO_CANVAS
    ) -> None:
        self._room = room
        self._loudest = loudest
        self._roll = Roll()
        self._life = Life(room.no_host_end_s, room.last_one_end_s)
        self._started = False
        state = kept or configured(room)
        self._locked = state.locked
        self._floor = Floor(self._roll, state.guests_muted, state.guests_can_unmute, room.chat)
        self._screen = Screen(self._roll, state.layouts, state.names, state.frames)
        self._gallery = Gallery(room, canvas)
        self._slides = Slides(self._roll, self._gallery.shows, state.guests_can_present)
        self._bearers = Bearers(self._roll)
        self._ending_by = BY_RULE
        self._line = Line(self._roll)

    # -- what can be read --------------------------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """Whether a run is on: guests may be in the room."""
        return self._started

    @property
    def locked(self) -> bool:
        """Whether newcomers must knock."""
        return self._locked

    @property
    def guests_muted(self) -> bool:
        """Whether guests who come in are muted."""
        return self._floor.guests_muted

    @property
    def guests_can_unmute(self) -> bool:
        """Whether guests may lift themselves what a host has muted."""
        return self._floor.guests_can_unmute

    @property
    def layouts(self) -> Layouts:
        """How the pictures are arranged."""
        return self._screen.layouts

    @property
    def banner(self) -> str:
        """The line that everybody in the room is shown, "" = none."""
        return self._screen.banner

    @property
    def shows(self) -> bool:
        """Whether there are pictures at all."""
        return self._gallery.shows

    @property
    def names(self) -> bool:
        """Whether names stand below faces."""
        return self._screen.names

    @property
    def guests_can_present(self) -> bool:
        """Whether guests may show slides."""
        return self._slides.guests_can_present

    @property
    def presenter(self) -> Participant | None:
        """Who shows slides."""
        return self._slides.presenter

    @property
    def scene(self) -> Scene:
        """What everybody sees."""
        return self._gallery.scene

    def stage(self, role: Role) -> tuple[str, ...]:
        """Who is shown to those with this role, in the order of seats."""
        return self._gallery.picture(role)[1]

    def picture_layout(self, role: Role) -> str:
        """The layout that these see: that of the room, or the one that an interpreter needs."""
        set_for = self.layouts.host if role is Role.HOST else self.layouts.guest
        return self._gallery.picture(role)[0] or set_for

    @property
    def run_state(self) -> RunState:
        """What hosts have set."""
        return RunState(
            self._locked, self.guests_muted, self.guests_can_unmute, *self.layouts, self.guests_can_present,
            self._screen.names, self._screen.frames,
        )  # fmt: skip

    @property
    def over(self) -> bool:
        """Whether nothing is left of it: no run, and nobody on the roll."""
        return not self._started and not self._roll

    @property
    def people(self) -> tuple[Participant, ...]:
        """Everybody, lobby included, in the order of coming. For operators and tests, never for legs."""
        return tuple(self._roll)

    def present(self) -> Present:
        """Whom announcements can reach."""
        return self._roll.present()

    def full(self, role: Role | None = None) -> bool:
        """Whether one more cannot come in. None = before it is known who: whether there is no hope for anybody."""
        lobby_counts = role is Role.GUEST or not self._room.has_host_pin
        return len(self._roll if lobby_counts else self._roll.inside()) >= self._room.limit

    def plan(self) -> Plan:
        """Who is in the sound: those in the room, with media, and not on hold; and whose pictures are wanted."""
        wanted = self._gallery.wanted
        seats = (
            Seat(person.leg, not person.muted, True, person.gain, *wanted.get(person.leg, Wanted()))
            for person in self._roll.inside()
            if person.media and not person.held
        )
        return Plan(self._room.number, tuple(seats), self._loudest)

    def deadline(self) -> float | None:
        """When a time limit is next due [monotonic seconds]."""
        due: list[float | None] = [self._due(person) for person in self._roll if not person.inside]
        due += [self._life.deadline(), self._gallery.deadline()]
        return min((at for at in due if at is not None), default=None)

    # -- the reducer -------------------------------------------------------------------------------------------

    def handle(self, command: Command | Wake, now: float) -> tuple[Event, ...]:
        """Do what is due, then what is asked, and return what has come of it, in the order in which it happened."""
        happened = (*self._expire(now), *self._obey(command, now))
        self._line.watch(now)
        wall = Wall(
            self._screen.layouts, self._screen.names, self._screen.frames, self._screen.banner, self._locked,
            len(self._roll.knocking()),
        )  # fmt: skip
        self._gallery.settle(tuple(self._roll), wall, now)
        return happened

    def _obey(self, command: Command | Wake, now: float) -> Events:
        before = len(self._roll.inside()) if self._started else 0, len(self._roll.hosts())
        match command:
            case Wake():
                pass
            case commands.Join():
                yield from self._join(command, now)
            case commands.Leave():
                yield from self._leave(
                    command.leg, command.reason, Origin(command.leg, None, How.CALL), hang_up=False
                )
            case commands.Talk():
                self._gallery.talk(command.legs, now)
            case commands.Hold() | commands.Silence() | commands.Media() | commands.Video() | commands.Seen():
                yield from self._bearers.handle(command)
                yield from self._start_with(command.leg, now)
            case _:
                yield from self._request(command, now)
        yield from self._settle(*before, now)

    def _request(self, command: Request, now: float) -> Events:
        if isinstance(command, commands.CancelEnd) and not self._life.ending:
            return  # each "*" of a keypad says it
        person = self._roll.get(command.by)
        if command.how is How.OPERATOR:
            who, role = Standing.OPERATOR, None
        elif person is not None:
            who, role = standing(person), person.role
        else:
            return  # it left while the command was on its way
        origin = Origin(command.by, role, command.how)
        if not allows(who, command):
            yield events.NotAllowed(command.by, events.name(command), origin)
            return
        if self.over:
            yield events.not_done(command, origin, Refusal.NOT_STARTED)
            return
        yield from self._steer(command, origin, now)

    def _steer(self, command: Request, origin: Origin, now: float) -> Events:
        match command:
            case commands.Start():
                if not self._started:
                    yield from self._start(origin, now)
            case commands.Lock():
                yield from self._lock(command, origin)
            case commands.Admit():
                yield from self._admit(command, origin, now)
            case commands.AdmitAll():
                yield from self._admit_all(origin, now)
            case commands.Decline():
                yield from self._decline(command, origin)
            case commands.SetRole():
                yield from self._set_role(command, origin)
            case commands.Kick():
                yield from self._kick(command, origin)
            case commands.Transfer():
                yield from self._transfer(command, origin)
            case commands.SendKeys():
                yield from self._bearers.send_keys(command, origin)
            case commands.Dial():
                yield events.DialAsked(origin)
            case commands.End():
                yield from self._end_for_all(command, origin, now)
            case commands.CancelEnd():
                self._life.cancel_end()
                yield events.EndCancelled(origin)
            case commands.Count():
                yield events.Counted(command.by, len(self._roll.inside()), origin)
            case commands.Help():
                yield events.HelpGiven(command.by, origin.role or Role.GUEST, origin)
            case commands.Present() | commands.AllowGuestsPresent() | commands.MixSlides():
                yield from self._slides.handle(command, origin, now)
            case (
                commands.Mute()
                | commands.MuteGuests()
                | commands.AllowGuestsUnmute()
                | commands.MuteSelf()
                | commands.ClientMute()
                | commands.Hand()
                | commands.LowerHands()
                | commands.SetGain()
                | commands.Say()
            ):
                yield from self._floor.handle(command, origin, now)
            case _:
                yield from self._screen.handle(command, origin, now)

    # -- coming, going, waiting --------------------------------------------------------------------------------

    def _join(self, command: commands.Join, now: float) -> Events:
        if command.leg in self._roll:
            return
        role = command.role if self._room.has_host_pin else Role.HOST
        origin = Origin(command.leg, role, How.CALL)
        if self.full(role):
            yield events.Refused(command.leg, command.name, command.source, command.way, Reason.FULL, origin)
            return
        person = Participant(
            leg=command.leg,
            name=command.name,
            role=role,
            place=Place.WAITING,
            since=now,
            source=command.source,
            way=command.way,
            media=command.media,
            admitted=command.admitted or command.returning,
            held=command.held,
            encrypted=command.encrypted,
            outgoing=command.outgoing,
            pictures=command.pictures,
            interpreter_since=now if command.interpreter else None,
        )
        if self._must_knock(person):
            yield from self._knock(person, origin, now)
        elif role is Role.HOST or self._started or command.returning:
            yield from self._come_in(person, None, origin, now, returning=command.returning)
        else:
            self._roll.put(person)
            yield events.Waiting(person.leg, person.name, person.source, person.way, origin)

    def _must_knock(self, person: Participant) -> bool:
        keyed = person.role is Role.HOST and self._room.has_host_pin
        return self._locked and not person.admitted and not keyed

    def _knock(self, person: Participant, origin: Origin, now: float, moved: bool = False) -> Events:
        self._roll.put(replace(person, place=Place.KNOCKING, since=now))
        again = self._line.knocked(person.source, now)
        yield events.Knocking(person.leg, person.name, person.source, person.way, origin, again, moved)

    def _come_in(
        self, person: Participant, came_from: Place | None, origin: Origin, now: float, *, tone: bool = True,
        returning: bool = False,
    ) -> Events:  # fmt: skip
        """Put somebody into the room; a host with media starts the run, and hears who knocks.

        Who comes back to a run that the bridge itself broke off starts it too; then the time without a host counts.
        """
        muted = self._floor.mutes(person.role)
        person = self._roll.put(
            replace(person, place=Place.INSIDE, since=now, admitted=True, host_muted=muted)
        )
        starts = not self._started and (returning or (person.role is Role.HOST and person.media))
        if starts:
            self._started = True
            yield events.Started(self._locked, origin)
        yield events.Joined(
            person.leg, person.name, person.source, person.way, person.role, came_from, len(self._roll.inside()),
            muted, tone and self._tone(), origin, person.interpreter_since is not None,
        )  # fmt: skip
        if starts:
            yield from self._open_lobby(now)
        if person.is_host and (knocking := self._roll.knocking()):
            yield events.KnocksReported(person.leg, len(knocking))

    def _start(self, origin: Origin, now: float) -> Events:
        self._started = True
        yield events.Started(self._locked, origin)
        yield from self._open_lobby(now)

    def _start_with(self, leg: str, now: float) -> Events:
        """A host who was in without media may have it now."""
        person = self._roll.insider(leg)
        if person is not None and person.is_host and person.media and not self._started:
            yield from self._start(Origin(leg, person.role, How.CALL), now)

    def _open_lobby(self, now: float) -> Events:
        """The run has begun: who waited for that comes in, or knocks where the door is locked."""
        waiting = self._roll.waiting()
        for person in waiting:
            if len(self._roll.inside()) >= self._room.limit:
                yield from self._leave(person.leg, Reason.FULL, BY_RULE, hang_up=True)
            elif self._must_knock(person):
                yield from self._knock(person, BY_RULE, now, moved=True)
            else:
                tone = person is waiting[-1]  # one for all of them
                yield from self._come_in(person, Place.WAITING, BY_RULE, now, tone=tone)

    def _leave(self, leg: str, reason: Reason, origin: Origin, *, hang_up: bool, tone: bool = True) -> Events:
        person = self._roll.remove(leg)
        if person is None:
            return
        if origin.by == leg:
            origin = origin._replace(role=person.role)
        tone = tone and person.inside and self._tone()
        present = len(self._roll.inside()) if person.inside else 0  # the lobby learns no number
        yield events.Left(
            leg, person.name, person.role, person.place, reason, hang_up, present, tone, origin
        )  # fmt: skip

    def _tone(self) -> bool:
        """Whether those in the room hear that somebody has come or gone."""
        return self._room.tones and len(self._roll.inside()) <= self._room.tones_up_to

    # -- the door ----------------------------------------------------------------------------------------------

    def _lock(self, command: commands.Lock, origin: Origin) -> Events:
        locked = switched(self._locked, command.on)
        if locked is not self._locked:
            self._locked = locked
            yield events.LockChanged(locked, origin)

    def _admit(self, command: commands.Admit, origin: Origin, now: float) -> Events:
        person = self._line.meant(command)
        if not self._started:
            yield events.not_done(command, origin, Refusal.NOT_STARTED)
        elif isinstance(person, Refusal):
            yield events.not_done(command, origin, person)
        elif len(self._roll.inside()) >= self._room.limit:
            yield events.not_done(command, origin, Refusal.FULL)
        else:
            yield from self._come_in(person, Place.KNOCKING, origin, now)

    def _admit_all(self, origin: Origin, now: float) -> Events:
        command = commands.AdmitAll(origin.by, origin.how)
        if not self._roll.knocking():
            yield events.not_done(command, origin, Refusal.NOBODY_KNOCKS)
        for person in self._roll.knocking():
            yield from self._admit(commands.Admit(origin.by, person.leg, origin.how), origin, now)

    def _decline(self, command: commands.Decline, origin: Origin) -> Events:
        person = self._line.meant(command)
        if isinstance(person, Refusal):
            yield events.not_done(command, origin, person)
        else:
            yield from self._leave(person.leg, Reason.DECLINED, origin, hang_up=True)

    # -- what is done to people in the room --------------------------------------------------------------------

    def _set_role(self, command: commands.SetRole, origin: Origin) -> Events:
        person = self._roll.insider(command.who)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        elif not self._room.has_host_pin:
            yield events.not_done(command, origin, Refusal.HOSTS_ONLY)
        elif not self._started:
            yield events.not_done(command, origin, Refusal.NOT_STARTED)
        elif person.role is Role.HOST and command.role is Role.GUEST and len(self._roll.hosts()) == 1:
            yield events.not_done(command, origin, Refusal.LAST_HOST)
        elif person.role is not command.role:
            self._roll.change(person, role=command.role, host_muted=self._floor.mutes(command.role))
            yield events.RoleChanged(person.leg, command.role, origin)

    def _kick(self, command: commands.Kick, origin: Origin) -> Events:
        if self._roll.insider(command.who) is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        else:
            yield from self._leave(command.who, Reason.KICKED, origin, hang_up=True)

    def _transfer(self, command: commands.Transfer, origin: Origin) -> Events:
        person = self._roll.insider(command.who)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        elif command.to_room == self._room.number:
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)
        else:
            yield events.Transferred(person.leg, command.to_room, command.role, origin)
            yield from self._leave(person.leg, Reason.TRANSFERRED, origin, hang_up=False)

    # -- the end -----------------------------------------------------------------------------------------------

    def _end_for_all(self, command: commands.End, origin: Origin, now: float) -> Events:
        if command.at_once:
            yield from self._end(Cause.COMMAND, origin, self._roll)
        elif not self._life.ending:
            self._life.announce_end(now + ENDING_NOTICE_S)
            self._ending_by = origin
            yield events.EndAnnounced(ENDING_NOTICE_S, origin)

    def _end(self, cause: Cause, origin: Origin, leaving: Iterable[Participant]) -> Events:
        yield events.Ended(cause, origin)
        for person in leaving:
            yield from self._leave(person.leg, Reason.ENDED, origin, hang_up=True, tone=False)
        self._start_over()

    def _start_over(self) -> None:
        """Be as the room is configured: what was locked, muted or announced ends with the run."""
        self._life.reset()
        self._started = False
        state = configured(self._room)
        self._locked = state.locked
        self._floor.guests_muted, self._floor.guests_can_unmute = state.guests_muted, state.guests_can_unmute
        self._slides.guests_can_present = state.guests_can_present
        self._screen.reset(state.layouts, state.names, state.frames)

    def _settle(self, people_before: int, hosts_before: int, now: float) -> Events:
        """What follows when people came or went: hosts gone, the last one alone, nobody left."""
        yield from self._slides.settle()
        if self.over:
            self._start_over()
        if not self._started:
            return
        inside, hosts = self._roll.inside(), self._roll.hosts()
        self._life.watch(len(hosts), len(inside), people_before, now)
        if not inside and self._worth_nothing():
            yield from self._end(Cause.EMPTY, BY_RULE, () if self._room.has_host_pin else self._roll)
            return
        if hosts_before and not hosts:
            yield events.HostsGone(self._room.no_host_end_s)
            if self._room.auto_lock and self._room.auto_lock_again and not self._locked:
                self._locked = True
                yield events.LockChanged(True, BY_RULE)
        if hosts and len(inside) == 1 and people_before != 1:
            yield events.Alone(inside[0].leg)
        yield from self._expire(now)

    def _worth_nothing(self) -> bool:
        """Of a room whose people are gone: whether a new run would be just like this one."""
        return not self._room.has_host_pin or (not self._roll and self._locked is self._room.auto_lock)

    def _expire(self, now: float) -> Events:
        cause = self._life.due(now)
        if cause is Cause.COMMAND:
            yield from self._end(cause, self._ending_by, self._roll)
        elif cause is not None:
            yield from self._end(cause, BY_RULE, self._roll.inside())
        for person in self._roll:
            at = self._due(person)
            if at is not None and at <= now:
                reason = Reason.HOST_ABSENT if person.place is Place.WAITING else Reason.DECLINED
                yield from self._leave(person.leg, reason, BY_RULE, hang_up=True)

    def _due(self, person: Participant) -> float | None:
        """When the patience of somebody in the lobby ends."""
        if person.inside:
            return None
        waiting = person.place is Place.WAITING
        limit = self._room.wait_host_s if waiting else self._room.knock_timeout_s
        return person.since + limit if limit else None
