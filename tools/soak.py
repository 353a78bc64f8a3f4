"""Lets people come and go for a long time, and looks what the bridge's processes hold on to: memory, files, threads.

Some calls are always up, spread over rooms and codecs, all talking; every few seconds the oldest hangs up and another
one begins. The bridge is a fresh one on loopback. The table has a line for each look; the last lines tell, for each
process, how its memory grew after the warm-up: the slope of a straight line through the looks, and how sure it is.
"""

from __future__ import annotations

import argparse
import itertools
import math
import select
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tools.bench.server import Server
from tools.load import processes, speech
from tools.load.calls import Call, Caller
from tools.load.member import State
from tools.load.speech import Codec, Loop
from tools.load.stream import PhoneStream

_FRAME_S = 0.02
_VOICES = 4
_LEAVE_S = 10.0  # a call that hangs up has so long to be answered


@dataclass(slots=True)
class Visit:
    """One call on its way from INVITE to BYE."""

    call: Call
    caller: Caller
    stream: PhoneStream


class Visitors:
    """All calls there are: who is up, oldest first, and who is leaving. Rooms and codecs come in turn."""

    def __init__(self, uris: Sequence[str]) -> None:
        self.begun = self.failed = self.hung_up_on = 0
        self._callers = [
            (caller, codec)
            for codec, uri in itertools.product(Codec, uris)
            for caller in [Caller(uri, codec, on_up=self._up, on_over=self._over)]
        ]
        self._turns = itertools.cycle(self._callers)
        self._loops: dict[Codec, list[Loop]] = {
            codec: [speech.encode(speech.voice(number), codec) for number in range(_VOICES)]
            for codec in Codec
        }
        self._up_now: deque[Visit] = deque()
        self._visits: dict[str, Visit] = {}
        self._poll = select.epoll()
        for caller, _ in self._callers:
            self._poll.register(caller, select.EPOLLIN)
        self._by_file: dict[int, Caller | PhoneStream] = {
            caller.fileno(): caller for caller, _ in self._callers
        }
        self._due = time.monotonic()

    @property
    def up(self) -> int:
        """How many are in a call."""
        return len(self._up_now)

    def begin(self) -> None:
        """One more calls."""
        caller, codec = next(self._turns)
        loops = self._loops[codec]
        stream = PhoneStream(codec, loops[self.begun % len(loops)], 0, listens=False)
        self._by_file[stream.fileno()] = stream
        self._poll.register(stream, select.EPOLLIN)
        call = Call(self.begun, port=stream.port)
        self.begun += 1
        caller.invite(call, time.monotonic())
        self._visits[call.id] = Visit(call, caller, stream)

    def end_oldest(self) -> None:
        """The one who has talked longest hangs up."""
        if self._up_now:
            visit = self._up_now.popleft()
            visit.caller.bye(visit.call, time.monotonic())

    def spin(self, until: float) -> None:
        """Let everybody talk until a time [monotonic seconds]."""
        while time.monotonic() < until:
            for file, _ in self._poll.poll(max(0.0, min(self._due, until) - time.monotonic())):
                end = self._by_file[file]
                if isinstance(end, Caller):
                    end.receive(time.monotonic())
                else:
                    end.receive()
            if time.monotonic() >= self._due:
                self._due += _FRAME_S
                self._talk()

    def close(self) -> None:
        """All hang up."""
        while self._up_now:
            self.end_oldest()
        end = time.monotonic() + _LEAVE_S
        while self._visits and time.monotonic() < end:
            self.spin(time.monotonic() + _FRAME_S)
        self._poll.close()
        for visit in self._visits.values():
            visit.stream.close()
        for caller, _ in self._callers:
            caller.close()

    def _talk(self) -> None:
        wall_ns = time.time_ns()
        for visit in self._up_now:
            visit.stream.send(wall_ns)
            visit.stream.notes.clear()
            visit.stream.begun_ns.clear()
        for caller, _ in self._callers:
            caller.repeat_due(time.monotonic())
        over = [visit for visit in self._visits.values() if visit.call.state in (State.OVER, State.FAILED)]
        for visit in over:
            self._forget(visit)

    def _forget(self, visit: Visit) -> None:
        del self._visits[visit.call.id], visit.caller.calls[visit.call.id]
        del self._by_file[visit.stream.fileno()]
        self._poll.unregister(visit.stream)
        visit.stream.close()
        self.failed += visit.call.state is State.FAILED
        self.hung_up_on += visit.call.hung_up_on

    def _up(self, call: Call) -> None:
        visit = self._visits[call.id]
        if call.remote is not None and call.remote[1]:
            visit.stream.start(call.remote, call.event_type)
        self._up_now.append(visit)

    def _over(self, call: Call) -> None:
        visit = self._visits[call.id]
        visit.stream.stop()
        if visit in self._up_now:
            self._up_now.remove(visit)


@dataclass(frozen=True, slots=True)
class Growth:
    """How memory grew: [MB/h], with one standard deviation of it."""

    megabytes_an_hour: float
    deviation: float


def growth(times: Sequence[float], rss_bytes: Sequence[float]) -> Growth:
    """The slope of the straight line through looks at `times` [s]; nan for fewer than three."""
    if len(times) < 3:
        return Growth(math.nan, math.nan)
    (slope, _), covariance = np.polyfit(np.array(times) / 3600, np.array(rss_bytes) / 1e6, 1, cov=True)
    return Growth(float(slope), float(np.sqrt(covariance[0, 0])))


class Looks:
    """What was seen of each process, look by look."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._seen: dict[int, list[processes.Footprint]] = {}

    def take(self, at: float, pids: Iterable[int]) -> list[processes.Footprint]:
        """Look at these processes, `at` seconds after the beginning; the same ones each time."""
        now = [processes.footprint(pid) for pid in pids]
        self._times.append(at)
        for pid, seen in zip(pids, now, strict=True):
            self._seen.setdefault(pid, []).append(seen)
        return now

    def summary(self, warmup: float) -> list[str]:
        """A line for each process, of the looks after `warmup` seconds."""
        first = sum(at < warmup for at in self._times)
        lines = []
        for name, looks in zip(_names(len(self._seen)), self._seen.values(), strict=True):
            kept = looks[first:]
            if not kept:
                continue
            grown = growth(self._times[first:], [look.rss_bytes for look in kept])
            files, threads = ({getattr(look, what) for look in kept} for what in ("files", "threads"))
            lines.append(
                f"{name:8} {grown.megabytes_an_hour:+7.2f} MB/h +- {grown.deviation:.2f}, "
                f"files {min(files)} to {max(files)}, threads {min(threads)} to {max(threads)}"
            )
        return lines


def _names(count: int) -> list[str]:
    return ["control", *(f"media {index}" for index in range(count - 1))][:count]


def soak(server: Server, rooms: Sequence[str], words: argparse.Namespace) -> Looks:
    """Run it, and print a line for each look."""
    looks = Looks()
    visitors = Visitors([server.uri_of(room) for room in rooms])
    pids = [
        server.pid,
        *(pid for pid in processes.tree(server.pid)[1:] if processes.is_running(pid, "bridge.media.process")),
    ]
    print(
        "seconds  calls  up  " + "  ".join(f"{name:>8} MB files thr" for name in _names(len(pids))),
        flush=True,
    )
    for _ in range(words.calls):
        visitors.begin()
        visitors.spin(time.monotonic() + 0.1)
    begun = time.monotonic()
    change = look = begun
    while (now := time.monotonic()) < begun + 60 * words.minutes:
        if now >= change:
            change += words.change_every
            visitors.end_oldest()
            visitors.begin()
        if now >= look:
            look += words.look_every
            seen = looks.take(now - begun, pids)
            cells = (f"{each.rss_bytes / 1e6:11.2f} {each.files:5d} {each.threads:3d}" for each in seen)
            print(f"{now - begun:7.0f} {visitors.begun:6d} {visitors.up:3d}  " + "  ".join(cells), flush=True)
        visitors.spin(min(change, look))
    visitors.close()
    print(f"{visitors.begun} calls, {visitors.failed} failed, {visitors.hung_up_on} hung up on")
    return looks


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--warmup", type=float, default=120.0, help="seconds whose looks do not count (120)")
    parser.add_argument("--calls", type=int, default=20, help="up at any time (20)")
    parser.add_argument("--rooms", type=int, default=4, help="that they are spread over (4)")
    parser.add_argument("--change-every", type=float, default=2.0, help="seconds between two changes (2)")
    parser.add_argument("--look-every", type=float, default=10.0, help="seconds between two looks (10)")
    words = parser.parse_args()
    rooms = [str(100 + index) for index in range(words.rooms)]
    with Server(rooms=rooms, tones=True) as server:
        looks = soak(server, rooms, words)
    print("\n".join(looks.summary(words.warmup)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
