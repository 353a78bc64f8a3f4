"""Plays packets through a receive stream in virtual time, and tells what a listener would have heard when."""

from __future__ import annotations

import csv
import random
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.packet import RtpPacket, parse
from bridge.rtp.receive_stream import ReceiveStream
from bridge.rtp.units import Unit, UnitKind

VECTORS = Path(__file__).parents[2] / ".." / "shared" / "vectors"
shared = pytest.mark.skipif(not VECTORS.is_dir(), reason="the shared vectors are not beside the project")

TICK = 0.02
SOUND = (UnitKind.PACKET, UnitKind.SHRINK, UnitKind.STRETCH)
# One 20 ms SILK frame, wideband, mono, voice active and with LBRR data: bits 1, 1 begin the frame.
OPUS_WITH_FEC = bytes((9 << 3, 0xC0, 0, 0))
OPUS_WITHOUT_FEC = bytes((9 << 3, 0x80, 0, 0))


@dataclass
class Arrival:
    """A packet and when it comes [monotonic seconds]; `index` names it in what was heard."""

    when: float
    packet: RtpPacket
    index: int = -1


@dataclass
class Heard:
    """What came out. `played`: index of a packet -> when its sound begins; `units`: every (tick, unit)."""

    played: dict[int, float] = field(default_factory=dict)
    units: list[tuple[float, Unit]] = field(default_factory=list)
    drops: Counter[str] = field(default_factory=Counter)
    depths: list[tuple[float, float]] = field(default_factory=list)

    def runs(self, *kinds: UnitKind, since: float = 0.0, until: float = 1e12) -> list[int]:
        """Lengths [samples] of the unbroken runs of these kinds, from the first packet heard to the last."""
        sounding = [place for place, (_, unit) in enumerate(self.units) if unit.kind in SOUND]
        runs, run = [], 0
        for at, unit in self.units[sounding[0] : sounding[-1] + 1]:
            if unit.kind in kinds and since <= at <= until:
                run += unit.samples
            elif run:
                runs.append(run)
                run = 0
        return runs

    def longest_ms(self, *kinds: UnitKind, since: float = 0.0, until: float = 1e12) -> float:
        """The longest such run [ms]."""
        return max(self.runs(*kinds, since=since, until=until), default=0) / 48

    def count(self, kind: UnitKind) -> int:
        """How many units of a kind."""
        return sum(unit.kind is kind for _, unit in self.units)


def play(
    arrivals: Iterable[Arrival],
    stream: ReceiveStream,
    phase: float = 0.005,
    until: float | None = None,
    ticks: Iterable[float] | None = None,
) -> Heard:
    """Push every arrival at its time and pop at every tick. Ticks lie at k * 20 ms + `phase`."""
    pending = sorted(arrivals, key=lambda arrival: arrival.when)
    heard = Heard()
    end = until if until is not None else pending[-1].when + 0.5
    names = {id(arrival.packet.payload): arrival.index for arrival in pending}
    at = 0
    credit = 0
    start = pending[0].when // TICK * TICK + phase if pending else phase
    for now in ticks if ticks is not None else ticking(start, end):
        while at < len(pending) and pending[at].when <= now:
            try:
                stream.push(pending[at].packet, pending[at].when)
            except ProtocolError as drop:
                heard.drops[drop.name] += 1
            at += 1
        begin = now + credit / 48_000
        for unit in stream.pop(now):
            heard.units.append((now, unit))
            if unit.kind in SOUND:
                heard.played[names[id(unit.payload)]] = begin
            begin += unit.samples / 48_000
            credit += unit.samples
        credit -= 960
        assert 0 <= credit < 960 * 10, "the units of a tick do not fill it"
        heard.depths.append((now, stream.buffer.depth_ms))
    return heard


def ticking(start: float, end: float) -> Iterator[float]:
    """An exact clock of 20 ms."""
    count = 0
    while (now := start + count * TICK) <= end:
        yield now
        count += 1


def speech(
    count: int,
    *,
    start: float = 100.0,
    ms: int = 20,
    payload_type: int = 0,
    clock_rate: int = 8_000,
    ssrc: int = 0x11223344,
    sequence: int = 1_000,
    timestamp: int = 0,
    ppm: float = 0.0,
    payload: bytes | None = None,
    first: int = 0,
) -> list[Arrival]:
    """`count` packets of `ms` in a perfect network. `ppm`: how much too fast the sender's clock is."""
    ticks = clock_rate * ms // 1000
    packets = []
    for index in range(count):
        body = bytes(bytearray(payload if payload is not None else b"\xd5" * (8 * ms)))
        packet = RtpPacket(
            payload_type,
            False,
            (sequence + index) & 0xFFFF,
            (timestamp + index * ticks) & 0xFFFFFFFF,
            ssrc,
            body,
            None,
        )
        packets.append(Arrival(start + index * ms / 1000 / (1 + ppm * 1e-6), packet, first + index))
    return packets


def impair(packets: list[Arrival], delays: Mapping[int, float], lost: Iterable[int] = ()) -> list[Arrival]:
    """Delay packets by their place in the list [s], and lose some."""
    gone = set(lost)
    return [
        Arrival(arrival.when + delays.get(place, 0.0), arrival.packet, arrival.index)
        for place, arrival in enumerate(packets)
        if place not in gone
    ]


def trace(packets: list[Arrival], path: Path) -> list[Arrival]:
    """Impair by a trace of `n,drop,delay_ms,dup`."""
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    delays = {int(row["n"]): float(row["delay_ms"]) / 1000 for row in rows}
    impaired = impair(packets, delays, [int(row["n"]) for row in rows if row["drop"] == "1"])
    doubles = {int(row["n"]) for row in rows if row["dup"] == "1"}
    return impaired + [arrival for arrival in impaired if arrival.index in doubles]


def pcap(path: Path) -> list[tuple[float, tuple[str, int], bytes]]:
    """(when [s], source, UDP payload) of each packet of a raw-IPv4 capture."""
    content = path.read_bytes()
    order = "<" if content[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    found = []
    at = 24
    while at < len(content):
        seconds, micros, size, _ = struct.unpack_from(order + "IIII", content, at)
        ip = content[at + 16 : at + 16 + size]
        udp = (ip[0] & 15) * 4
        host = ".".join(map(str, ip[12:16]))
        found.append((seconds + micros / 1e6, (host, ip[udp] << 8 | ip[udp + 1]), ip[udp + 8 :]))
        at += 16 + size
    return found


def captured(path: Path) -> list[Arrival]:
    """The RTP packets of a capture."""
    return [Arrival(when, parse(data), index) for index, (when, _, data) in enumerate(pcap(path))]


def jittery(packets: list[Arrival], mean_s: float, seed: int) -> list[Arrival]:
    """Exponential delays with this mean."""
    rng = random.Random(seed)
    return impair(packets, {place: rng.expovariate(1 / mean_s) for place in range(len(packets))})
