"""Control's side of the media processes: start them, spread conferences over them, notice when one is gone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from bridge import wire
from bridge.log import logger
from bridge.media import contract
from bridge.media.placement import Placement
from bridge.media.settings import MediaSettings, part_of_range
from bridge.watchdog import Watchdog

HELLO_S = 15.0  # a new process must speak within this time
CHECK_S = 1.0
QUIET_CHECKS = 8  # figures come every second, so a process silent for so many checks is stuck
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0  # between the death of a process and the next start
STEADY_S = 30.0  # a process that lived so long starts the delays anew
LEAVE_S = 2.0  # from `Shutdown` to kill

_log = logger("media")


class MediaPool:
    """A set of media processes, kept alive, with conferences pinned to one each.

    `on_event` gets every event but `Hello` and `Figures`, in order for each leg. `on_lost` gets the legs whose
    process died or stopped answering; nothing more comes of these legs. Both are called on the loop, never from
    within `place` or `send`. `drops` counts what the wires overtook and restarts by reason.
    """

    def __init__(
        self,
        processes: int,
        settings: MediaSettings,
        on_event: Callable[[contract.Event], None],
        on_lost: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._on_lost = on_lost
        self._placement = Placement(processes)
        self._shards = [
            Shard(index, _share(settings, index, processes), self._take(on_event), self._lose)
            for index in range(processes)
        ]
        self._root: asyncio.Task[None] | None = None

    @property
    def figures(self) -> dict[int, contract.Figures]:
        """The newest figures of each process that is up, by its number."""
        return {shard.index: shard.figures for shard in self._shards if shard.figures is not None}

    @property
    def restarts(self) -> Counter[str]:
        """How often processes were lost since the start, by reason."""
        return sum((shard.losses for shard in self._shards), Counter())

    @property
    def up(self) -> int:
        """How many processes answer now."""
        return sum(shard.up for shard in self._shards)

    @property
    def pids(self) -> dict[int, int]:
        """Process ids of those that answer, by number."""
        return {shard.index: shard.pid for shard in self._shards if shard.up}

    def pictures(self, conference: str) -> str | None:
        """Where video workers find the process of a conference: a socket's name; None = none serves it now."""
        home = self._placement.home(conference)
        return None if home is None or not self._shards[home].up else self._shards[home].pictures

    async def start(self) -> None:
        """Start all processes and wait until each has spoken. Raises RuntimeError when one does not."""
        self._root = asyncio.create_task(self._supervise(), name="media-pool")
        ready = asyncio.gather(*(shard.ready.wait() for shard in self._shards))
        try:
            await asyncio.wait_for(ready, HELLO_S)
        except TimeoutError:
            await self.stop()
            raise RuntimeError("a media process did not start") from None

    async def stop(self) -> None:
        """Let all processes close their legs and exit; kill what has not gone after `LEAVE_S`."""
        root, self._root = self._root, None
        if root is not None:
            for shard in self._shards:
                shard.leave()
            await root

    def place(self, leg: str, conference: str) -> None:
        """Say to which conference a leg belongs: its process serves the leg. Call it before `OpenLeg`.

        A leg that is already placed may change conference; its process stays, because its ports are there, and the
        new conference comes to it unless that one has legs elsewhere already.
        """
        self._placement.place(leg, conference, [shard.up for shard in self._shards])

    def move(self, leg: str, conference: str) -> bool:
        """Let an open leg change conference where its ports can stay; False: it must be closed and opened anew."""
        moved = self._placement.move(leg, conference)
        if moved:
            self.send(contract.MoveLeg(leg, conference))
        return moved

    def send(self, command: contract.Command) -> None:
        """Send a command to the process of its leg or conference. Raises nothing.

        A command for an unknown leg or conference is dropped: it was lost or closed a moment ago. A leg whose process
        is down is told lost.
        """
        match command:
            case contract.SetPlan(plan=plan):
                indices = self._placement.plan(plan.conference, ends=not plan.seats)
            case contract.Play(legs=legs) | contract.StopPlay(legs=legs):
                indices = self._placement.of_legs(legs)
            case contract.Shutdown():
                indices = tuple(range(len(self._shards)))
            case _:
                indices = self._placement.of_legs((command.leg,))
        for index in indices:
            if not self._shards[index].send(command):
                asyncio.get_running_loop().call_soon(self._lose, index)

    def _take(self, on_event: Callable[[contract.Event], None]) -> Callable[[contract.Event], None]:
        def take(event: contract.Event) -> None:
            if isinstance(event, (contract.LegClosed, contract.OpenFailed)):
                self._placement.forget(event.leg)
            on_event(event)

        return take

    def _lose(self, index: int) -> None:
        legs = self._placement.forget_all(index)
        if legs:
            self._on_lost(legs)

    async def _supervise(self) -> None:
        async with asyncio.TaskGroup() as group:
            for shard in self._shards:
                group.create_task(shard.run(), name=f"media-{shard.index}")


def _share(settings: MediaSettings, index: int, processes: int) -> MediaSettings:
    first, last = part_of_range(settings, index, processes)
    port = settings.rtc_port + index if settings.rtc_port else 0  # 0: one that the kernel chooses, for tests
    return replace(settings, port_first=first, port_last=last, rtc_port=port)


class Shard:
    """One media process as control sees it: started again whenever it is gone, until told to leave."""

    def __init__(
        self,
        index: int,
        settings: MediaSettings,
        on_event: Callable[[contract.Event], None],
        on_lost: Callable[[int], None],
    ) -> None:
        self.index = index
        self.ready = asyncio.Event()
        self.losses: Counter[str] = Counter()
        self.figures: contract.Figures | None = None
        self.pid = 0
        self.pictures = ""  # name of the socket for video workers
        self._settings = settings
        self._on_event = on_event
        self._on_lost = on_lost
        self._wire: wire.Wire[contract.Event, contract.Command] | None = None
        # Set with the reason when the process is not usable any more.
        self._gone: asyncio.Future[str] | None = None
        self._leaving = asyncio.Event()
        self._watchdog: Watchdog | None = None

    @property
    def up(self) -> bool:
        """Whether the process has said hello and is not lost."""
        return self.ready.is_set()

    def send(self, command: contract.Command) -> bool:
        """Send to the process; False when it is down."""
        if self._wire is None or not self.up:
            return False
        self._wire.send(command)
        return True

    def leave(self) -> None:
        """Shut the process down and do not start it again."""
        self._leaving.set()
        if self._wire is not None:
            self._wire.send(contract.Shutdown())

    async def run(self) -> None:
        """Keep the process alive until `leave`."""
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY_S
        while not self._leaving.is_set():
            begun = loop.time()
            try:
                reason = await self._live()
            except OSError:
                reason = "not-started"
                self.losses[reason] += 1
            if self._leaving.is_set():
                return
            delay = FIRST_DELAY_S if loop.time() - begun > STEADY_S else min(delay * 2, LONGEST_DELAY_S)
            _log.error("media-process-lost", process=self.index, reason=reason, seconds=delay)
            try:
                await asyncio.wait_for(self._leaving.wait(), delay)
            except TimeoutError:
                continue

    async def _live(self) -> str:
        """Start the process, serve it until it is gone, and say why."""
        ours, theirs = wire.pair()
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._gone = gone
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *_command_line(theirs.fileno(), self._settings),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            )
        self._watchdog = Watchdog(asyncio.get_running_loop().time())
        decoder: msgspec.msgpack.Decoder[contract.Event] = msgspec.msgpack.Decoder(contract.Event)
        self._wire = wire.Wire(ours, decoder, self._hear, self._fail, Counter())
        if self._leaving.is_set():
            self._wire.send(contract.Shutdown())
        watch = asyncio.create_task(self._watch(self._watchdog), name=f"media-{self.index}-watch")
        try:
            return await gone
        finally:
            watch.cancel()
            self._wire.close()
            self._wire = None
            await _end(process, gently=self._leaving.is_set())

    def _hear(self, event: contract.Event) -> None:
        if self._watchdog is not None:
            self._watchdog.heard()
        match event:
            case contract.Hello(version=contract.VERSION, pid=pid, pictures=pictures):
                self.pid, self.pictures = pid, pictures
                self.ready.set()
            case contract.Hello():
                self._fail("wrong-version")
            case contract.Figures():
                self.figures = event
            case _:
                self._on_event(event)

    def _fail(self, reason: str) -> None:
        """The process is of no use any more: tell its legs at once, clean up after it in `_live`."""
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(reason)
            self.ready.clear()
            if not self._leaving.is_set():
                self.losses[reason] += 1
            self.figures = None
            asyncio.get_running_loop().call_soon(self._on_lost, self.index)

    async def _watch(self, watchdog: Watchdog) -> None:
        """Notice a process that lives but does not answer."""
        loop = asyncio.get_running_loop()
        stuck = False
        while not stuck:
            await asyncio.sleep(CHECK_S)
            stuck = watchdog.look(loop.time(), QUIET_CHECKS if self.up else int(HELLO_S / CHECK_S))
        self._fail("not-answering")


def _command_line(file: int, settings: MediaSettings) -> Sequence[str]:
    told = msgspec.json.encode(settings).decode()
    return (sys.executable, "-m", "bridge.media.process", "--fd", str(file), "--settings", told)


async def _end(process: asyncio.subprocess.Process, gently: bool) -> None:
    if gently:
        try:
            await asyncio.wait_for(process.wait(), LEAVE_S)
        except TimeoutError:
            pass
        else:
            return
    if process.returncode is None:
        process.kill()
    await process.wait()
