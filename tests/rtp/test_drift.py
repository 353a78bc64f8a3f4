"""Two clocks are never the same (R-04): for hours of drift the delay stays where it was, by one frame in or out now and
then, and never more often than once in ten seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bridge.rtp.jitter import JitterBuffer
from bridge.rtp.units import UnitKind


@dataclass
class Run:
    """`depths` [ms] at each minute; `corrections`: when frames went in or out."""

    depths: list[float] = field(default_factory=list)
    corrections: list[float] = field(default_factory=list)
    concealed: int = 0
    buffer: JitterBuffer = field(default_factory=JitterBuffer)


def drift(hours: float, ppm: float, ms: int = 20, phase: float = 0.01, jitter_s: float = 0.0) -> Run:
    """A sender whose clock is `ppm` too fast, in a network with a little regular jitter."""
    run = Run()
    buffer = run.buffer
    interval = ms / 1000 / (1 + ppm * 1e-6)
    samples = 48 * ms
    spacing = samples / 48_000
    payload = b"\xd5" * 8
    number = tick = 0
    push, pop = buffer.push, buffer.pop
    arrival = 0.0
    for tick in range(int(hours * 180_000)):
        now = tick * 0.02 + phase
        while arrival <= now:
            push(number, number * samples, samples, 0, payload, arrival - number * spacing, arrival)
            number += 1
            arrival = number * interval + jitter_s * (number * 7 % 11) / 11
        for unit in pop(now):
            if unit.kind is UnitKind.SHRINK or unit.kind is UnitKind.STRETCH:
                run.corrections.append(now)
            elif unit.kind is UnitKind.CONCEAL:
                run.concealed += 1
        if not tick % 3_000:
            run.depths.append(buffer.depth_ms)
    return run


def check(run: Run, hours: float, ppm: float, ms: int = 20) -> None:
    # What has drifted apart was put in or taken out in frames, no more and no less.
    frames = abs(ppm) * 1e-6 * hours * 3_600 / 0.02
    assert frames - 2 <= len(run.corrections) <= frames + 2
    gaps = [later - sooner for sooner, later in zip(run.corrections, run.corrections[1:], strict=False)]
    assert min(gaps, default=10) > 9.9
    assert run.concealed == 0
    counters = run.buffer.counters
    assert (counters.late, counters.missed, counters.overflowed, counters.resynced) == (0, 0, 0, 0)
    # Delay moves within one frame and the time that it takes to see it.
    assert max(run.depths) - run.depths[1] <= 20 + 6
    assert max(run.depths) <= 40 + (ms - 20)


@pytest.mark.parametrize("ppm", [200, -200])
def test_an_hour_at_200_ppm(ppm: float) -> None:
    check(drift(1, ppm), 1, ppm)


def test_eight_hours_at_200_ppm() -> None:
    check(drift(8, 200, ms=60), 8, 200, ms=60)


@pytest.mark.parametrize("ppm", [2_000, -2_000])
def test_half_an_hour_at_2000_ppm(ppm: float) -> None:
    check(drift(0.5, ppm), 0.5, ppm)


def test_drift_in_a_network_with_jitter() -> None:
    run = drift(0.5, 200, jitter_s=0.015)
    assert run.buffer.counters.late <= 5
    assert len(run.corrections) <= 2 * 18 + 4
    assert max(run.depths[2:]) <= 60
