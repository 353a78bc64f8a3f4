"""All sinks get their pictures in turn, a little at a time, and a tick of sound is never kept waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import inf

from bridge.media.fanout import GUARD_S, PATIENCE_S, SLICE_S, Fanout
from bridge.media.video_sender import VideoSender
from bridge.rtp.estimate import Estimate
from bridge.video.contract import EncodedPicture
from tests.faketime import run
from tests.media.bench_video import VIDEO, OpenWay, cut


class Hall:
    """Many sinks. Each look at the clock takes `cost` seconds, so work takes time."""

    def __init__(self, sinks: int, cost: float = 0.000_1) -> None:
        self.cost = cost
        self.spent = 0.0
        self.ticks: list[float] = []
        self.looks: list[float] = []
        self.drops: Counter[str] = Counter()
        self.faults: list[str] = []
        self.loop = asyncio.get_running_loop()
        self.mixing = False
        self.fanout = Fanout(
            self.drops,
            next_tick=self.next_tick,
            mixing=lambda: self.mixing,
            fail=self.fail,
            clock=self.clock,
        )
        self.names = tuple(f"leg{number}" for number in range(sinks))
        self.ways = {name: OpenWay(self.drops) for name in self.names}
        for name, way in self.ways.items():
            sender = VideoSender(name, way, Estimate(1000.0), self.drops, tell=lambda _: None)
            sender.configure(VIDEO, 1000.0)
            self.fanout.add(sender)

    def clock(self) -> float:
        self.spent += self.cost
        now = self.loop.time() + self.spent
        self.looks.append(now)
        return now

    def next_tick(self) -> float:
        now = self.loop.time() + self.spent
        return min((tick for tick in self.ticks if tick > now), default=inf)

    def fail(self, sink: str, fault: Exception) -> None:
        self.faults.append(sink)

    def give(self, payloads: int, key: bool = False) -> None:
        now = self.loop.time() + self.spent
        self.fanout.give(EncodedPicture((*self.names, "gone"), key, now, tuple(cut(payloads))), now)

    @property
    def sent(self) -> list[int]:
        return [len(way.rtp) for way in self.ways.values()]


def test_every_sink_gets_the_picture() -> None:
    async def show() -> None:
        hall = Hall(100)
        hall.give(5, key=True)
        await asyncio.sleep(0.5)
        assert hall.sent == [5] * 100
        assert hall.fanout.pictures == 100
        hall.fanout.stop()

    run(show())


def test_work_is_done_in_slices_and_in_turn() -> None:
    async def show() -> None:
        hall = Hall(100)
        hall.give(20, key=True)
        turns = 0
        while min(hall.sent) < 8:
            before = hall.spent
            await asyncio.sleep(0)
            turns += 1
            assert hall.spent - before < 2 * SLICE_S
            if min(hall.sent) == 0:
                assert max(hall.sent) <= 8  # nobody's second burst before everybody's first
        assert turns > 5
        await asyncio.sleep(0.1)
        assert hall.sent == [20] * 100
        hall.fanout.stop()

    run(show())


def test_no_work_begins_shortly_before_a_tick() -> None:
    async def show() -> None:
        hall = Hall(50)
        hall.ticks = [1000.0 + 0.02 * number for number in range(100)]
        for number in range(10):
            hall.give(10, key=not number)
            await asyncio.sleep(0.04)
        assert hall.sent == [100] * 50
        for before, after in zip(hall.looks, hall.looks[1:], strict=False):
            if after - before < 2 * hall.cost:  # within one slice
                assert not any(before < tick - GUARD_S / 2 and after > tick for tick in hall.ticks)
        hall.fanout.stop()

    run(show())


def test_the_mixer_is_left_in_peace_but_not_for_ever() -> None:
    async def show() -> None:
        hall = Hall(3)
        hall.mixing = True
        hall.give(2, key=True)
        await asyncio.sleep(0.01)
        assert hall.sent == [0, 0, 0]
        hall.mixing = False
        await asyncio.sleep(0.002)
        assert hall.sent == [2, 2, 2]
        hall.mixing = True
        hall.give(2)
        await asyncio.sleep(2 * PATIENCE_S)
        assert hall.sent == [4, 4, 4]
        hall.fanout.stop()

    run(show())


def test_a_sink_that_fails_costs_itself() -> None:
    async def show() -> None:
        hall = Hall(3)

        def broken(packets: int = 1) -> bool:
            raise RuntimeError("broken")

        hall.ways["leg1"].may_send = broken  # type: ignore[method-assign]
        hall.give(2, key=True)
        await asyncio.sleep(0.1)
        hall.give(2)
        await asyncio.sleep(0.1)
        assert hall.sent == [4, 0, 4]
        assert hall.faults == ["leg1"]
        assert hall.drops["fanout-fault"] == 1
        hall.fanout.stop()

    run(show())


def test_payloads_that_fit_no_packet_are_dropped() -> None:
    async def show() -> None:
        hall = Hall(1)
        hall.fanout.give(EncodedPicture(hall.names, True, 0.0, (bytes(1_500),)), 0.0)
        await asyncio.sleep(0.1)
        assert hall.sent == [0]
        assert hall.drops["picture-too-long"] == 1
        hall.fanout.stop()

    run(show())


def test_who_is_removed_gets_nothing_more() -> None:
    async def show() -> None:
        hall = Hall(2)
        hall.give(40, key=True)
        await asyncio.sleep(0.01)
        hall.fanout.remove("leg0")
        sent = hall.sent[0]
        await asyncio.sleep(0.5)
        hall.give(1, key=True)
        await asyncio.sleep(0.1)
        assert hall.sent == [sent, 41]
        hall.fanout.stop()

    run(show())
