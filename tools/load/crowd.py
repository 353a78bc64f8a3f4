"""The event loop of a crowd: begins the calls, keeps the pace of all their packets, measures, and hangs up.

One thread and one epoll. Packets are sent in slots of a millisecond, each call in the same slot of every 20, and each
picture in the same of every 40.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

from mixer.pcm import Samples
from tools.load import clips, measure, processes, speech, watching
from tools.load.browsers import Browsers
from tools.load.clips import VideoCodec
from tools.load.member import Member, Part, Signalling, State
from tools.load.phones import Phones
from tools.load.pictures import PictureStream
from tools.load.poll import Poll
from tools.load.speech import Codec
from tools.load.stream import Stream

_SLOTS = 20
_PICTURE_SLOTS = 1000 // clips.RATE
_SLOT_SECONDS = 0.001
_VOICES = 8
MAX_CALLS = 1000
MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Task:
    """What the crowd does. It comes by SIP to a `uri` such as sip:1001@127.0.0.1:5060, and as browsers to that of the
    room's page, such as http://127.0.0.1:8080/1001.

    The first `talkers` calls talk (None: all); the others send what `silent` says: "zero" (coded silence, 50 a
    second), "dtx" or "none". `keys` are pressed a second after the answer. `delay`: call 0 beeps once a second and
    call 1 listens for it. `server`: the process whose tree is weighed, 0 = none. Times are seconds.

    `video`: the codec of pictures, None = there are none; the first `senders` calls (None: all) show something of that
    `height` [pixels], the others watch; the last one looks for what call 0 shows, in a room of that `layout`.
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
    video: VideoCodec | None = None
    height: int = 360
    senders: int | None = None
    layout: str = "4:0"

    def __post_init__(self) -> None:
        host = urlsplit(self.uri).hostname if self.by_browser else self.uri.partition("@")[2]
        if not (host or "").startswith("127."):
            raise ValueError(f"{self.uri} is not on this machine: load goes to loopback only")
        if not 1 <= self.calls <= MAX_CALLS or not 0 < self.seconds <= MAX_SECONDS:
            raise ValueError(f"at most {MAX_CALLS} calls and {MAX_SECONDS:.0f} s")
        if self.silent not in ("zero", "dtx", "none"):
            raise ValueError("silent: zero, dtx or none")

    @property
    def by_browser(self) -> bool:
        """Whether it comes by the client API."""
        return self.uri.startswith("http://")


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
    events_per_second: float  # that each browser was told
    pictures: watching.Pictures | None = None


class Crowd:
    """One run of a task."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._poll = Poll()
        kind = Browsers if task.by_browser else Phones
        self._signalling: Signalling = kind(
            task.uri, task.codec, self._parts(), self._poll, self._up, self._over
        )
        self._members = self._signalling.members
        self._open = 0  # members that are neither over nor failed
        self._settled = 0  # members that were let in or have failed
        self._slots: list[list[Stream]] = [[] for _ in range(_SLOTS)]
        self._picture_slots: list[list[PictureStream]] = [[] for _ in range(_PICTURE_SLOTS)]
        self._slot = 0
        self._slot_due = time.monotonic()
        self._late: list[float] = []
        self._keys_due: list[tuple[float, Stream]] = []

    def _parts(self) -> list[Part]:
        task = self._task
        talkers = task.calls if task.talkers is None else task.talkers
        voices = [self._spoken(speech.voice(n)) for n in range(min(_VOICES, max(1, talkers)))]
        quiet = (
            Part((), (), 0)
            if task.silent == "none"
            else self._spoken(speech.silence(8), task.silent == "dtx")
        )
        parts = []
        for index in range(task.calls):
            part = voices[index % len(voices)] if index < talkers else quiet
            part = part._replace(position=random.randrange(len(part.loop)) if part.loop else 0)
            if task.delay and index == 0:
                part = self._spoken(speech.beep())
            parts.append(part._replace(listens=task.delay and index == 1))
        return [self._seen(part, index) for index, part in enumerate(parts)]

    def _seen(self, part: Part, index: int) -> Part:
        """With pictures, where there are any."""
        task = self._task
        if task.video is None:
            return part
        shows = index < (task.calls if task.senders is None else task.senders)
        clip = clips.clip(task.video, task.height, numbered=index == 0) if shows else None
        return part._replace(video=task.video, clip=clip, looks=index == task.calls - 1)

    def _spoken(self, pcm: Samples, dtx: bool = False) -> Part:
        return Part(speech.encode(pcm, self._task.codec, dtx), speech.levels(pcm), 0)

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
        first = time.monotonic()
        for index in range(task.calls):
            self._spin(until=first + index / task.per_second)
            self._open += 1
            self._signalling.begin(index, time.monotonic())
        self._spin(until=time.monotonic() + 40, enough=lambda: self._settled == task.calls)
        self._spin(until=time.monotonic() + task.warmup)
        begin_ns, begin, begin_cost, begin_busy = time.time_ns(), time.monotonic(), self._cost(), _busy()
        own, sent_late, events = time.process_time(), len(self._late), self._events()
        self._spin(until=begin + task.seconds)
        end_ns, seconds, end_cost, end_busy = time.time_ns(), time.monotonic() - begin, self._cost(), _busy()
        own, events = time.process_time() - own, self._events() - events
        late = self._late[sent_late:]
        hung_up_on = sum(call.hung_up_on for call in self._members)
        self._hang_up()
        delays = self._delays()
        setups = [1000 * (call.answered - call.begun) for call in self._members if call.answered]
        p50, p99 = np.percentile(setups, (50, 99)) if setups else (0.0, 0.0)
        return Outcome(
            answered=len(setups),
            refused=self._signalling.refusals,
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
            events_per_second=events / seconds / max(1, len(setups)),
            pictures=self._pictures(begin_ns, end_ns),
        )

    def _pictures(self, begin_ns: int, end_ns: int) -> watching.Pictures | None:
        streams = [
            stream
            for member, stream in zip(self._members, self._signalling.pictures, strict=False)
            if member.answered
        ]
        return watching.summary(streams, self._task.layout, begin_ns, end_ns) if streams else None

    def _cost(self) -> processes.Cost:
        return processes.cost(self._task.server) if self._task.server else processes.Cost(0, 0, 0, 0)

    def _events(self) -> int:
        return sum(member.events for member in self._members)

    def _receptions(self, begin_ns: int, end_ns: int) -> list[measure.Reception]:
        """Of each call that was answered; of several sources in one call, the one with most packets."""
        found = []
        for call, stream in zip(self._members, self._signalling.streams, strict=True):
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
        speaker, listener = self._signalling.streams[:2]
        sources = measure.sources(listener.notes)
        if len(sources) != 1 or listener.payloads is None:
            return []
        return measure.delays_ms(sources[0], listener.payloads, listener.codec, speaker.begun_ns)

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _spin(self, until: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Let the crowd talk until a time [monotonic seconds], or until it is `enough`."""
        while (now := time.monotonic()) < until and not enough():
            self._send_due(now)
            self._poll.wait(self._slot_due - time.monotonic())

    def _send_due(self, now: float) -> None:
        while self._slot_due <= now:
            wall_ns = time.time_ns()
            for stream in self._slots[self._slot % _SLOTS]:
                if stream.active:
                    stream.send(wall_ns)
            for pictures in self._picture_slots[self._slot % _PICTURE_SLOTS]:
                if pictures.active:
                    pictures.send(time.time_ns())
            self._late.append(now - self._slot_due)
            self._slot += 1
            self._slot_due += _SLOT_SECONDS
            if self._slot % _SLOTS == 0:
                self._signalling.repeat_due(now)
                self._press_due(now)

    def _press_due(self, now: float) -> None:
        while self._keys_due and self._keys_due[0][0] <= now:
            self._keys_due.pop(0)[1].press(self._task.keys)

    def _up(self, member: Member) -> None:
        self._settled += 1
        stream = self._signalling.streams[member.index]
        self._slots[member.index % _SLOTS].append(stream)
        if self._signalling.pictures:
            # Cameras know nothing of each other: 7 spreads them over the slots.
            slot = self._picture_slots[member.index * 7 % _PICTURE_SLOTS]
            slot.append(self._signalling.pictures[member.index])
        if self._task.keys:
            self._keys_due.append((member.answered + 1.0, stream))

    def _over(self, member: Member) -> None:
        self._open -= 1
        if not member.answered:
            self._settled += 1

    def _hang_up(self) -> None:
        for member in self._members:
            if member.state is State.UP:
                self._signalling.end(member.index, time.monotonic())
            if member.index % 10 == 9:
                self._spin(until=time.monotonic() + 0.01)
        self._spin(until=time.monotonic() + 10, enough=lambda: self._open == 0)

    def _close(self) -> None:
        self._signalling.close()
        self._poll.close()


def _busy() -> float:
    return processes.machine_busy_seconds()
