"""What came back, worked out after the calls from the notes of each packet: gaps, lateness, jitter, delay.

All times are the kernel's receive time stamps, so this tool's own scheduling is not in the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.load.speech import BEEP_HZ, Codec, decode
from tools.load.stream import NOTE

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# What a playout buffer of this length would have to throw away counts as late.
LATE_MS = 40.0
GAP_MS = 60.0
_BLOCK_NS = 2_000_000_000
NOTE_TYPE = np.dtype(
    [
        ("flags", "u1"),
        ("kind", "u1"),
        ("sequence", ">u2"),
        ("clock", ">u4"),
        ("ssrc", ">u4"),
        ("s", "<i8"),
        ("ns", "<i8"),
    ]
)


class Packets(NamedTuple):
    """One source's packets in the order of arrival; numbers and RTP times are unwrapped, arrivals in ns."""

    arrival: Numbers
    sequence: Numbers
    clock: Numbers


class Reception(NamedTuple):
    """Of one call in the measured time. `steps`: differences between arrival gap and RTP gap [ms], absolute."""

    received: int
    lost: int
    late: int
    gaps: int
    steps: Floats


class Summary(NamedTuple):
    """Of the whole crowd. Percentages; `missing` also counts what was never sent, `lost` only holes in the numbers."""

    received: int
    missing_percent: float
    worst_missing_percent: float
    lost_percent: float
    late_percent: float
    gaps: int
    jitter_ms_p50: float
    jitter_ms_p99: float
    jitter_ms_p999: float


def sources(notes: bytes | bytearray) -> list[Packets]:
    """The notes of a stream as one `Packets` for each SSRC."""
    if len(notes) % NOTE or NOTE_TYPE.itemsize != NOTE:
        raise ValueError("half a note")
    table = np.frombuffer(bytes(notes), NOTE_TYPE)
    return [_unwrapped(table[table["ssrc"] == ssrc]) for ssrc in np.unique(table["ssrc"])]


def _unwrapped(table: npt.NDArray[np.void]) -> Packets:
    arrival = table["s"] * 1_000_000_000 + table["ns"]
    return Packets(arrival, _unwrap(table["sequence"], 16), _unwrap(table["clock"], 32))


def _unwrap(values: npt.NDArray[np.generic], bits: int) -> Numbers:
    plain: Numbers = values.astype(np.int64)
    half = 1 << bits - 1
    steps = (plain[1:] - plain[:-1] + half) % (1 << bits) - half
    return np.concatenate(([0], np.cumsum(steps))).astype(np.int64)


def reception(packets: Packets, clock_hz: int, start_ns: int, end_ns: int) -> Reception:
    """What came of one source between two times."""
    inside = (packets.arrival >= start_ns) & (packets.arrival < end_ns)
    fresh = np.concatenate(([True], packets.sequence[1:] > np.maximum.accumulate(packets.sequence)[:-1]))
    chosen = inside & fresh
    arrival, sequence = packets.arrival[chosen], packets.sequence[chosen]
    media_ms = packets.clock[chosen] * 1000 / clock_hz
    gaps_ms = np.diff(arrival) / 1e6
    transit = packets.arrival / 1e6 - packets.clock * 1000 / clock_hz
    late = transit - _least_before(transit, packets.arrival) > LATE_MS
    return Reception(
        received=len(arrival),
        lost=int(sequence[-1] - sequence[0] + 1 - len(sequence)) if len(sequence) else 0,
        late=int(np.count_nonzero(late & chosen)),
        gaps=int(np.count_nonzero(gaps_ms > GAP_MS)),
        steps=np.abs(gaps_ms - np.diff(media_ms)),
    )


def _least_before(transit: Floats, arrival: Numbers) -> Floats:
    """The least transit of this block of 2 s so far and of the block before: what a late one is measured against."""
    blocks = (arrival - arrival[0]) // _BLOCK_NS
    least = np.empty_like(transit)
    before = np.inf
    for block in np.unique(blocks):
        here = np.flatnonzero(blocks == block)
        running = np.minimum.accumulate(transit[here])
        least[here] = np.minimum(running, before)
        before = float(running[-1])
    return least


def summary(receptions: Sequence[Reception], seconds: float) -> Summary:
    """Of all calls, each of which should have got 50 packets a second."""
    wanted = 50 * seconds
    received = [call.received for call in receptions]
    total = max(1, sum(received))
    steps = np.concatenate([call.steps for call in receptions] or [np.zeros(0)])
    p50, p99, p999 = np.percentile(steps, (50, 99, 99.9)) if len(steps) else (0.0, 0.0, 0.0)
    return Summary(
        received=sum(received),
        missing_percent=100 * (1 - sum(received) / max(1.0, wanted * len(received))),
        worst_missing_percent=100 * (1 - min(received, default=0) / wanted),
        lost_percent=100 * sum(call.lost for call in receptions) / total,
        late_percent=100 * sum(call.late for call in receptions) / total,
        gaps=sum(call.gaps for call in receptions),
        jitter_ms_p50=float(p50),
        jitter_ms_p99=float(p99),
        jitter_ms_p999=float(p999),
    )


def delays_ms(packets: Packets, payloads: list[bytes], codec: Codec, beeps_ns: Sequence[int]) -> list[float]:
    """Mouth to ear: from the sending of each beep to the arrival of the sample with which it is heard.

    The sound is cut into stretches of one period of the beep. It begins where one of them is loud after 0.3 s without.
    """
    sound = decode(payloads, codec)
    size = codec.clock // BEEP_HZ
    loud: list[int] = []
    threshold = 0.1 * max((float(np.abs(part).max(initial=0)) for part in sound), default=0.0)
    last = -_BLOCK_NS
    for arrival, part in zip(packets.arrival, sound, strict=True):
        stretches = part[: len(part) // size * size].reshape(-1, size)
        for index in np.flatnonzero(np.abs(stretches).max(axis=1, initial=0) > threshold):
            at = int(arrival) + int(index) * 1_000_000_000 // BEEP_HZ
            if at - last > 300_000_000:
                loud.append(at)
            last = at
    found = []
    for at in loud:
        sent = max((beep for beep in beeps_ns if beep < at), default=0)
        if at - sent < 950_000_000:
            found.append((at - sent) / 1e6)
    return found
