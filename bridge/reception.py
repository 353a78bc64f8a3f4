"""Before the room: finds what was dialled, asks for the PIN, and takes the caller to the door of the conference.

    find -> welcome -> Visit: Entry asks, the guard gives turns, a worker checks the PIN -> Focus.join

PINs are checked in threads of their own, two at once: argon2id takes long on purpose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from bridge.crew import Crew
from bridge.driver import Driver
from bridge.errors import Reason
from bridge.focus import Attendance, Audit, Conferences
from bridge.leg import Desk, Leg
from bridge.log import logger
from bridge.metrics import Metrics
from bridge.rooms import entry, guard, pins
from bridge.rooms.announcements import FAREWELLS
from bridge.rooms.directory import Directory
from bridge.rooms.entry import Entry, asks
from bridge.rooms.enumeration import Enumeration
from bridge.rooms.guard import Guard
from bridge.rooms.participant import Role
from bridge.store import Store
from bridge.switchboard import Switchboard
from config.model import LimitsConfig, Room
from config.secret import Secret

COUNTERS = "guard"

_log = logger("reception")


class Reception:
    """Looks after legs until they stand at the door of their conference."""

    def __init__(
        self,
        rooms: tuple[Room, ...],
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
        self._directory = Directory(rooms)
        self.conferences = conferences
        self.switchboard = switchboard
        self.limits = limits
        self.metrics = metrics
        self._store = store
        self._language = language
        self._audit = audit
        self._wallclock = wallclock
        self._checkers = ThreadPoolExecutor(2, thread_name_prefix="pin")
        self._crew = Crew(on_fault)
        rules = guard.Rules(
            room=limits.wrong_pins_room, source=limits.wrong_pins_source, window_s=limits.window_s
        )
        self._guard = Guard(rules)
        self._enumeration = Enumeration(limits.unknown_numbers, limits.window_s)
        self._recall()
        self._turns: Driver[guard.Input, guard.Output] = Driver(self._guard, self._perform)
        # Legs whose PIN waits for its turn or its check; one each, so bounded by the calls.
        self._visits: dict[str, tuple[Visit, Secret]] = {}

    # -- the way in -----------------------------------------------------------------------------------------------

    def find(self, dialled: str, host: str, source: str, trusted: bool) -> Room | None:
        """The room that was dialled, or None; who dials many unknown numbers is counted by its source."""
        room = self._directory.find(dialled, host)
        if room is None:
            for alarm in self._enumeration.unknown(source, trusted, asyncio.get_running_loop().time()):
                self._alarm(alarm)
        return room

    def delay_s(self, source: str, trusted: bool) -> float:
        """How long a call of this source waits for its first answer: it dialled too many unknown numbers."""
        return self._enumeration.delay(source, trusted, asyncio.get_running_loop().time())

    def room(self, number: str) -> Room | None:
        """The room of this number, for operators."""
        return self._directory.find(number)

    def welcome(self, leg: Leg, room: Room) -> Desk:
        """A call is up: ask it for what the room wants to know, then take it to the door."""
        self.audit(room, leg, "arrived")
        return Visit(leg, room, self)

    def welcome_dialled(self, leg: Leg, room: Room) -> Desk:
        """A leg that the bridge called answered: whoever had it called has let it in."""
        self.audit(room, leg, "answered")
        desk = Attendance(leg, self.conferences.of(room))
        desk.join(Role.GUEST, admitted=True)
        return desk

    def language(self, room: Room) -> str:
        """The language of a room's prompts."""
        return room.language.value if room.language else self._language

    def audit(self, room: Room, leg: Leg, event: str, **more: Any) -> None:
        """Write one line about a leg that is not in a conference yet."""
        line: Mapping[str, Any] = {
            "room": room.number, "event": event, "leg": leg.id, "name": leg.display_name, "source": leg.source,
            "way": leg.way, "by": leg.id, "how": "call",
        }  # fmt: skip
        self._audit({**line, **more})

    async def close(self) -> None:
        """Let the checks that run come to their end; keep the counters."""
        self._turns.close()
        await self._crew.close()
        self._checkers.shutdown(wait=False, cancel_futures=True)
        self._keep()

    # -- verdicts -------------------------------------------------------------------------------------------------

    def verify(self, visit: Visit, pin: Secret) -> None:
        """Have a PIN checked when the guard gives it a turn; the visit is told."""
        self._visits[visit.leg.id] = (visit, pin)
        self._turns.feed(guard.Ask(visit.leg.id, visit.room.number, visit.leg.source, visit.leg.trusted))

    def forget(self, leg: str) -> None:
        """The leg is gone; a PIN of its that is being checked counts as wrong."""
        if self._visits.pop(leg, None) is not None:
            self._turns.feed(guard.Gone(leg))

    def _perform(self, output: guard.Output) -> None:
        match output:
            case guard.Go() if output.leg in self._visits:
                self._crew.start(self._check(*self._visits[output.leg]), "pin-check")
            case guard.NotNow() if output.leg in self._visits:
                visit, _ = self._visits.pop(output.leg)
                self.metrics.verdicts.labels("no-turn").inc()
                visit.judged(None)
            case guard.Alarm():
                self._alarm(output)
            case _:
                pass

    def _alarm(self, alarm: guard.Alarm) -> None:
        what = "guessed-pins" if alarm.room else "guessed-numbers"
        self._audit(
            {"room": alarm.room, "event": what, "source": alarm.source, "by": "bridge", "how": "rule"}
        )
        self.metrics.drops.labels(what).inc()
        _log.warning(what, room=alarm.room)

    async def _check(self, visit: Visit, pin: Secret) -> None:
        leg = visit.leg.id
        loop = asyncio.get_running_loop()
        try:
            role = await loop.run_in_executor(self._checkers, pins.verdict, visit.room, pin)
        except Exception:
            self.forget(leg)
            visit.judged(None)
            raise
        if self._visits.pop(leg, None) is None:
            return  # it hung up meanwhile, and was counted then
        outcome = role.value if role else "wrong"
        self.metrics.verdicts.labels(outcome).inc()
        self.audit(visit.room, visit.leg, "pin-verdict", outcome=outcome)
        self._turns.feed(guard.Checked(leg, role is not None))
        if role is None:
            self._keep()
        visit.judged(entry.Verdict(role))

    # -- counters over a restart ------------------------------------------------------------------------------------

    def _keep(self) -> None:
        now = asyncio.get_running_loop().time()
        saved = self._guard.save(now) | {"numbers": self._enumeration.save(now)}
        if not self._store.save_counters(COUNTERS, msgspec.msgpack.encode((self._wallclock(), saved))):
            _log.error("counters-not-kept")  # they are all kept the next time

    def _recall(self) -> None:
        state = self._store.counters(COUNTERS)
        if state is None:
            return
        try:
            at, saved = msgspec.msgpack.decode(state, type=tuple[float, guard.Saved])
        except msgspec.MsgspecError:
            _log.error("counters-not-readable")
            return
        now, elapsed = asyncio.get_running_loop().time(), max(0.0, self._wallclock() - at)
        self._enumeration.restore(saved.pop("numbers", {}), now, elapsed)
        self._guard.restore(saved, now, elapsed)


class Visit:
    """One leg at reception; later it passes everything on to the leg's attendance of the conference."""

    def __init__(self, leg: Leg, room: Room, reception: Reception) -> None:
        self.leg = leg
        self.room = room
        self._reception = reception
        self._inside: Attendance | None = None
        self._done = False
        limits = reception.limits
        self._entry: Driver[entry.Input, entry.Output] = Driver(
            Entry(asks(room), room.pin_timeout_s, room.digit_gap_s, limits.pin_tries, limits.pin_delays_s),
            self._perform,
        )
        focus = reception.conferences.get(room.number)
        if focus is not None and focus.conference.full():
            self._send_away(Reason.FULL, FAREWELLS[Reason.FULL])
        else:
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

    def left(self, reason: Reason) -> None:
        """The leg is gone."""
        self._entry.close()
        self._reception.forget(self.leg.id)
        if self._inside is not None:
            self._inside.left(reason)
        else:
            self._reception.audit(self.room, self.leg, "left-reception", reason=reason.value)

    # -- what reception tells ---------------------------------------------------------------------------------------

    def judged(self, verdict: entry.Verdict | None) -> None:
        """The PIN was checked; None: it had no turn."""
        self._entry.feed(verdict or entry.NoVerdict())

    # -- what the entry says ----------------------------------------------------------------------------------------

    def _perform(self, output: entry.Output) -> None:
        switchboard, language = self._reception.switchboard, self._reception.language(self.room)
        match output:
            case entry.Prompt():
                switchboard.play((self.leg.id,), output.names, language)
            case entry.StopPrompts():
                switchboard.stop(self.leg.id)
            case entry.Verify():
                self._reception.verify(self, output.pin)
            case entry.Admit():
                self._go_in(output.role)
            case entry.Refuse():
                self._send_away(output.reason, output.prompts)

    def _go_in(self, role: Role) -> None:
        self._inside = Attendance(self.leg, self._reception.conferences.of(self.room))
        self._inside.join(role)

    def _send_away(self, reason: Reason, prompts: tuple[str, ...]) -> None:
        if self._done:
            return
        self._done = True
        self._reception.audit(self.room, self.leg, "refused", reason=reason.value)
        self._reception.switchboard.play(
            (self.leg.id,),
            prompts,
            self._reception.language(self.room),
            interrupt=True,
            then=lambda: self.leg.hang_up(reason),
        )
