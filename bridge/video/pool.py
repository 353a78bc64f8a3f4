"""Control's side of the video workers: one for each conference, kept alive while somebody watches."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import msgspec

from bridge import wire
from bridge.codec.libraries import VIDEO_ENCODERS, encodes
from bridge.crew import Crew
from bridge.log import logger
from bridge.video import contract
from bridge.video.settings import VideoSettings
from bridge.watchdog import Watchdog
from mixer.scene import Scene

LINGER_S: Final = 10.0  # a worker that nobody watches any more stays for so long: people come back
CHECK_S: Final = 1.0
QUIET_CHECKS: Final = 5  # figures come every second: a worker silent for so many checks is stuck
READY_S: Final = 15.0  # a new worker must speak within this time
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 5.0  # from the second start in a row on; the first is made at once
STEADY_S: Final = 30.0  # a worker that lived so long starts the delays anew
LEAVE_S: Final = 1.0  # from `Leave` to kill
_LOOK_S = 0.1  # between two looks for a media process that serves the conference

_log = logger("video")

Place = Callable[[str], str | None]
"""Gives the name of the pictures socket of the media process that serves a conference; None = there is none yet."""


class VideoPool:
    """At most `most` workers. `place`: says where the media process of a conference is.

    Where there are fewer than wanted, conferences in which people are seen go before those that show cards only: who
    calls many numbers and waits at each door takes no pictures from those inside.
    `figures`: the newest of each conference's worker. `restarts`: how often workers were lost, by reason. `refused`:
    how many conferences had to do without pictures since there were too many.
    """

    def __init__(self, settings: VideoSettings, most: int, place: Place) -> None:
        self.refused = 0
        self.restarts: Counter[str] = Counter()
        self._settings = settings
        self._most = most
        self._place = place
        self._keepers: dict[str, Keeper] = {}
        self._waiting: dict[
            str, Scene
        ] = {}  # conferences without room for theirs; bounded by the number of rooms
        self._crew = Crew(_tell_fault)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._open = False

    @property
    def figures(self) -> dict[str, contract.VideoFigures]:
        """The newest figures of each worker that is up, by conference."""
        return {name: keeper.figures for name, keeper in self._keepers.items() if keeper.figures is not None}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of those that are up, by conference."""
        return {name: keeper.pid for name, keeper in self._keepers.items() if keeper.pid}

    async def start(self) -> None:
        """Take scenes from now on."""
        self._open = True
        for codec in VIDEO_ENCODERS:
            if not encodes(codec):
                _log.warning("no-encoder", codec=codec)

    async def stop(self) -> None:
        """Let all workers exit; kill what has not gone after `LEAVE_S`."""
        self._open = False
        self._waiting.clear()
        for keeper in self._keepers.values():
            keeper.leave()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks.values()))
        await self._crew.close()

    def show(self, scene: Scene) -> None:
        """The newest scene of a conference. One without watchers lets its worker go after `LINGER_S`."""
        name = scene.conference
        keeper = self._keepers.get(name)
        if keeper is not None:
            keeper.show(scene)
            self._make_room()
        elif not scene.watchers:
            self._waiting.pop(name, None)
        elif self._open and len(self._keepers) < self._most:
            self._begin(scene)
        elif self._open:
            self._wait(scene)
            self._make_room()

    def media_lost(self) -> None:
        """Media processes have gone or come: workers follow their conferences at once."""
        for keeper in self._keepers.values():
            keeper.follow()

    def _begin(self, scene: Scene) -> None:
        keeper = Keeper(scene, self._settings, self._place, self.restarts)
        self._keepers[scene.conference] = keeper
        self._tasks[scene.conference] = self._crew.start(self._keep(keeper), f"video-{scene.conference}")

    def _wait(self, scene: Scene) -> None:
        if scene.conference not in self._waiting:
            self.refused += 1
            _log.warning("video-refused", room=scene.conference, limit=self._most)
        self._waiting[scene.conference] = scene

    def _make_room(self) -> None:
        """Let workers that show nobody go, as many as others wait who would show somebody."""
        if not self._waiting:
            return
        wanted = sum(map(_shows_people, self._waiting.values()))
        wanted -= sum(keeper.is_leaving for keeper in self._keepers.values())
        idle = (
            each for each in self._keepers.values() if not each.is_leaving and not _shows_people(each.scene)
        )
        for keeper in islice(idle, max(0, wanted)):
            keeper.leave()

    async def _keep(self, keeper: Keeper) -> None:
        try:
            await keeper.run()
        finally:
            del self._keepers[keeper.scene.conference]
            del self._tasks[keeper.scene.conference]
        if self._open:
            self._go_on(keeper.scene)

    def _go_on(self, last: Scene) -> None:
        """A worker has left: the next one is for who waits, or for who came while it was on its way out."""
        again = {last.conference: last} if last.watchers else {}
        scenes = again | self._waiting
        chosen = next(filter(_shows_people, scenes.values()), next(iter(scenes.values()), None))
        if again and chosen is not last:
            self._wait(last)
        if chosen is not None:
            self._waiting.pop(chosen.conference, None)
            self._begin(chosen)
            self._make_room()


class Keeper:
    """One conference's worker as control sees it: started again whenever it is gone, until nobody watches."""

    def __init__(self, scene: Scene, settings: VideoSettings, place: Place, losses: Counter[str]) -> None:
        self.scene = scene
        self.figures: contract.VideoFigures | None = None
        self.pid = 0  # 0 = it is not up
        self._settings = settings
        self._place = place
        self._losses = losses
        self._leaving = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None
        self._wire: wire.Wire[contract.WorkerEvent, contract.ControlMessage] | None = None
        self._pictures = ""  # where the present worker's media process is
        # Set with the reason when the worker is of no use any more.
        self._gone: asyncio.Future[str] | None = None
        self._watchdog: Watchdog | None = None

    def show(self, scene: Scene) -> None:
        """The newest scene."""
        self.scene = scene
        if self._wire is not None:
            self._wire.send(contract.Show(scene))
        if scene.watchers:
            self._stay()
        elif self._linger is None:
            self._linger = asyncio.get_running_loop().call_later(LINGER_S, self.leave)

    @property
    def is_leaving(self) -> bool:
        """Whether its worker was told to exit."""
        return self._leaving.is_set()

    def leave(self) -> None:
        """Let the worker exit, and do not start it again."""
        self._stay()
        self._leaving.set()
        if self._wire is not None:
            self._wire.send(contract.Leave())

    def follow(self) -> None:
        """Start anew if another media process serves the conference now."""
        place = self._place(self.scene.conference)
        if self._pictures and place and place != self._pictures:
            self._fail("moved")

    async def run(self) -> None:
        """Keep a worker alive until `leave`."""
        loop = asyncio.get_running_loop()
        delay = 0.0
        while await self._found():
            begun = loop.time()
            try:
                reason = await self._live()
            except Exception:
                _log.exception("video-worker-not-started", room=self.scene.conference)
                reason = "not-started"
            if self._leaving.is_set():
                break
            if reason == "moved" or loop.time() - begun > STEADY_S:
                delay = 0.0
            if reason != "moved":
                self._losses[reason] += 1
                _log.error("video-worker-lost", room=self.scene.conference, reason=reason, seconds=delay)
            await self._rest(delay)
            delay = min(max(FIRST_DELAY_S, delay * 2), LONGEST_DELAY_S)
        self._stay()

    async def _found(self) -> bool:
        """Wait until a media process serves the conference; False: leave instead."""
        while not self._leaving.is_set():
            self._pictures = self._place(self.scene.conference) or ""
            if self._pictures:
                return True
            await self._rest(_LOOK_S)
        return False

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._leaving.wait(), seconds)
        except TimeoutError:
            return

    async def _live(self) -> str:
        """Start a worker, serve it until it is gone, and say why."""
        loop = asyncio.get_running_loop()
        ours, theirs = wire.pair()
        gone: asyncio.Future[str] = loop.create_future()
        self._gone = gone
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command_line(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                )
            except BaseException:
                ours.close()
                raise
        self._watchdog = Watchdog(loop.time())
        decoder: msgspec.msgpack.Decoder[contract.WorkerEvent] = msgspec.msgpack.Decoder(contract.WorkerEvent)
        self._wire = wire.Wire(ours, decoder, self._hear, self._fail, Counter())
        self._wire.send(contract.Leave() if self._leaving.is_set() else contract.Show(self.scene))
        watch = asyncio.create_task(self._watch(self._watchdog), name=f"video-{self.scene.conference}-watch")
        try:
            return await gone
        finally:
            watch.cancel()
            await asyncio.wait((watch,))
            self._wire.close()
            self._wire = None
            self._pictures = ""
            await _end(process, gently=self._leaving.is_set())

    def _command_line(self, file: int) -> Sequence[str]:
        told = msgspec.json.encode(self._settings).decode()
        whose = ("--conference", self.scene.conference, "--pictures", self._pictures)
        return (sys.executable, "-m", "bridge.video.process", "--fd", str(file), "--settings", told, *whose)

    def _hear(self, event: contract.WorkerEvent) -> None:
        if self._watchdog is not None:
            self._watchdog.heard()
        match event:
            case contract.Ready(version=contract.VERSION, pid=pid):
                self.pid = pid
            case contract.Ready():
                self._fail("wrong-version")
            case contract.VideoFigures():
                self.figures = event

    def _fail(self, reason: str) -> None:
        """The worker is of no use any more, or has left; `_live` cleans up after it."""
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(reason)
            self.pid = 0
            self.figures = None

    async def _watch(self, watchdog: Watchdog) -> None:
        """Notice a worker that lives but does not speak, and a conference that another media process serves."""
        loop = asyncio.get_running_loop()
        stuck = False
        while not stuck:
            await asyncio.sleep(CHECK_S)
            self.follow()
            stuck = watchdog.look(loop.time(), QUIET_CHECKS if self.pid else int(READY_S / CHECK_S))
        self._fail("not-answering")

    def _stay(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None


def _shows_people(scene: Scene) -> bool:
    return any(view.faces for view in scene.views)


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


def _tell_fault(fault: BaseException) -> None:
    _log.error("video-pool-fault", exc_info=fault)
