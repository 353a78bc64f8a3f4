"""What sending pictures costs, a packet, by the way it is done: python -m tests.media.bench_fanout. Thread CPU time.

A hundred sinks of 1.2 Mbit/s: 25 pictures of six packets a second each. Then the same beside ticks of sound, a key
frame for all once in two seconds, while a thread mixes for some milliseconds of each tick: how late the ticks are, and
how late the sound leaves. On a machine that is not quiet run it with a real-time priority, as media processes have
(chrt -r 10).
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import uvloop

from bridge.media.endpoint import batch_sender, sender
from bridge.media.fanout import Fanout
from bridge.media.mixing import Job
from bridge.media.protection import Protection
from bridge.media.transport import Transport
from bridge.media.video_sender import VideoSender
from bridge.media.worker import Worker
from bridge.rtp.batch import Batch
from bridge.rtp.estimate import Estimate
from bridge.sdp.audio import SrtpKey
from bridge.sdp.video import NegotiatedVideo, VideoFormat
from bridge.ticker import Spread, Tick, Ticker
from bridge.video.contract import EncodedPicture
from tests.media.bench_leg import IDENTITY
from tests.media.bench_video import VIDEO

SINKS, PICTURES, ROUNDS = 100, 25, 10
PAYLOADS = (bytes(1180),) * 5 + (bytes(500),)
KEY_PAYLOADS = (bytes(1180),) * 35 + (bytes(500),)
SECONDS = 6


@dataclass(frozen=True)
class Case:
    name: str
    suite: str = "AEAD_AES_128_GCM"
    in_place: bool = True
    segments: bool = True
    video: NegotiatedVideo = VIDEO


KEY_OCTETS = {"AEAD_AES_128_GCM": 28, "AES_CM_128_HMAC_SHA1_80": 30}
CC = replace(VIDEO, transport_cc=True, feedback_id=3, mid="1", mid_id=4)
CASES = (
    Case("one by one", in_place=False, segments=False),
    Case("protected in place", segments=False),
    Case("and cut by the kernel"),
    Case("with transport-wide numbers", video=CC),
    Case("with copies for NACK without RTX", video=replace(VIDEO, send=VideoFormat("VP8", 96))),
    Case("AES-CM, one by one", "AES_CM_128_HMAC_SHA1_80", in_place=False, segments=False),
    Case("AES-CM, in place and cut", "AES_CM_128_HMAC_SHA1_80"),
    Case("plain RTP, one by one", "", in_place=False, segments=False),
    Case("plain RTP, cut", ""),
)


class Way(Transport):
    """From one socket that all share to a socket that nobody reads."""

    def __init__(self, case: Case, ours: socket.socket, theirs: socket.socket, drops: Counter[str]) -> None:
        super().__init__("a", Protection(IDENTITY), 3.0, drops, lambda _: None)
        self._to = theirs.getsockname()
        self._one = sender(ours, drops)
        self._many = batch_sender(ours, drops, case.segments)
        self._in_place = case.in_place
        if case.suite:
            key = SrtpKey(case.suite, bytes(KEY_OCTETS[case.suite]))
            self._protection.configure(replace(VIDEO, srtp_send=key, srtp_receive=key), None, 0.0)

    def _aim(self, *_: Any) -> None:
        pass

    @property
    def protocol(self) -> str:
        return "udp"

    def may_send(self, packets: int = 1) -> bool:
        return True

    def may_report(self) -> bool:
        return True

    def _send(self, datagram: bytes) -> None:
        self._one(datagram, self._to)

    _send_report = _send

    def send_batch(self, batch: Batch) -> None:
        if self._in_place:
            super().send_batch(batch)
            return
        for packet in batch.datagrams():
            self.send_rtp(bytes(packet))

    def _send_batch(self, batch: Batch) -> None:
        self._many(batch, self._to)

    def _path_told(self) -> None:
        return None


class Hall:
    """A hundred sinks."""

    def __init__(self, case: Case) -> None:
        self.ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for end in (self.ours, self.theirs):
            end.bind(("127.0.0.1", 0))
        self.drops: Counter[str] = Counter()
        self.senders = []
        for number in range(SINKS):
            way = Way(case, self.ours, self.theirs, self.drops)
            made = VideoSender(str(number), way, Estimate(0.0), self.drops, tell=lambda _: None)
            made.configure(case.video, 0.0)
            self.senders.append(made)
        self.names = tuple(made.sink for made in self.senders)
        self.now = 0.0

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()

    def show(self, batch: Batch) -> None:
        """Pictures of a second for all, without a loop."""
        for _ in range(PICTURES):
            self.now += 0.04
            picture = EncodedPicture(self.names, self.now < 0.05, self.now, PAYLOADS)
            for made in self.senders:
                made.offer(picture, self.now)
                while made.send(self.now, batch) <= self.now:
                    pass


def costs() -> list[float]:
    """CPU time a packet [us] of each case, the best of all rounds; the cases take turns."""
    halls, batch = [Hall(case) for case in CASES], Batch()
    best = [1e9] * len(halls)
    for _ in range(ROUNDS):
        for index, hall in enumerate(halls):
            begun, before = time.thread_time(), sum(made.packets for made in hall.senders)
            hall.show(batch)
            took = time.thread_time() - begun
            best[index] = min(best[index], took / (sum(made.packets for made in hall.senders) - before))
    for hall in halls:
        hall.close()
    return [1e6 * each for each in best]


class Mixing:
    """A mixer's work: some milliseconds of numpy in a thread of its own."""

    def __init__(self) -> None:
        self._frames = [np.full(960, 0.1, np.float32) for _ in range(60)]
        self.late = Spread(50 * SECONDS)
        self._worker = Worker(self, self._done)  # type: ignore[arg-type]
        self._given = 0.0

    @property
    def busy(self) -> bool:
        return self._worker.busy

    def give(self, now: float) -> None:
        if not self.busy:
            self._given = now
            self._worker.give(Job([], []))

    def tick(self, _: object) -> None:
        for _ in range(12):
            total = np.zeros(960, np.float32)
            for frame in self._frames:
                total += frame
            for frame in self._frames:
                (total - frame).clip(-1.0, 1.0)

    def _done(self, *_: object) -> None:
        self.late.add(time.monotonic() - self._given)

    def stop(self) -> None:
        self._worker.stop()


async def beside(case: Case | None, heeds: bool = True) -> str:
    """Ticks of sound with the pictures beside them. `heeds`: the fan-out knows when the mixer works."""
    late, skipped, packets = Spread(50 * SECONDS), 0, 0
    mixing = Mixing()

    def on_tick(tick: Tick, now: float) -> None:
        nonlocal skipped
        late.add(tick.late)
        skipped += tick.skipped
        mixing.give(now)

    ticker = Ticker(on_tick)
    ticker.start()
    cpu = time.thread_time()
    if case is None:
        await asyncio.sleep(SECONDS)
    else:
        hall = Hall(case)
        fanout = Fanout(hall.drops, next_tick=lambda: ticker.due, mixing=lambda: heeds and mixing.busy)
        for made in hall.senders:
            fanout.add(made)
        start = time.monotonic()
        for number in range(SECONDS * PICTURES):
            await asyncio.sleep(max(0.0, start + number / PICTURES - time.monotonic()))
            now, key = time.monotonic(), number % (2 * PICTURES) == 0
            fanout.give(EncodedPicture(hall.names, key, now, KEY_PAYLOADS if key else PAYLOADS), now)
        packets = sum(made.packets for made in hall.senders)
        fanout.stop()
        hall.close()
    share = (time.thread_time() - cpu) / SECONDS
    ticker.stop()
    mixing.stop()
    told = [f"{1e3 * late.percentile(at):.2f}" for at in (0.5, 0.99)]
    mixed = [f"{1e3 * mixing.late.percentile(at):.2f}" for at in (0.5, 0.99)]
    return (
        f"{packets // SECONDS:6} packets/s  {share:5.1%} of a core  late {' / '.join(told)} ms, {skipped} skipped"
        f"  sound after {' / '.join(mixed)} ms"
    )


def main() -> None:
    """Print it all."""
    for case, cost in zip(CASES, costs(), strict=True):
        print(f"{case.name:34} {cost:5.2f} us a packet")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print("sound alone                       ", runner.run(beside(None)))
        print("one by one                        ", runner.run(beside(CASES[0], heeds=False)))
        print("in place and cut                  ", runner.run(beside(CASES[2], heeds=False)))
        print("and only while the mixer rests    ", runner.run(beside(CASES[2])))


if __name__ == "__main__":
    main()
