"""Keeps: over real sockets, pictures go from legs to the worker of their conference and from it to legs; those who wait
outside are seen by nobody and have a picture all the same; a worker that dies costs no sound."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from bridge.media import contract
from bridge.media.settings import MediaSettings
from bridge.message import Message
from bridge.rtp import rtcp, vp8
from bridge.sdp.transport import PLAIN
from bridge.sdp.video import Content, NegotiatedVideo
from bridge.video.contract import (
    VERSION,
    AccessUnit,
    CloseSink,
    EncodedPicture,
    MediaMessage,
    NeedKeyFrame,
    OpenSink,
    SourceGone,
    WantKeyFrame,
    WorkerHello,
)
from mixer.plan import Plan, Seat
from tests.media.bench_pictures import VIDEO, Camera
from tests.media.local import LocalMedia
from tests.media.ports import free_range
from tests.media.rtp_phone import RtpPhone
from tests.media.test_video_workers import FakeWorker


class VideoPhone(RtpPhone):
    """A phone with a camera, on ports of its own for the pictures."""

    def __init__(self, hz: float, ssrc: int) -> None:
        super().__init__(hz)
        self.camera = Camera(ssrc)
        self.video, self.video_rtcp = (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(2)
        )
        self.video.bind(("127.0.0.1", 0))
        self.video_rtcp.bind(("127.0.0.1", 0))
        self.opened = contract.LegOpened("", "", 0, 0)
        self.films = True
        self.key = True
        self.seen: list[bytes] = []  # packets of pictures
        self.told: list[rtcp.RtcpPacket] = []

    def agreed(self) -> NegotiatedVideo:
        return replace(
            VIDEO,
            remote=self.video.getsockname(),
            remote_rtcp=self.video_rtcp.getsockname(),
            rtcp_mux=False,
            repairs={},
        )

    def film(self) -> None:
        if self.films:
            for packet in self.camera.picture(self.key):
                self.video.sendto(packet, ("127.0.0.1", self.opened.video_port))
            self.key = False
        self.look()

    def look(self) -> None:
        """Take what has come."""
        for sock, keep in ((self.video, self.seen.append), (self.video_rtcp, self._hear)):
            while True:
                try:
                    keep(sock.recv(4096))
                except BlockingIOError:
                    break

    def _hear(self, datagram: bytes) -> None:
        for packet in rtcp.parse_compound(datagram):
            self.told.append(packet)
            if type(packet).__name__ == "PictureLoss":
                self.key = True

    def close(self) -> None:
        super().close()
        self.video.close()
        self.video_rtcp.close()


class Cinema:
    """A media process on this loop, phones and video workers."""

    def __init__(self) -> None:
        first, last = free_range(16)
        self.events: list[contract.Event] = []
        self.media = LocalMedia(
            MediaSettings(port_first=first, port_last=last), self.events.append, lambda _: None
        )
        self.phones: dict[str, VideoPhone] = {}
        self.workers: list[FakeWorker] = []

    async def join(self, leg: str, hz: float = 0.0, conference: str = "1001") -> VideoPhone:
        phone = self.phones[leg] = VideoPhone(hz, 1000 + len(self.phones))
        self.media.place(leg, conference)
        self.media.send(contract.OpenLeg(leg, "127.0.0.1", video=True, conference=conference))
        await self.until(lambda: any(opened.leg == leg for opened in self.told(contract.LegOpened)))
        phone.opened = self.told(contract.LegOpened)[-1]
        phone.calls(phone.opened.port, phone.opened.rtcp_port)
        self.media.send(
            contract.ConfigureLeg(
                leg, phone.audio(), "127.0.0.1", video=phone.agreed(), video_transport=PLAIN
            )
        )
        return phone

    async def worker(self, conference: str = "1001") -> FakeWorker:
        await asyncio.sleep(0.01)
        worker = FakeWorker(self.media.pictures)
        worker.say(WorkerHello(VERSION, conference, 1))
        self.workers.append(worker)
        await asyncio.sleep(0.05)
        return worker

    def plan(self, *seats: Seat, conference: str = "1001") -> None:
        self.media.send(contract.SetPlan(Plan(conference, seats)))

    def told(self, kind: type[Message]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def run(self, seconds: float) -> None:
        """All talk and film for so long."""
        start = time.monotonic()
        for tick in range(round(seconds * 50)):
            await asyncio.sleep(max(0.0, start + tick * 0.02 - time.monotonic()))
            for phone in self.phones.values():
                phone.receive()
                phone.send()
                if tick % 2:
                    phone.film()
        await asyncio.sleep(0.03)
        for phone in self.phones.values():
            phone.receive()
            phone.look()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
async def cinema() -> AsyncIterator[Cinema]:
    cinema = Cinema()
    await cinema.media.start()
    yield cinema
    await cinema.media.stop()
    for phone in cinema.phones.values():
        phone.close()
    for worker in cinema.workers:
        worker.close()


def units(messages: list[MediaMessage]) -> list[AccessUnit]:
    return [message for message in messages if isinstance(message, AccessUnit)]


def picture(*sinks: str, key: bool = True) -> EncodedPicture:
    return EncodedPicture(sinks, key, time.monotonic(), tuple(vp8.payloads(bytes(3000), 1)))


async def test_pictures_go_to_the_worker_and_its_pictures_to_the_legs(cinema: Cinema) -> None:
    worker = await cinema.worker()
    a, b = await cinema.join("a", 400), await cinema.join("b", 700)
    cinema.plan(Seat("a", seen=360), Seat("b", seen=360))
    await cinema.run(0.6)
    got = worker.hear()
    assert {message.sink for message in got if isinstance(message, OpenSink)} == {"a", "b"}
    assert {unit.source for unit in units(got)} == {"a", "b"}
    assert len(units(got)) >= 26
    worker.say(picture("a", "b"), picture("a", key=False))
    await cinema.run(0.3)
    assert (len(a.seen), len(b.seen)) == (6, 3)
    assert (a.heard(20), b.heard(20)) == ([700], [400])
    await cinema.until(lambda: bool(cinema.media.figures) and cinema.media.figures[0].pictures_out == 3)
    figures = cinema.media.figures[0]
    assert figures.pictures_in >= 26 and not figures.drops.get("rtp-payload-type")
    assert {event.leg for event in cinema.told(contract.Seen) if event.on} == {"a", "b"}


async def test_who_waits_is_seen_by_nobody_and_has_a_picture_all_the_same(cinema: Cinema) -> None:
    worker = await cinema.worker()
    await cinema.join("a")
    waiting = await cinema.join("w")
    cinema.plan(Seat("a", seen=360))
    await cinema.run(0.5)
    got = worker.hear()
    assert {unit.source for unit in units(got)} == {"a"}
    worker.say(picture("w"))
    await cinema.run(0.2)
    assert len(waiting.seen) == 3
    cinema.plan(Seat("a", seen=360), Seat("w", seen=360))
    await cinema.run(0.4)
    assert {unit.source for unit in units(worker.hear())} == {"a", "w"}
    cinema.plan(Seat("a", seen=360))
    await cinema.run(0.1)
    assert SourceGone("w") in worker.hear()
    await cinema.run(0.3)
    assert {unit.source for unit in units(worker.hear())} == {"a"}


async def test_a_worker_that_dies_and_comes_back_has_pictures_at_once(cinema: Cinema) -> None:
    worker = await cinema.worker()
    a = await cinema.join("a", 400)
    b = await cinema.join("b", 700)
    cinema.plan(Seat("a", seen=360), Seat("b", seen=360))
    await cinema.run(0.6)
    worker.close()
    await cinema.run(0.5)
    again = await cinema.worker()
    await cinema.run(0.5)
    got = again.hear()
    assert {message.sink for message in got if isinstance(message, OpenSink)} == {"a", "b"}
    assert next(unit.key for unit in units(got) if unit.source == "a")
    assert next(unit.key for unit in units(got) if unit.source == "b")
    again.say(picture("a", "b"))
    await cinema.run(0.2)
    assert len(a.seen) == len(b.seen) == 3
    assert (a.heard(20), b.heard(20)) == ([700], [400])


async def test_wishes_for_key_frames_go_both_ways(cinema: Cinema) -> None:
    worker = await cinema.worker()
    a = await cinema.join("a")
    cinema.plan(Seat("a", seen=360))
    await cinema.run(0.8)
    worker.hear()
    worker.say(NeedKeyFrame("a"))
    cinema.media.send(contract.WantKey("a"))
    await cinema.run(0.3)
    got = worker.hear()
    assert WantKeyFrame("a") in got
    assert sum(unit.key for unit in units(got)) == 1
    assert a.told


async def test_a_leg_takes_its_pictures_along_to_another_conference(cinema: Cinema) -> None:
    first, second = await cinema.worker("1001"), await cinema.worker("1002")
    await cinema.join("a")
    cinema.plan(Seat("a", seen=360))
    await cinema.run(0.3)
    first.hear()
    cinema.media.move("a", "1002")
    await cinema.run(0.3)
    got = first.hear()
    assert CloseSink("a") in got and SourceGone("a") in got
    assert [message.sink for message in second.hear() if isinstance(message, OpenSink)] == ["a"]
    cinema.plan(conference="1001")
    cinema.plan(Seat("a", seen=360), conference="1002")
    await cinema.run(0.4)
    assert units(second.hear())[0].key and not units(first.hear())


async def test_who_has_left_a_conference_gets_no_more_pictures_of_it(cinema: Cinema) -> None:
    """Nor of one whose worker has not heard yet."""
    first, second = await cinema.worker("1001"), await cinema.worker("1002")
    a, b = await cinema.join("a"), await cinema.join("b")
    await cinema.run(0.1)
    cinema.media.move("a", "1002")
    await cinema.run(0.1)
    first.say(picture("a", "b"))
    await cinema.run(0.2)
    assert not a.seen and b.seen
    second.say(picture("a"))
    await cinema.run(0.2)
    assert a.seen


async def test_a_leg_that_closes_ends_its_streams_and_frees_its_ports(cinema: Cinema) -> None:
    worker = await cinema.worker()
    a = await cinema.join("a")
    cinema.plan(Seat("a", seen=360))
    await cinema.run(0.4)
    cinema.media.send(contract.CloseLeg("a"))
    await asyncio.sleep(0.05)
    a.look()
    got = worker.hear()
    assert CloseSink("a") in got and got[-1] == SourceGone("a")
    assert isinstance(a.told[-1], rtcp.Bye)
    (closed,) = cinema.told(contract.LegClosed)
    assert closed.quality.video.frames_received == len(units(got)) > 8
    assert closed.quality.video.codec_received == "VP8"
    assert cinema.told(contract.Seen)[-1] == contract.Seen("a", Content.MAIN, False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", a.opened.video_port))


async def test_sound_goes_without_pictures_where_ports_are_few() -> None:
    first, last = free_range(1)
    events: list[contract.Event] = []
    media = LocalMedia(MediaSettings(port_first=first, port_last=last), events.append, lambda _: None)
    await media.start()
    media.place("a", "1001")
    media.send(contract.OpenLeg("a", "127.0.0.1", video=True, conference="1001"))
    await asyncio.sleep(0.02)
    (opened,) = events
    assert isinstance(opened, contract.LegOpened) and opened.port and not opened.video_port
    await media.stop()
