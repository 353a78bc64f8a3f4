"""The video workers that this process serves: they come along an abstract Unix socket, one connection each.

What comes of a source that its worker does not take in time is dropped, up to the source's next key frame: the queue to
a worker never grows long, so that its pictures are never late.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import msgspec

from bridge import wire
from bridge.log import logger
from bridge.video.contract import (
    VERSION,
    AccessUnit,
    EncodedPicture,
    MediaMessage,
    NeedKeyFrame,
    WorkerHello,
    WorkerMessage,
)

MOST_WAITING = 48  # messages that a worker has not taken; what comes then of sources is dropped
MOST_STRANGERS = 8  # connections that have not said whose worker they are; one more, and the oldest is closed
_BACKLOG = 16
REST_S = 1.0  # after a connection could not be accepted
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid

_log = logger("media")


class Audience(Protocol):
    """Who is told of workers."""

    def worker_came(self, conference: str) -> None:
        """A conference has a worker now, or another one: it knows of no sink, and of no source."""
        ...

    def worker_left(self, conference: str) -> None:
        """It has none any more."""
        ...

    def encoded(self, conference: str, picture: EncodedPicture) -> None:
        """A picture of a conference's worker, for sinks."""
        ...

    def key_needed(self, conference: str, source: str) -> None:
        """A source cannot be decoded before its next key frame."""
        ...


class _Worker:
    """One connection. `conference`: "" before it has said whose it is."""

    def __init__(
        self,
        end: socket.socket,
        on_message: Callable[[_Worker, WorkerMessage], None],
        on_lost: Callable[[_Worker, str], None],
        drops: Counter[str],
    ) -> None:
        self.conference = ""
        decoder: msgspec.msgpack.Decoder[WorkerMessage] = msgspec.msgpack.Decoder(WorkerMessage)
        self.wire: wire.Wire[WorkerMessage, MediaMessage] = wire.Wire(
            end, decoder, lambda message: on_message(self, message), lambda why: on_lost(self, why), drops
        )


class VideoWorkers:
    """Listens on the running loop. `name`: of the socket, in the abstract namespace. `drops` counts by name.

    `pictures`: access units given to workers since the start.
    """

    def __init__(self, audience: Audience, drops: Counter[str]) -> None:
        self._audience = audience
        self._drops = drops
        self._loop = asyncio.get_running_loop()
        self._workers: dict[str, _Worker] = {}  # by conference
        self._strangers: list[_Worker] = []  # bounded by MOST_STRANGERS
        self.pictures = 0
        self.name = f"samrom-pictures-{secrets.token_hex(12)}"
        self._listener = socket.socket(
            socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        self._listener.bind("\0" + self.name)
        self._listener.listen(_BACKLOG)
        self._rest: asyncio.TimerHandle | None = None
        self._listen()

    def _listen(self) -> None:
        self._rest = None
        self._loop.add_reader(self._listener, self._accept)

    def stop(self) -> None:
        """Listen no more, and let all workers go."""
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for worker in [*self._strangers, *self._workers.values()]:
            worker.wire.close()
        self._strangers.clear()
        self._workers.clear()

    def serves(self, conference: str) -> bool:
        """Whether a conference has a worker."""
        return conference in self._workers

    # -- out -----------------------------------------------------------------------------------------------------------

    def give(self, conference: str, unit: AccessUnit) -> bool:
        """Give a picture to the worker of a conference. False: it is dropped, and so must be all that refers to it."""
        worker = self._workers.get(conference)
        if worker is None:
            self._drops["worker-absent"] += 1
            return False
        if worker.wire.waiting >= MOST_WAITING:
            self._drops["worker-behind"] += 1
            return False
        if len(unit.octets) > wire.MAX_MESSAGE_BYTES - 1_000:
            self._drops["picture-too-long"] += 1
            return False
        worker.wire.send(unit)
        self.pictures += 1
        return True

    def tell(self, conference: str, message: MediaMessage) -> None:
        """Tell the worker of a conference, if there is one."""
        worker = self._workers.get(conference)
        if worker is not None:
            worker.wire.send(message)

    # -- in ------------------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            end, _ = self._listener.accept()
        except BlockingIOError:  # it is gone again
            return
        except OSError:  # no files left: asked again at once it would say so again, and hold up the sound
            self._drops["worker-not-accepted"] += 1
            self._loop.remove_reader(self._listener)
            self._rest = self._loop.call_later(REST_S, self._listen)
            return
        self.take_in(end)

    def take_in(self, end: socket.socket) -> None:
        """One more connection, which is closed unless it is another process of our own user."""
        credentials = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        if _CREDENTIALS.unpack(credentials)[1] != os.getuid():
            self._drops["worker-refused"] += 1
            end.close()
            return
        wire.prepare(end)
        if len(self._strangers) >= MOST_STRANGERS:
            self._drops["worker-silent"] += 1
            self._strangers.pop(0).wire.close()
        self._strangers.append(_Worker(end, self._hear, self._lose, self._drops))

    def _hear(self, worker: _Worker, message: WorkerMessage) -> None:
        match message:
            case WorkerHello():
                self._greet(worker, message)
            case EncodedPicture() if worker.conference:
                self._audience.encoded(worker.conference, message)
            case NeedKeyFrame() if worker.conference:
                self._audience.key_needed(worker.conference, message.source)
            case _:
                self._drops["worker-unknown"] += 1

    def _greet(self, worker: _Worker, hello: WorkerHello) -> None:
        if worker not in self._strangers:  # it has said so before
            self._drops["worker-unknown"] += 1
            return
        self._strangers.remove(worker)
        if hello.version != VERSION or not hello.conference:
            self._drops["worker-version"] += 1
            worker.wire.close()
            return
        before = self._workers.pop(hello.conference, None)
        if before is not None:
            before.wire.close()
        worker.conference = hello.conference
        self._workers[hello.conference] = worker
        self._audience.worker_came(hello.conference)

    def _lose(self, worker: _Worker, why: str) -> None:
        if worker in self._strangers:
            self._strangers.remove(worker)
        elif self._workers.get(worker.conference) is worker:
            del self._workers[worker.conference]
            self._drops["worker-lost"] += 1
            _log.warning("video-worker-lost", reason=why)
            self._audience.worker_left(worker.conference)
