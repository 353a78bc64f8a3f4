"""A conference that is watched has one worker, which is back soon after it dies, and leaves after the last watcher."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bridge.message import Message
from bridge.sdp.video import VideoLimits
from bridge.video import contract, pool
from bridge.video.pool import VideoPool
from bridge.video.settings import VideoSettings
from bridge.wire import Wire, prepare
from mixer.scene import Card, Scene, View
from tests.video.clips import stream, unit
from tests.video.control_room import faces, scene


class Media:
    """Plays a media process: workers find it, say hello, and give it pictures."""

    def __init__(self) -> None:
        self.heard: list[contract.WorkerMessage] = []
        self.drops: Counter[str] = Counter()
        self.wires: list[Wire[contract.WorkerMessage, contract.MediaMessage]] = []
        self._news = asyncio.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(b"\0" + os.urandom(8).hex().encode())
        self._listener.listen()
        self._listener.setblocking(False)
        self.name = self._listener.getsockname()[1:].decode()
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        end, _ = self._listener.accept()
        prepare(end)
        decoder: msgspec.msgpack.Decoder[contract.WorkerMessage] = msgspec.msgpack.Decoder(
            contract.WorkerMessage
        )
        self.wires.append(Wire(end, decoder, self._hear, lambda why: None, self.drops))

    def _hear(self, message: contract.WorkerMessage) -> None:
        self.heard.append(message)
        self._news.set()

    def told(self, kind: type[Message]) -> int:
        """How many messages of a kind came."""
        return sum(isinstance(message, kind) for message in self.heard)

    async def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for messages, and look at least ten times a second, until the condition holds."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                try:
                    await asyncio.wait_for(self._news.wait(), 0.1)
                except TimeoutError:
                    continue

    def close(self) -> None:
        """Go away."""
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        for one in self.wires:
            one.close()


WATCHED = scene(View("1:0", faces("a")), x=0)


@pytest.fixture
async def media() -> AsyncIterator[Media]:
    made = Media()
    yield made
    made.close()


@pytest.fixture
async def video(media: Media) -> AsyncIterator[VideoPool]:
    made = VideoPool(VideoSettings(nice=0), 1, lambda conference: media.name)
    await made.start()
    yield made
    await made.stop()


async def test_a_worker_comes_makes_pictures_and_is_back_after_it_was_killed(
    media: Media, video: VideoPool
) -> None:
    video.show(WATCHED)
    await media.until(lambda: media.told(contract.WorkerHello) == 1)
    clip = stream("VP8", 320, 180, 10)
    for _ in range(2):
        media.wires[-1].send(contract.OpenSink("x", "VP8", 0, VideoLimits(), 600_000))
        media.wires[-1].send(unit("a", "VP8", clip[0], time.monotonic()))
        media.heard.clear()
        await media.until(lambda: media.told(contract.EncodedPicture) > 2)
        first = next(message for message in media.heard if isinstance(message, contract.EncodedPicture))
        assert first.key and first.sinks == ("x",)
        media.heard.clear()
        os.kill(video.pids["42"], signal.SIGKILL)
        await media.until(lambda: media.told(contract.WorkerHello) == 1)
    assert video.restarts["closed"] == 2


async def test_the_worker_leaves_some_time_after_the_last_watcher(
    media: Media, video: VideoPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LINGER_S", 0.05)
    video.show(WATCHED)
    await media.until(lambda: bool(video.pids))
    pid = video.pids["42"]
    video.show(scene(View("1:0", faces("a"))))
    await media.until(lambda: not video.pids and not _lives(pid))
    assert not video.restarts
    video.show(WATCHED)
    await media.until(lambda: bool(video.pids))


async def test_there_are_no_more_than_the_most_and_who_waits_gets_the_next_place(
    media: Media, video: VideoPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LINGER_S", 0.05)
    other = Scene("43", WATCHED.views, WATCHED.watchers)
    video.show(WATCHED)
    video.show(other)
    video.show(other)
    assert video.refused == 1
    await media.until(lambda: "42" in video.pids)
    video.show(scene())
    await media.until(lambda: "43" in video.pids)


async def test_who_shows_people_goes_before_who_shows_cards(
    media: Media, video: VideoPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LINGER_S", 0.05)
    door = Scene("43", (View(card=Card.WAITING_FOR_HOST),), {"y": 0})
    video.show(door)
    await media.until(lambda: "43" in video.pids)
    video.show(replace(door, conference="44"))
    video.show(WATCHED)
    await media.until(lambda: "42" in video.pids)
    assert list(video.pids) == ["42"] and not video.restarts
    video.show(replace(door, language="nb"))
    assert video.refused == 3, "each conference that has none is counted once"
    video.show(scene())
    await media.until(lambda: "44" in video.pids)
    video.show(replace(WATCHED, conference="43"))
    await media.until(lambda: "43" in video.pids)


async def test_a_room_that_shows_people_no_more_makes_room_for_one_that_does(
    media: Media, video: VideoPool
) -> None:
    video.show(WATCHED)
    video.show(replace(WATCHED, conference="43"))
    await media.until(lambda: "42" in video.pids)
    video.show(replace(WATCHED, views=(View(card=Card.ENDED),)))
    await media.until(lambda: "43" in video.pids)


async def test_a_worker_follows_its_conference_to_another_media_process(media: Media) -> None:
    places = [None, media.name]
    video = VideoPool(VideoSettings(nice=0), 1, lambda conference: places[0])
    await video.start()
    video.show(WATCHED)
    await asyncio.sleep(0)
    assert not video.pids
    places[0] = media.name
    await media.until(lambda: media.told(contract.WorkerHello) == 1)
    await media.until(lambda: bool(video.pids))
    other = Media()
    places[0] = other.name
    video.media_lost()
    await other.until(lambda: other.told(contract.WorkerHello) == 1)
    assert not video.restarts
    await video.stop()
    other.close()


async def test_a_worker_that_says_nothing_is_replaced(
    media: Media, video: VideoPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHECK_S", 0.3)
    monkeypatch.setattr(pool, "READY_S", 10)
    video.show(WATCHED)
    await media.until(lambda: bool(video.pids))
    pid = video.pids["42"]
    os.kill(pid, signal.SIGSTOP)
    await media.until(lambda: video.restarts["not-answering"] == 1)
    await media.until(lambda: video.pids.get("42", pid) != pid)
    assert not _lives(pid)


async def test_no_worker_outlives_control(media: Media) -> None:
    control = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CONTROL, media.name, stdout=asyncio.subprocess.PIPE
    )
    assert control.stdout is not None
    pid = int(await control.stdout.readline())
    assert _lives(pid)
    control.kill()
    await control.wait()
    await media.until(lambda: not _lives(pid))


_CONTROL = """
import asyncio, sys
from bridge.video.pool import VideoPool
from bridge.video.settings import VideoSettings
from mixer.scene import Face, Scene, View

async def main():
    pool = VideoPool(VideoSettings(), 1, lambda conference: sys.argv[1])
    await pool.start()
    pool.show(Scene("42", (View("1:0", (Face("a"),)),), {"x": 0}))
    while not pool.pids:
        await asyncio.sleep(0.02)
    print(pool.pids["42"], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def _lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked after since it died does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(") ", 1)[1][0] != "Z"
