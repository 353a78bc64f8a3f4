"""The heart of a media process: each 20 ms read what came, give the mixer its work, send what it made.

Everything here runs on the loop thread but `AudioMixer.tick`, which runs in the one mixer thread. Sessions, jitter
buffers and links belong to the loop; decoders, encoders and mixes to the thread; a `Job` and a `Result` pass between
them and nothing is shared.

The walk of a packet, in order: `Ports.poll` -> `Transport` (source, rate, SRTP) -> `Session.take_rtp` (parse, jitter
buffer) -> `Session.pop` -> `Worker` (decode, mix, encode) -> `AudioLoop._mixed` -> `Session.send_audio` (header) ->
`Transport.send_rtp` (SRTP, socket).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

import msgspec

from bridge.log import logger
from bridge.media import contract
from bridge.media.endpoint import NoPorts
from bridge.media.mixing import AudioMixer, Job, Loss, OpusSettings, Received, Result
from bridge.media.own_ports import OwnPorts
from bridge.media.pictures import Pictures
from bridge.media.ports import Ports
from bridge.media.session import Session
from bridge.media.settings import MediaSettings
from bridge.media.worker import Done, Mixer, Runner, Worker
from bridge.rtp.jitter import Unit
from bridge.ticker import PERIOD, Spread, Tick, Ticker

FAULTS_IN_A_ROW = 50  # the mixer failed a whole second long: another process must take over
BUSY_IN_A_ROW = 150  # it was found at the same tick's work for three seconds in which the loop ran: the same
# A tick so late says that the whole process slept: silence in that time is not the peers' fault.
STALL_S = 0.5
WAKE_TURNS = 5  # ticks between two looks at a session's deadline

_log = logger("media")


class AudioLoop:
    """Serves legs on the running loop: takes commands, tells events.

    `drops`: what was dropped since the start, by name; told with the figures.
    `finish` is called with "shutdown" after that command, with "mixer-fault" when the mixer fails for good, and with
    "mixer-stuck" when it does not come back.
    `mixer`, `make_worker`: for tests, another mixer than `AudioMixer`, and another way to run it than in a thread.
    """

    def __init__(
        self,
        settings: MediaSettings,
        tell: Callable[[contract.Event], None],
        finish: Callable[[str], None],
        *,
        mixer: Mixer | None = None,
        make_worker: Callable[[Mixer, Done], Runner] = Worker,
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._finish = finish
        self._random = Random()
        self.drops: Counter[str] = Counter()
        self._ports = Ports(settings, self._random.random(), self.drops, tell)
        self._sessions: dict[str, Session] = {}
        self._own: dict[
            str, OwnPorts
        ] = {}  # what the pictures of a leg travel by, where that is not its transport
        self._heard: dict[str, frozenset[str]] = {}  # conference -> legs whose sound may enter its mix
        self._audible: list[Session] = []
        self._inaudible: list[Session] = []
        # For the mixer, since the last job. Bounded by what control and the peers' reports say within one tick.
        self._commands: list[contract.Command | Loss] = []
        # Negotiated anew while the mixer still codes for what was agreed before: taken when it is done. What control
        # said after it waits with it, for it may be about what is new. Bounded by what control says in one job's time.
        self._changes: list[contract.Command] = []
        self._worker = make_worker(mixer or _mixer(settings), self._mixed)
        self._ticker = Ticker(self._on_tick)
        self._pictures = Pictures(
            settings,
            self._random,
            self.drops,
            tell=tell,
            next_tick=lambda: self._ticker.due,
            mixing=lambda: self._worker.busy,
        )
        self._owed = 0  # ticks that were skipped and whose sound must be left out
        self._faults = self._busy_ticks = 0  # in a row
        self._ticks = self._skipped = self._decoded = self._encoded = 0
        self._received_before = self._sent_before = 0  # packets of legs that are closed
        self._late, self._busy = Spread(), Spread()
        self._second: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Say hello and begin to tell figures. Ticks begin with the first leg."""
        self._tell(contract.Hello(contract.VERSION, os.getpid(), self._pictures.name))
        self._tell_figures()

    async def stop(self) -> None:
        """Say goodbye to every peer and end the thread."""
        for leg in list(self._sessions):
            self._close(leg)
        self._ticker.stop()
        if self._second is not None:
            self._second.cancel()
        self._worker.stop()
        self._pictures.stop()
        self._ports.stop()

    # -- commands --------------------------------------------------------------------------------------------------

    def command(self, command: contract.Command) -> None:
        """Take one command of control."""
        match command:
            case contract.OpenLeg():
                self._open(command)
                return
            case contract.MoveLeg(leg=leg, conference=conference):
                self._pictures.move(leg, conference, time.monotonic())
                return
            case contract.WantKey(leg=leg):
                self._pictures.want_key(leg, time.monotonic())
                return
            case contract.Shutdown():
                self._finish("shutdown")
                return
            case contract.CloseLeg(leg=leg):
                self._close(leg)
            case _:
                pass
        if self._changes or (self._worker.busy and isinstance(command, contract.ConfigureLeg)):
            self._changes.append(command)
        else:
            self._obey(command)

    def _obey(self, command: contract.Command) -> None:
        match command:
            case contract.ConfigureLeg():
                self._configure(command)
            case contract.SendDigit(leg=leg, digit=digit):
                if session := self._sessions.get(leg):
                    session.send_digit(digit)
            case contract.SetPlan(plan=plan):
                self._heard[plan.conference] = frozenset(seat.leg for seat in plan.seats if seat.heard)
                if not plan.seats:
                    del self._heard[plan.conference]
                self._sort()
                self._pictures.plan(plan, time.monotonic())
                self._give_on(command)
            case _:
                self._give_on(command)

    def _configure(self, command: contract.ConfigureLeg) -> None:
        if session := self._sessions.get(command.leg):
            now = time.monotonic()
            try:
                session.configure(command, now)
            except Exception as fault:
                self._fail(session.leg, fault)
                return
            self._pictures.configure(command, now)
            self._give_on(command)

    def _give_on(self, command: contract.Command) -> None:
        """The mixer's part of a command goes with the next job."""
        self._commands.append(command)
        self._ticker.start()

    def _open(self, command: contract.OpenLeg) -> None:
        leg, address = command.leg, command.address
        session = self._sessions.get(leg)
        if session is None:
            if len(self._sessions) >= self._settings.max_legs:
                self._tell(contract.OpenFailed(leg, "too-many-legs"))
                return
            fail = partial(self._fail, leg)
            try:
                transport = self._ports.open(leg, address, command.shared, fail)
            except NoPorts as reason:
                self._tell(contract.OpenFailed(leg, str(reason)))
                return
            session = self._sessions[leg] = Session(
                leg,
                transport,
                self._settings,
                self._random,
                self.drops,
                tell=self._tell,
                on_loss=self._hear_of_loss,
            )
            own = None
            if command.video:
                own = self._ports.open_pictures(leg, address, partial(self._pictures.fail, leg))
            if own is not None:
                self._own[leg] = own
            self._pictures.open(session, own, command.conference, time.monotonic())
            self._sort()
            self._ticker.start()
        self._tell(self._ports.opened(session.transport, self._own.get(leg), address))

    def _close(self, leg: str) -> None:
        session = self._sessions.pop(leg, None)
        if session is None:
            self._tell(contract.LegClosed(leg, contract.Quality(0, 0, 0, 0.0, "", 0.0, 0.0)))
            return
        now, wallclock = time.monotonic(), time.time()
        video = self._pictures.close(leg, now, wallclock)
        with contextlib.suppress(Exception):  # a leg that failed is closed all the same
            session.say_goodbye(now, wallclock)
        quality = msgspec.structs.replace(session.quality, video=video)
        self._received_before += quality.packets_received
        self._sent_before += quality.packets_sent
        self._count_jitter_drops(session, self.drops)
        self._ports.close(session.transport)
        if (own := self._own.pop(leg, None)) is not None:
            self._ports.close(own)
        self._sort()
        self._tell(contract.LegClosed(leg, quality))

    def _sort(self) -> None:
        """Who is heard in any conference is decoded; what the others send is taken and dropped."""
        heard: frozenset[str] = frozenset().union(*self._heard.values())
        self._audible = [session for leg, session in self._sessions.items() if leg in heard]
        self._inaudible = [session for leg, session in self._sessions.items() if leg not in heard]

    def _hear_of_loss(self, leg: str, fraction: float) -> None:
        self._commands.append(Loss(leg, fraction))

    # -- the tick --------------------------------------------------------------------------------------------------

    def _on_tick(self, tick: Tick, now: float) -> None:
        self._ticks += 1
        self._late.add(tick.late)
        self._owed += tick.skipped
        wallclock = time.time()
        if tick.skipped * PERIOD > STALL_S:
            for session in self._sessions.values():
                session.excuse(tick.skipped * PERIOD)
            self._pictures.excuse(tick.skipped * PERIOD)
        self._ports.poll(now, wallclock)
        if self._worker.busy:
            self._owed += 1
            self._busy_ticks += 1
            if self._busy_ticks == BUSY_IN_A_ROW:
                _log.error("mixer-stuck")
                self._finish("mixer-stuck")
        else:
            self._busy_ticks = 0
            self._leave_out()
            self._worker.give(self._job(now))
        self._pictures.wake(now, wallclock)
        self._wake(tick.number % WAKE_TURNS, now, wallclock)
        if not self._sessions and not self._commands:
            self._ticker.stop()  # the mixer has been told of every leg's end

    def _leave_out(self) -> None:
        """Time that passed without a tick is gone: its sound is not played later, or the delay would grow."""
        if self._owed:
            self._skipped += self._owed
            for session in self._sessions.values():
                session.leave_out(self._owed)
            self._owed = 0

    def _wake(self, turn: int, now: float, wallclock: float) -> None:
        """Look at the deadlines of every fifth session, so that what many have due is spread over five ticks."""
        if turn == 0:
            self._ports.wake(now)
        for session in list(islice(self._sessions.values(), turn, None, WAKE_TURNS)):
            if session.deadline <= now:
                try:
                    session.wake(now, wallclock)
                except Exception as fault:
                    self._fail(session.leg, fault)

    def _job(self, now: float) -> Job:
        received = [
            Received(session.leg, units, session.take_level())
            for session in self._audible
            if (units := self._pop(session, now))
        ]
        for session in self._inaudible:
            self._pop(session, now)
        commands, self._commands = self._commands, []
        return Job(commands, received)

    def _pop(self, session: Session, now: float) -> tuple[Unit, ...]:
        try:
            return session.pop(now)
        except Exception as fault:
            self._fail(session.leg, fault)
            return ()

    def _mixed(self, outcome: Result | Exception, took: float) -> None:
        """The mixer is done with a tick: send at once."""
        self._busy.add(took)
        if isinstance(outcome, Exception):
            self._mixer_failed(outcome)
            return
        self._faults = 0
        sessions = self._sessions
        for legs, payload, samples, marker, level in outcome.outgoing:
            for leg in legs:
                session = sessions.get(leg)
                if session is not None:
                    try:
                        session.send_audio(payload, samples, marker, level)
                    except Exception as error:
                        self._fail(session.leg, error)
        for event in outcome.events:
            self._tell(event)
        self._decoded += outcome.decoded_frames
        self._encoded += outcome.encoded_frames
        self.drops.update(outcome.drops)
        for leg, fault in outcome.faults:
            self.drops["decoder-fault"] += 1
            _log.error("decoder-fault", leg=leg, exc_info=fault)
        self._change()

    def _change(self) -> None:
        changes, self._changes = self._changes, []
        for command in changes:
            self._obey(command)

    def _fail(self, leg: str, fault: Exception) -> None:
        """A fault of ours with one leg: it costs that leg, not the others."""
        if leg in self._sessions:
            self.drops["leg-fault"] += 1
            _log.error("leg-fault", leg=leg, exc_info=fault)
            self._commands.append(contract.CloseLeg(leg))
            self._close(leg)

    def _mixer_failed(self, fault: Exception) -> None:
        self._faults += 1
        self.drops["mixer-fault"] += 1
        self._change()
        if self._faults == 1:
            _log.error("mixer-fault", exc_info=fault)
        if self._faults == FAULTS_IN_A_ROW:
            self._finish("mixer-fault")

    # -- figures ---------------------------------------------------------------------------------------------------

    def _tell_figures(self) -> None:
        received, sent, drops = self._received_before, self._sent_before, self.drops.copy()
        for session in self._sessions.values():
            received += session.received.packets
            sent += session.sent.packets
            self._count_jitter_drops(session, drops)
        pictures = self._pictures.traffic
        self._tell(
            contract.Figures(
                legs=len(self._sessions),
                packets_received=received + pictures[0],
                packets_sent=sent + pictures[1],
                ticks=self._ticks,
                ticks_skipped=self._skipped,
                tick_late_ms_p50=1e3 * self._late.percentile(0.5),
                tick_late_ms_p99=1e3 * self._late.percentile(0.99),
                tick_busy_ms_p50=1e3 * self._busy.percentile(0.5),
                tick_busy_ms_p99=1e3 * self._busy.percentile(0.99),
                decoded_frames=self._decoded,
                encoded_frames=self._encoded,
                drops=dict(drops),
                pictures_in=self._pictures.came,
                pictures_out=self._pictures.left,
                packets_resent=pictures[2],
            )
        )
        self._second = asyncio.get_running_loop().call_later(1.0, self._tell_figures)

    @staticmethod
    def _count_jitter_drops(session: Session, drops: Counter[str]) -> None:
        """Add what a leg's jitter buffer dropped to `drops`."""
        counters = session.received.buffer.counters
        for name, count in (("jitter-late", counters.late), ("jitter-overflow", counters.overflowed)):
            if count:
                drops[name] += count


def _mixer(settings: MediaSettings) -> AudioMixer:
    opus = OpusSettings(settings.opus_bitrate, settings.opus_complexity, settings.opus_speech_complexity)
    return AudioMixer([Path(folder) for folder in settings.prompt_folders], opus)
