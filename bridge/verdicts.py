"""Verdicts on PINs, for every way of coming in alike: the guard gives turns, a worker checks, the outcome is recorded.

    ask -> guard's turn -> argon2id in a thread of its own, two at once -> audit -> judged

The same budgets by room and by source hold for keypad, web and API, and outlive a restart (reliability.md A-01 to
A-05). A room that does not exist is judged like any other, by the hash of a PIN that nobody has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

import msgspec

from bridge.crew import Crew
from bridge.driver import Driver
from bridge.leg import Claim
from bridge.log import logger
from bridge.metrics import Metrics
from bridge.rooms import guard, pins
from bridge.rooms.budget import Table, Window, household
from bridge.rooms.entry import NoVerdict, Verdict
from bridge.rooms.enumeration import Enumeration
from bridge.rooms.guard import Guard
from bridge.rooms.participant import Role
from bridge.store import Store
from config.model import LimitsConfig, Room
from config.secret import Secret

COUNTERS: Final = "guard"
NOWHERE: Final = "?"  # what wrong tries at rooms that do not exist are counted by begins so
# They share so many counters: with one for each name that is made up, those of true rooms would be pushed out.
MOST_NOWHERE: Final = 1000
MOST_LATE: Final = 8  # wrong tries of a source that are counted to make its next verdict late

_log = logger("verdicts")


@dataclass(frozen=True, slots=True)
class Try:
    """One PIN at one door. `room` None: what was `asked` for does not exist."""

    claim: Claim
    room: Room | None
    pin: Secret
    judged: Callable[[Verdict | NoVerdict], None] = field(repr=False)
    asked: str = ""

    @property
    def door(self) -> str:
        """What wrong tries are counted by. No number of a room begins like that of one that does not exist."""
        if self.room is not None:
            return self.room.number
        return f"{NOWHERE}{crc32(self.asked.lower().encode('utf-8', 'replace')) % MOST_NOWHERE}"


class Verdicts:
    """Judges PINs, and counts who guesses: PINs, and numbers of rooms.

    `on_alarm` is told once when somebody begins to guess; `on_verdict` of each verdict, with "host", "guest", "wrong".
    """

    def __init__(
        self,
        store: Store,
        limits: LimitsConfig,
        metrics: Metrics,
        on_alarm: Callable[[guard.Alarm], None],
        on_verdict: Callable[[Claim, Room | None, str], None],
        on_fault: Callable[[BaseException], None],
        wallclock: Callable[[], float],
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._on_alarm = on_alarm
        self._on_verdict = on_verdict
        self._wallclock = wallclock
        self._delays_s = limits.pin_delays_s or (0.0,)
        self._checkers = ThreadPoolExecutor(2, thread_name_prefix="pin")
        self._crew = Crew(on_fault)
        rules = guard.Rules(
            room=limits.wrong_pins_room, source=limits.wrong_pins_source, window_s=limits.window_s
        )
        self._guard = Guard(rules)
        self._numbers = Enumeration(limits.unknown_numbers, limits.window_s)
        # Wrong tries by source, for those who bring each PIN along in a request of its own.
        self._wrong: Table[Window] = Table(lambda: Window(MOST_LATE, limits.window_s))
        self._recall()
        self._turns: Driver[guard.Input, guard.Output] = Driver(self._guard, self._perform)
        # PINs that wait for their turn or their check. Bounded: one for each leg, and the guard's queue sends away.
        self._tries: dict[str, Try] = {}

    # -- PINs -------------------------------------------------------------------------------------------------------

    def ask(self, tried: Try) -> None:
        """Have a PIN checked when the guard gives it a turn; `judged` is told. A claim has one try at a time."""
        claim = tried.claim
        if claim.id in self._tries:
            tried.judged(NoVerdict())
            return
        self._tries[claim.id] = tried
        self._turns.feed(guard.Ask(claim.id, tried.door, household(claim.source), claim.trusted))

    def forget(self, claim: str) -> None:
        """Whoever asked is gone; a PIN of his that is being checked counts as wrong."""
        if self._tries.pop(claim, None) is not None:
            self._turns.feed(guard.Gone(claim))

    async def judge(
        self, claim: Claim, room: Room | None, pin: Secret, asked: str = ""
    ) -> Role | NoVerdict | None:
        """Whose PIN it is, told a fixed time after asking, by how many wrong ones its source has sent lately."""
        loop = asyncio.get_running_loop()
        told_at = loop.time() + self.delay_s(claim)
        judged: asyncio.Future[Verdict | NoVerdict] = loop.create_future()

        def tell(verdict: Verdict | NoVerdict) -> None:
            if not judged.done():
                judged.set_result(verdict)

        self.ask(Try(claim, room, pin, tell, asked))
        try:
            verdict = await judged
        except asyncio.CancelledError:
            self.forget(claim.id)
            raise
        await asyncio.sleep(told_at - loop.time())
        return verdict if isinstance(verdict, NoVerdict) else verdict.role

    def delay_s(self, claim: Claim) -> float:
        """How long a claim's next verdict is held back at least [s]."""
        window = self._wrong.get(household(claim.source))
        wrong = 0 if window is None else len(window.times(asyncio.get_running_loop().time()))
        return self._delays_s[min(wrong, len(self._delays_s) - 1)]

    def _perform(self, output: guard.Output) -> None:
        match output:
            case guard.Go() if output.leg in self._tries:
                self._crew.start(self._check(self._tries[output.leg]), "pin-check")
            case guard.NotNow() if output.leg in self._tries:
                self._metrics.verdicts.labels("no-turn").inc()
                self._tries.pop(output.leg).judged(NoVerdict())
            case guard.Alarm():
                self._on_alarm(output)
            case _:
                pass

    async def _check(self, tried: Try) -> None:
        claim, loop = tried.claim, asyncio.get_running_loop()
        try:
            role = await loop.run_in_executor(self._checkers, pins.verdict, tried.room, tried.pin)
        except Exception:
            self.forget(claim.id)
            tried.judged(NoVerdict())
            raise
        if self._tries.get(claim.id) is not tried:
            return  # he hung up meanwhile, and was counted then
        del self._tries[claim.id]
        outcome = role.value if role else "wrong"
        self._metrics.verdicts.labels(outcome).inc()
        self._on_verdict(claim, tried.room, outcome)
        self._turns.feed(guard.Checked(claim.id, role is not None))
        if role is None:
            self._wrong[household(claim.source)].add(loop.time())
            self._keep()
        tried.judged(Verdict(role))

    # -- numbers ----------------------------------------------------------------------------------------------------

    def unknown_number(self, source: str, trusted: bool) -> None:
        """A number that does not exist was asked for."""
        for alarm in self._numbers.unknown(household(source), trusted, asyncio.get_running_loop().time()):
            self._on_alarm(alarm)

    def number_delay_s(self, source: str, trusted: bool) -> float:
        """How long a source waits for its first answer: it asked for too many unknown numbers."""
        return self._numbers.delay(household(source), trusted, asyncio.get_running_loop().time())

    # -- over a restart ---------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Let the checks that run come to their end; keep the counters."""
        self._turns.close()
        await self._crew.close()
        self._checkers.shutdown(wait=False, cancel_futures=True)
        self._keep()

    def _keep(self) -> None:
        now = asyncio.get_running_loop().time()
        saved = self._guard.save(now) | {"numbers": self._numbers.save(now), "late": self._wrong.ages(now)}
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
        self._numbers.restore(saved.pop("numbers", {}), now, elapsed)
        for source, ages in saved.pop("late", {}).items():
            for age in ages:
                self._wrong[source].add(now - elapsed - age)
        self._guard.restore(saved, now, elapsed)
