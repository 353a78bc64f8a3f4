"""Seats: who comes back after the bridge or his network was away has his place again, without PIN and without knocking.

A seat belongs to a leg and lives as long as the leg does: what the conference decides about the leg is written to its
seat before anybody sees it. A leg that is merely lost leaves its seat behind for `keep_s`; one that is sent away, or
goes by itself, takes it along. What hosts have set in a run (above all the lock) is kept in the same way.

After a crash nobody knows when it was, so a mark is made each `BEAT_S` while there is anything to keep: seats and locks
count from the last mark on.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from bridge.errors import Reason
from bridge.log import logger
from bridge.rooms import events
from bridge.rooms.events import Cause, Event
from bridge.rooms.participant import Role
from bridge.rooms.run_state import RunState, configured
from bridge.store import SeatRow, Store
from config.model import Room

BEAT_S: Final = 10.0
KEY_BYTES: Final = 24
LOST: Final = frozenset(
    (Reason.MEDIA_LOST, Reason.SIGNALLING_LOST, Reason.OVERLOADED, Reason.SHUTDOWN, Reason.FAULT)
)
"""The reasons for which somebody leaves without meaning to."""

_log = logger("seats")


@dataclass(frozen=True, slots=True)
class Seat:
    """What somebody comes back to. `inside`: he was in the room, so no lock holds him up.

    `broken_off`: it is from before the bridge was started, so the run that was on goes on with him. `interpreter`: he
    was marked as one.
    """

    leg: str
    room: str
    role: Role
    name: str
    inside: bool
    broken_off: bool
    interpreter: bool = False


class Seats:
    """All seats, and what hosts have set, in the store. `keep_s`: for how long somebody lost may come back.

    A file that does not take a change now costs the seat, not the call.
    """

    def __init__(self, store: Store, keep_s: float, wallclock: Callable[[], float]) -> None:
        self._store = store
        self._keep_s = keep_s
        self._wallclock = wallclock
        self._held: dict[str, SeatRow] = {}  # by leg; bounded by the legs that stand
        self._stopping = False
        self._beat: asyncio.TimerHandle | None = None
        mark = store.mark()
        since = mark if mark is not None else wallclock()
        store.vacate_seats(since + keep_s)
        store.expire_seats(wallclock())
        self._from_before = store.seat_legs()
        self._runs: dict[str, tuple[RunState, float]] = {}  # from before; bounded by the rooms
        self._live: set[str] = set()  # rooms with a run of this life of the bridge
        self._recall_runs(since + keep_s)
        self._keep_time()

    # -- seats ------------------------------------------------------------------------------------------------------

    def give(self, leg: str, name: str, room: str, role: Role) -> str:
        """Give a leg a seat, before it comes to the door, and return the key to it: shown once, and not kept."""
        key = secrets.token_urlsafe(KEY_BYTES)
        row = SeatRow(_digest(key), leg, room, role.value, name, inside=False, expires=None)
        self._from_before.discard(leg)
        self._hold(row)
        return key

    def find(self, key: str, room: str) -> Seat | None:
        """The seat that a key opens in this room, if it is still kept."""
        row = self._store.seat(_digest(key))
        if row is None or row.room != room or (row.expires is not None and row.expires <= self._wallclock()):
            return None
        broken_off = row.leg in self._from_before
        return Seat(row.leg, row.room, Role(row.role), row.name, row.inside, broken_off, row.interpreter)

    def take(self, key: str) -> None:
        """Whoever has the key sits on the seat again, and it is held as long as its leg is there."""
        row = self._store.seat(_digest(key))
        if row is not None:
            self._from_before.discard(row.leg)
            self._hold(replace(row, expires=None))

    def forget(self, leg: str) -> None:
        """The leg is gone for good: nobody comes back to its seat."""
        self._held.pop(leg, None)
        self._from_before.discard(leg)
        self._kept(self._store.delete_seat(leg))

    def note(self, room: str, event: Event) -> None:
        """Something has happened in a conference."""
        match event:
            case events.Started():
                self._live.add(room)
            case events.Joined() if row := self._held.get(event.leg):
                self._hold(replace(row, inside=True, role=event.role.value, interpreter=event.interpreter))
            case events.InterpreterChanged() if row := self._held.get(event.leg):
                self._hold(replace(row, interpreter=event.on))
            case events.RoleChanged() if row := self._held.get(event.leg):
                self._hold(replace(row, role=event.role.value))
            case events.Left():
                self._stopping = self._stopping or event.reason is Reason.SHUTDOWN
                self._left(event.leg, event.reason)
            case events.Refused():
                self._left(event.leg, event.reason)
            case events.Ended() if event.cause is not Cause.EMPTY:
                self._kept(self._store.delete_vacant_seats(room))
            case _:
                pass

    def _left(self, leg: str, reason: Reason) -> None:
        row = self._held.pop(leg, None)
        if row is None:
            return
        if reason in LOST:
            self._save(replace(row, expires=self._wallclock() + self._keep_s))
        else:
            self._kept(self._store.delete_seat(leg))

    def _hold(self, row: SeatRow) -> None:
        self._held[row.leg] = row
        self._save(row)

    def _save(self, row: SeatRow) -> None:
        self._kept(self._store.save_seat(row))
        self._keep_time()

    def _kept(self, done: bool) -> None:
        if not done:
            _log.error("seat-not-kept")

    # -- what hosts have set ----------------------------------------------------------------------------------------

    def run_state(self, room: str) -> RunState | None:
        """What was set in this room when the bridge was broken off, if that is not too long ago."""
        state, until = self._runs.get(room, (None, 0.0))
        return state if until > self._wallclock() else None

    def keep(self, room: Room, state: RunState) -> None:
        """Something else is set in this room."""
        if self._stopping:
            return
        if state == configured(room):
            self.forget_run(room.number)
        elif not self._store.save_run(room.number, msgspec.json.encode(state)):
            _log.error("run-not-kept")
        self._keep_time()

    def forget_run(self, room: str) -> None:
        """The run is over; the next one begins as the room is configured."""
        if self._stopping:
            return
        self._runs.pop(room, None)
        self._live.discard(room)
        if not self._store.delete_run(room):
            _log.error("run-not-kept")

    def _recall_runs(self, until: float) -> None:
        for room, state in self._store.runs().items():
            try:
                if until > self._wallclock():
                    self._runs[room] = (msgspec.json.decode(state, type=RunState), until)
                else:
                    self._store.delete_run(room)
            except msgspec.MsgspecError:
                _log.error("run-not-readable")

    # -- time -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Keep no time any more; what is held stays kept."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _keep_time(self) -> None:
        if self._beat is None:
            self._mark()

    def _mark(self) -> None:
        """Note that the bridge lives, and clear away what nobody came back to; again while there is anything."""
        self._beat = None
        now = self._wallclock()
        self._store.expire_seats(now)
        for room in [
            room for room, (_, until) in self._runs.items() if until <= now and room not in self._live
        ]:
            self.forget_run(room)
        if self._store.keeps():
            self._store.save_mark(now)
            self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._mark)


def _digest(key: str) -> str:
    """What is kept of a key. It is too long to be guessed, so a plain hash will do."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
