"""What a video worker costs: `python -m tests.video.bench [SENDERS HEIGHT CODEC OUT] ...`; without them, all cases.

In process, real threads and ticks; made streams come in at 25 a second each, at phases of their own, through the wires'
messages but not through sockets. Prints cores, pictures a second of the slowest view, and the worker's delay.
`OUT` is the codec of who watches; `+N` behind it adds N who only watch.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter

import uvloop

from bridge.sdp.video import VideoLimits
from bridge.ticker import Tick, Ticker
from bridge.video.contract import EncodedPicture, OpenSink, VideoFigures, WorkerEvent, WorkerMessage
from bridge.video.drawers import drawers
from bridge.video.settings import VideoSettings
from bridge.video.worker import VideoWorker
from bridge.video.workshop import Threads
from mixer.scene import Face, Scene, View
from tests.video.clips import FPS, stream, unit

WARM_S, RUN_S = 3.0, 6.0
LAYOUTS = {4: "4:0", 9: "9:0", 25: "25:0", 1: "1:0"}


def scene(senders: int, extra: int, own: bool) -> Scene:
    """All senders on stage; each sees the others, or all see all."""
    faces = [Face(f"leg{number}", f"Name {number}") for number in range(senders)]
    layout = LAYOUTS[senders]
    views = [View(layout, tuple(faces))]
    watchers = {f"extra{number}": 0 for number in range(extra)}
    for number, face in enumerate(faces):
        if own and senders > 1:
            others = tuple(one for one in faces if one is not face)
            views.append(View(layout, others, common=0))
            watchers[f"leg{number}"] = len(views) - 1
        else:
            watchers[f"leg{number}"] = 0
    return Scene("bench", tuple(views), watchers)


async def run(senders: int, height: int, codec: str, out: str, own: bool = True) -> str:
    """One case, as a line of text."""
    out, _, extra = out.partition("+")
    settings = VideoSettings()
    told: list[VideoFigures] = []
    given: Counter[str] = Counter()

    def control(event: WorkerEvent) -> None:
        if isinstance(event, VideoFigures):
            told.append(event)

    def media(message: WorkerMessage) -> None:
        if isinstance(message, EncodedPicture):
            given["pictures"] += 1
            given["octets"] += sum(map(len, message.payloads))

    loop = asyncio.get_running_loop()
    threads = Threads(settings.threads, lambda fault: print(repr(fault), file=sys.stderr))
    worker = VideoWorker(
        settings, threads, drawers(settings), media, control, loop.call_soon_threadsafe, Counter()
    )
    worker.show(scene(senders, int(extra or 0), own))
    for sink in worker.scene.watchers:
        worker.take(OpenSink(sink, out, 1, VideoLimits(), 1_200_000))
    rate = {360: 500_000, 720: 1_500_000, 180: 150_000}[height]
    clips = [stream(codec, height * 16 // 9, height, 50, seed, rate) for seed in range(min(senders, 4))]

    def on_tick(tick: Tick, now: float) -> None:
        worker.tick(tick, now)
        ticker.move(worker.step())

    ticker = Ticker(on_tick, 1 / FPS)
    start = loop.time() + 0.1

    async def send(number: int) -> None:
        clip = clips[number % len(clips)]
        phase = (number * 0.618) % 1 / FPS
        for count in range(int((WARM_S + RUN_S) * FPS)):
            await asyncio.sleep(max(0, start + phase + count / FPS - loop.time()))
            worker.take(unit(f"leg{number}", codec, clip[count % len(clip)], time.monotonic()))

    ticker.start()
    tasks = [asyncio.create_task(send(number)) for number in range(senders)]
    await asyncio.sleep(start + WARM_S - loop.time())
    told.clear()
    given.clear()
    cpu, wall = time.process_time(), loop.time()
    await asyncio.gather(*tasks)
    cpu, wall = time.process_time() - cpu, loop.time() - wall
    ticker.stop()
    threads.stop()
    last = told[-1]
    fps = min(one.fps for one in told[1:])
    p50, p99 = sorted(one.delay_ms_p50 for one in told)[len(told) // 2], max(one.delay_ms_p99 for one in told)
    kind = f"{senders:2d} x {height}p {codec:4s} -> {out}{'+' + extra if extra else ''} {'own' if own else 'one'}"
    return (
        f"{kind}: {cpu / wall:.2f} cores, {fps:.1f} fps, delay {p50:.0f}/{p99:.0f} ms, busy {last.busy:.2f}, "
        f"short {last.shortness}, encoders {last.encoders}, skipped {last.ticks_skipped}, "
        f"{given['octets'] * 8 / wall / 1000:.0f} kbit/s, {last.drops}"
    )


def main() -> None:
    """All cases that are asked for."""
    cases = [tuple(sys.argv[at : at + 4]) for at in range(1, len(sys.argv), 4)] or [
        (str(n), str(h), c, c) for n in (4, 9, 25) for h in (360, 720) for c in ("H264", "VP8")
    ]
    for senders, height, codec, out in cases:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(runner.run(run(int(senders), int(height), codec, out)), flush=True)


if __name__ == "__main__":
    main()
