"""Both wires, the threads and the ticks around one video worker."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from typing import Final, assert_never

import msgspec

from bridge import log
from bridge.ticker import Tick, Ticker
from bridge.video import contract
from bridge.video.drawers import drawers
from bridge.video.settings import VideoSettings
from bridge.video.worker import VideoWorker
from bridge.video.workshop import Threads
from bridge.wire import Wire, prepare

_REACH_S: Final = 2.0  # for the media process to take the connection

_log = log.logger("video")


async def reach(name: str) -> socket.socket:
    """Connect to the abstract Unix socket of a media process. Raises OSError."""
    media = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        prepare(media)
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(media, "\0" + name), _REACH_S)
    except BaseException:
        media.close()
        raise
    return media


class Service:
    """One worker on the running loop. `control`, `media`: connected sockets, closed at the end."""

    def __init__(
        self, conference: str, settings: VideoSettings, control: socket.socket, media: socket.socket
    ) -> None:
        loop = asyncio.get_running_loop()
        self._conference = conference
        self._done: asyncio.Future[str] = loop.create_future()
        self._fps = 0
        self._ticker: Ticker | None = None
        self._threads = Threads(settings.threads, _tell_fault)
        drops: Counter[str] = Counter()
        self._control: Wire[contract.ControlMessage, contract.WorkerEvent] = Wire(
            control, msgspec.msgpack.Decoder(contract.ControlMessage), self._command, self._finish, drops
        )
        self._media: Wire[contract.MediaMessage, contract.WorkerMessage] = Wire(
            media, msgspec.msgpack.Decoder(contract.MediaMessage), self._take, self._finish, drops
        )
        self._worker = VideoWorker(
            settings,
            self._threads,
            drawers(settings),
            self._media.send,
            self._control.send,
            loop.call_soon_threadsafe,
            drops,
        )

    async def run(self) -> str:
        """Serve until told to leave, or a wire is lost; gives the reason."""
        pid = os.getpid()
        self._media.send(contract.WorkerHello(contract.VERSION, self._conference, pid))
        self._control.send(contract.Ready(contract.VERSION, pid))
        try:
            return await self._done
        finally:
            if self._ticker is not None:
                self._ticker.stop()
            self._threads.stop()
            self._media.close()
            self._control.close()

    def _command(self, message: contract.ControlMessage) -> None:
        match message:
            case contract.Show(scene=scene):
                self._worker.show(scene)
                self._tick_at(scene.fps)
            case contract.Leave():
                self._finish("leave")
            case _:
                assert_never(message)

    def _take(self, message: contract.MediaMessage) -> None:
        self._worker.take(message)

    def _tick_at(self, fps: int) -> None:
        """So many ticks a second from now on."""
        if fps == self._fps:
            return
        if self._ticker is not None:
            self._ticker.stop()
        self._fps = fps
        self._ticker = Ticker(self._tick, 1 / fps)
        self._ticker.start()

    def _tick(self, tick: Tick, now: float) -> None:
        self._worker.tick(tick, now)
        step = self._worker.step()
        if step and self._ticker is not None:
            self._ticker.move(step)

    def _finish(self, reason: str) -> None:
        if not self._done.done():
            self._done.set_result(reason)


def _tell_fault(fault: Exception) -> None:
    """In a thread."""
    _log.error("video-fault", exc_info=fault)
