"""The event loop of a crowd: begins the calls, keeps the pace of all their packets, measures, and hangs up.

One thread and one epoll. Packets are sent in slots of a millisecond, each call in the same slot of every 20.
"""

from __future__ import annotations

import gc
import random
import select
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.load import measure, processes, speech
from tools.load.calls import Call, Caller, State
from tools.load.speech import Codec
from tools.load.stream import Stream

_SLOTS = 20
_SLOT_SECONDS = 0.001
_VOICES = 8
MAX_CALLS = 1000
MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Task:
    """What the crowd does.

    The first `talkers` calls talk (None: all); the others send what `silent` says: "zero" (coded silence, 50 a
    second), "dtx" or "none". `keys` are pressed a second after the answer. `delay`: call 0 beeps once a second and
    call 1 listens for it. `server`: the process whose tree is weighed, 0 = none. Times are seconds.
    """

    uri: str
    codec: Codec = Codec.PCMU
    calls: int = 10
    talkers: int | None = None
    silent: str = "zero"
    seconds: float = 10.0
    warmup: float = 3.0
    per_second: float = 25.0
    keys: str = ""
    delay: bool = False
    server: int = 0

    def __post_init__(self) -> None:
        if not self.uri.partition("@")[2].startswith("127."):
            raise ValueError(f"{self.uri} is not on this machine: load goes to loopback only")
        if not 1 <= self.calls <= MAX_CALLS or not 0 < self.seconds <= MAX_SECONDS:
            raise ValueError(f"at most {MAX_CALLS} calls and {MAX_SECONDS:.0f} s")
        if self.silent not in ("zero", "dtx", "none"):
            raise ValueError("silent: zero, dtx or none")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen. Server figures are None when no process was named; delays are empty without `Task.delay`."""

    answered: int
    refused: dict[int, int]
    hung_up_on: int
    setup_ms_p50: float
    setup_ms_p99: float
    reception: measure.Summary
    delay_ms_p50: float | None
    delay_ms_p99: float | None
    delays: int
    server_cores: float | None
    server_rss_mb: float | None
    send_late_ms_p99: float
    own_cores: float
    machine_busy_cores: float


class Crowd:
    """One run of a task."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._streams = self._make_streams()
        self._calls = [Call(index, stream.port) for index, stream in enumerate(self._streams)]
        self._caller = Caller(task.uri, task.codec, on_up=self._up, on_over=self._over)
        self._open = 0  # calls that are neither over nor failed
        self._settled = 0  # calls that were answered or have failed
        self._slots: list[list[Stream]] = [[] for _ in range(_SLOTS)]
        self._slot = 0
        self._slot_due = time.monotonic()
        self._late: list[float] = []
        self._keys_due: list[tuple[float, Stream]] = []
        self._poll = select.epoll()
        self._receivers: dict[int, Callable[[], None]] = {}
        for stream in self._streams:
            self._receivers[stream.fileno()] = stream.receive
        self._receivers[self._caller.fileno()] = lambda: self._caller.receive(time.monotonic())
        for fd in self._receivers:
            self._poll.register(fd, select.EPOLLIN)

    def _make_streams(self) -> list[Stream]:
        task = self._task
        talkers = task.calls if task.talkers is None else task.talkers
        voices = [speech.encode(speech.voice(n), task.codec) for n in range(min(_VOICES, max(1, talkers)))]
        quiet = (
            ()
            if task.silent == "none"
            else speech.encode(speech.silence(8), task.codec, task.silent == "dtx")
        )
        streams = []
        for index in range(task.calls):
            loop = voices[index % len(voices)] if index < talkers else quiet
            position = random.randrange(len(loop)) if loop else 0
            if task.delay and index == 0:
                loop, position = speech.encode(speech.beep(), task.codec), 0
            streams.append(Stream(task.codec, loop, position, listens=task.delay and index == 1))
        return streams

    def run(self) -> Outcome:
        """Call, measure, hang up."""
        gc.collect()
        gc.disable()  # a collection would delay a slot
        try:
            return self._run()
        finally:
            gc.enable()
            self._close()

    def _run(self) -> Outcome:
        task = self._task
        for index, call in enumerate(self._calls):
            start = self._calls[0].begun + index / task.per_second if index else time.monotonic()
            self._spin(until=start)
            self._open += 1
            self._caller.invite(call, time.monotonic())
        self._spin(until=time.monotonic() + 40, enough=lambda: self._settled == task.calls)
        self._spin(until=time.monotonic() + task.warmup)
        begin_ns, begin, begin_cost, begin_busy = time.time_ns(), time.monotonic(), self._cost(), _busy()
        own, sent_late = time.process_time(), len(self._late)
        self._spin(until=begin + task.seconds)
        end_ns, seconds, end_cost, end_busy = time.time_ns(), time.monotonic() - begin, self._cost(), _busy()
        own = time.process_time() - own
        late = self._late[sent_late:]
        hung_up_on = sum(call.hung_up_on for call in self._calls)
        self._hang_up()
        delays = self._delays()
        setups = [1000 * (call.answered - call.begun) for call in self._calls if call.answered]
        p50, p99 = np.percentile(setups, (50, 99)) if setups else (0.0, 0.0)
        return Outcome(
            answered=len(setups),
            refused=self._caller.refusals,
            hung_up_on=hung_up_on,
            setup_ms_p50=float(p50),
            setup_ms_p99=float(p99),
            reception=measure.summary(self._receptions(begin_ns, end_ns), seconds),
            delay_ms_p50=float(np.percentile(delays, 50)) if delays else None,
            delay_ms_p99=float(np.percentile(delays, 99)) if delays else None,
            delays=len(delays),
            server_cores=(end_cost.cpu_seconds - begin_cost.cpu_seconds) / seconds if task.server else None,
            server_rss_mb=end_cost.rss_bytes / 1e6 if task.server else None,
            send_late_ms_p99=float(np.percentile(late, 99) * 1000),
            own_cores=own / seconds,
            machine_busy_cores=(end_busy - begin_busy) / seconds,
        )

    def _cost(self) -> processes.Cost:
        return processes.cost(self._task.server) if self._task.server else processes.Cost(0, 0, 0, 0)

    def _receptions(self, begin_ns: int, end_ns: int) -> list[measure.Reception]:
        """Of each call that was answered; of several sources in one call, the one with most packets."""
        found = []
        for call, stream in zip(self._calls, self._streams, strict=True):
            if not call.answered:
                continue
            heard = [
                measure.reception(source, stream.codec.clock, begin_ns, end_ns)
                for source in measure.sources(stream.notes)
            ]
            nothing = measure.Reception(0, 0, 0, 0, np.zeros(0))
            found.append(max(heard, key=lambda reception: reception.received, default=nothing))
        return found

    def _delays(self) -> list[float]:
        if not self._task.delay:
            return []
        speaker, listener = self._streams[:2]
        sources = measure.sources(listener.notes)
        if len(sources) != 1 or listener.payloads is None:
            return []
        return measure.delays_ms(sources[0], listener.payloads, listener.codec, speaker.begun_ns)

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _spin(self, until: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Let the crowd talk until a time [monotonic seconds], or until it is `enough`."""
        while (now := time.monotonic()) < until and not enough():
            self._send_due(now)
            for fd, _ in self._poll.poll(max(0.0, self._slot_due - time.monotonic())):
                self._receivers[fd]()

    def _send_due(self, now: float) -> None:
        while self._slot_due <= now:
            wall_ns = time.time_ns()
            for stream in self._slots[self._slot % _SLOTS]:
                if stream.active:
                    stream.send(wall_ns)
            self._late.append(now - self._slot_due)
            self._slot += 1
            self._slot_due += _SLOT_SECONDS
            if self._slot % _SLOTS == 0:
                self._caller.repeat_due(now)
                self._press_due(now)

    def _press_due(self, now: float) -> None:
        while self._keys_due and self._keys_due[0][0] <= now:
            self._keys_due.pop(0)[1].press(self._task.keys)

    def _up(self, call: Call) -> None:
        self._settled += 1
        stream = self._streams[call.index]
        if call.remote is not None and call.remote[1]:
            stream.start(call.remote, call.event_type)
            self._slots[call.index % _SLOTS].append(stream)
        if self._task.keys:
            self._keys_due.append((call.answered + 1.0, stream))

    def _over(self, call: Call) -> None:
        self._open -= 1
        if not call.answered:
            self._settled += 1
        self._streams[call.index].stop()

    def _hang_up(self) -> None:
        for index, call in enumerate(self._calls):
            if call.state is State.UP:
                self._caller.bye(call, time.monotonic())
            if index % 10 == 9:
                self._spin(until=time.monotonic() + 0.01)
        self._spin(until=time.monotonic() + 10, enough=lambda: self._open == 0)

    def _close(self) -> None:
        self._poll.close()
        self._caller.close()
        for stream in self._streams:
            stream.close()


def _busy() -> float:
    return processes.machine_busy_seconds()


@dataclass(frozen=True, slots=True)
class SetupRate:
    """How fast calls were set up and ended, `at_once` of them at any time."""

    calls: int
    failed: int
    at_once: int
    per_second: float
    setup_ms_p50: float
    setup_ms_p99: float


def setup_rate(
    uri: str, calls: int, at_once: int, codec: Codec = Codec.PCMU, limit: float = 60.0
) -> SetupRate:
    """INVITE, 200, ACK, BYE, 200 for each of `calls`, without sound; ends after `limit` seconds at the latest."""
    sink = Stream(codec, (), 0, listens=False)
    waiting = [Call(index, sink.port) for index in range(calls)]
    finished: list[Call] = []

    def over(call: Call) -> None:
        finished.append(call)
        if waiting and time.monotonic() < end:
            caller.invite(waiting.pop(), time.monotonic())

    caller = Caller(uri, codec, on_up=lambda call: caller.bye(call, time.monotonic()), on_over=over)
    start = time.monotonic()
    end = start + limit
    for _ in range(min(at_once, calls)):
        caller.invite(waiting.pop(), time.monotonic())
    while len(finished) < calls and time.monotonic() < end + 5:
        ready, _, _ = select.select([caller], [], [], 0.02)
        if ready:
            caller.receive(time.monotonic())
        caller.repeat_due(time.monotonic())
    seconds = time.monotonic() - start
    caller.close()
    sink.close()
    good = [call for call in finished if call.state is State.OVER]
    setups = [1000 * (call.answered - call.begun) for call in good] or [0.0]
    return SetupRate(
        calls=len(good),
        failed=calls - len(good),
        at_once=at_once,
        per_second=len(good) / seconds,
        setup_ms_p50=float(np.percentile(setups, 50)),
        setup_ms_p99=float(np.percentile(setups, 99)),
    )
