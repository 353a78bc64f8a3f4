"""Keeps: video workers find the media process by its socket, get what is theirs, and may die or lag at no one else's
cost."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from bridge import wire
from bridge.media import video_workers
from bridge.media.video_workers import MOST_STRANGERS, MOST_WAITING, VideoWorkers
from bridge.video.contract import (
    VERSION,
    AccessUnit,
    CloseSink,
    EncodedPicture,
    MediaMessage,
    NeedKeyFrame,
    SourceGone,
    WorkerHello,
    WorkerMessage,
)

UNIT = AccessUnit("a", "VP8", True, 1.0, 1.0, 0, 640, 360, bytes(1000))
PICTURE = EncodedPicture(("a", "b"), True, 1.0, (b"one", b"two"))


class Studio:
    """Who is told of workers."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def worker_came(self, conference: str) -> None:
        self.told.append(("came", conference))

    def worker_left(self, conference: str) -> None:
        self.told.append(("left", conference))

    def encoded(self, conference: str, picture: EncodedPicture) -> None:
        self.told.append(picture)

    def key_needed(self, conference: str, source: str) -> None:
        self.told.append((conference, source))


class FakeWorker:
    """A video worker's end of the socket."""

    def __init__(self, name: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect("\0" + name)
        self.sock.setblocking(False)

    def say(self, *messages: WorkerMessage) -> None:
        for message in messages:
            self.sock.send(msgspec.msgpack.encode(message))

    def hear(self) -> list[MediaMessage]:
        got: list[MediaMessage] = []
        while True:
            try:
                octets = self.sock.recv(wire.MAX_MESSAGE_BYTES)
            except BlockingIOError:
                return got
            if not octets:
                raise EOFError
            got.append(msgspec.msgpack.decode(octets, type=MediaMessage))

    def close(self) -> None:
        self.sock.close()


class Bench:
    def __init__(self) -> None:
        self.studio = Studio()
        self.drops: Counter[str] = Counter()
        self.workers = VideoWorkers(self.studio, self.drops)
        self.made: list[FakeWorker] = []

    async def worker(self, conference: str = "1001", version: int = VERSION) -> FakeWorker:
        made = FakeWorker(self.workers.name)
        self.made.append(made)
        if conference:
            made.say(WorkerHello(version, conference, 1))
        await self.turns()
        return made

    async def turns(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.workers.stop()
    for worker in bench.made:
        worker.close()


async def test_a_worker_gets_what_is_its_conference_s(bench: Bench) -> None:
    first, second = await bench.worker("1001"), await bench.worker("1002")
    assert bench.studio.told == [("came", "1001"), ("came", "1002")]
    assert bench.workers.give("1001", UNIT)
    bench.workers.tell("1002", CloseSink("b"))
    assert first.hear() == [UNIT] and second.hear() == [CloseSink("b")]
    assert bench.workers.serves("1001") and not bench.workers.serves("1003")
    assert not bench.workers.give("1003", UNIT)
    assert bench.drops == {"worker-absent": 1} and bench.workers.pictures == 1


async def test_what_a_worker_says_is_told_on(bench: Bench) -> None:
    worker = await bench.worker()
    worker.say(PICTURE, NeedKeyFrame("a"))
    await bench.turns()
    assert bench.studio.told[1:] == [PICTURE, ("1001", "a")]


async def test_who_has_not_said_who_he_is_says_nothing(bench: Bench) -> None:
    worker = await bench.worker("")
    worker.say(PICTURE, NeedKeyFrame("a"))
    await bench.turns()
    assert not bench.studio.told and bench.drops == {"worker-unknown": 2}
    worker.say(WorkerHello(VERSION, "1001", 1), WorkerHello(VERSION, "1002", 1))
    await bench.turns()
    assert bench.studio.told == [("came", "1001")] and bench.drops["worker-unknown"] == 3


async def test_the_newest_worker_takes_the_place_of_the_one_before(bench: Bench) -> None:
    old = await bench.worker()
    new = await bench.worker()
    assert bench.studio.told == [("came", "1001"), ("came", "1001")]
    bench.workers.give("1001", UNIT)
    assert new.hear() == [UNIT]
    with pytest.raises(EOFError):
        old.hear()
    await bench.turns()
    assert bench.workers.serves("1001")


async def test_the_death_of_a_worker_is_told_at_once(bench: Bench) -> None:
    worker = await bench.worker()
    worker.close()
    await bench.turns()
    assert bench.studio.told == [("came", "1001"), ("left", "1001")]
    assert not bench.workers.give("1001", UNIT)


async def test_nonsense_costs_the_worker_that_says_it(bench: Bench) -> None:
    worker, other = await bench.worker("1001"), await bench.worker("1002")
    worker.sock.send(b"\xc1nonsense")
    await bench.turns()
    assert ("left", "1001") in bench.studio.told and bench.workers.serves("1002")
    assert other.hear() == []


async def test_another_version_is_not_served(bench: Bench) -> None:
    worker = await bench.worker(version=VERSION + 1)
    assert not bench.studio.told and bench.drops == {"worker-version": 1}
    with pytest.raises(EOFError):
        worker.hear()


async def test_a_worker_that_does_not_read_is_given_no_more(bench: Bench) -> None:
    worker = await bench.worker()
    unit = msgspec.structs.replace(UNIT, octets=bytes(100_000))
    for _ in range(MOST_WAITING + 60):
        bench.workers.give("1001", unit)
    assert bench.drops["worker-behind"] > 10
    taken = bench.workers.pictures
    got = 0
    while got < taken:
        got += len(worker.hear())
        await bench.turns()
    assert bench.workers.give("1001", UNIT)
    assert worker.hear() == [UNIT]


async def test_a_picture_longer_than_a_message_is_dropped(bench: Bench) -> None:
    await bench.worker()
    assert not bench.workers.give("1001", msgspec.structs.replace(UNIT, octets=bytes(400_000)))
    assert bench.drops == {"picture-too-long": 1} and bench.workers.serves("1001")


async def test_strangers_are_few_and_others_users_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(MOST_STRANGERS + 2):
        await bench.worker("")
    assert bench.drops == {"worker-silent": 2}
    monkeypatch.setattr("os.getuid", lambda: 12_345)
    refused = await bench.worker()
    assert bench.drops["worker-refused"] == 1 and not bench.studio.told
    with pytest.raises((EOFError, ConnectionResetError)):
        refused.hear()


async def test_a_worker_in_this_process_is_a_worker_too(bench: Bench) -> None:
    ours, theirs = wire.pair()
    bench.workers.take_in(ours)
    theirs.send(msgspec.msgpack.encode(WorkerHello(VERSION, "1001", 1)))
    await bench.turns()
    bench.workers.tell("1001", SourceGone("a"))
    assert msgspec.msgpack.decode(theirs.recv(1000), type=SourceGone) == SourceGone("a")
    theirs.close()


async def test_without_files_left_the_loop_is_not_held_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_workers, "REST_S", 0.02)
    late = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    spare = os.dup(late.fileno())
    os.close(spare)  # the number of the next file
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
    try:
        late.connect("\0" + bench.workers.name)
        late.send(msgspec.msgpack.encode(WorkerHello(VERSION, "1001", 1)))
        await bench.turns()
        assert bench.drops["worker-not-accepted"] == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    async with asyncio.timeout(5):
        while not bench.workers.serves("1001"):
            await asyncio.sleep(0.01)
    late.close()
