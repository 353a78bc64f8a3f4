"""How fast calls by SIP are set up and ended."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass

import numpy as np

from tools.load.calls import Call, Caller
from tools.load.member import State
from tools.load.speech import Codec
from tools.load.stream import PhoneStream


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
    sink = PhoneStream(codec, (), 0, listens=False)
    waiting = [Call(index, port=sink.port) for index in range(calls)]
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
