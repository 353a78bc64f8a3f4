"""What a media process costs, and how well it keeps time: one process, N synthetic legs, no SIP.

    python -m tools.bench.media --codec PCMU --legs 100 --talkers 100 --seconds 10
    python -m tools.bench.media --latency

A second process plays all phones: it sends packets coded beforehand and judges what comes back by the kernel's
arrival times, so that the media process can be measured alone (its CPU time is read from /proc).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import random
import select
import socket
import struct
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import numpy as np
import uvloop

from bridge.codec import opus
from bridge.codec.g711 import Law, encode
from bridge.media import contract
from bridge.media.pool import MediaPool
from bridge.media.settings import MediaSettings
from bridge.sdp.audio import NegotiatedAudio
from mixer.plan import Plan, Seat

TICK_S = 0.02
SLOTS = 4  # the packets of 20 ms are sent in so many portions
LATE_S = 0.040
BEEP_EVERY = 37  # packets; not a multiple of anything in the bridge


@dataclass(frozen=True, slots=True)
class Load:
    """What the phones do."""

    codec: str
    legs: int
    talkers: int
    seconds: float
    warmup: float
    latency: bool
    priority: int  # of the media process under SCHED_RR, 0 = ordinary
    silent: str  # what those who do not talk send: "coded", or "dtx" (one packet in 400 ms)


@dataclass
class Measured:
    """What one phone saw of the stream to it."""

    packets: int = 0
    first: int | None = None
    last: int = 0
    gaps: list[float] = field(default_factory=list)
    transits: list[float] = field(default_factory=list)
    _before: tuple[float, int] | None = None

    def take(self, arrival: float, sequence: int, timestamp: int, rate: int) -> None:
        """One packet, `arrival` in seconds."""
        self.packets += 1
        self.first = sequence if self.first is None else self.first
        self.last = sequence
        self.transits.append(arrival - timestamp / rate)
        if self._before is not None:
            self.gaps.append(abs(arrival - self._before[0] - (timestamp - self._before[1]) / rate))
        self._before = (arrival, timestamp)


def _voice(seconds: float = 8.0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Something with the ups and downs of speech at 48 kHz: harmonics under a syllable envelope, and noise."""
    rng = np.random.default_rng(5)
    steps = np.arange(int(seconds * 48000)) / 48000
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * steps) + 10 * np.sin(2 * np.pi * 2.3 * steps)
    phase = 2 * np.pi * np.cumsum(pitch) / 48000
    harmonics = np.sum([np.sin(n * phase) / n**1.2 for n in range(1, 24)], axis=0)
    envelope = np.clip(np.sin(2 * np.pi * 3.1 * steps) + 0.6 * np.sin(2 * np.pi * 0.9 * steps), 0.0, None)
    sound = 0.15 * envelope * harmonics + 0.01 * envelope * rng.standard_normal(len(steps))
    return np.asarray(np.clip(sound, -0.9, 0.9), dtype=np.float32)


def _coded(codec: str, sound: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[bytes]:
    if codec == "opus":
        encoder = opus.OpusEncoder(opus.Application.VOIP, 32_000, 5)
        return [encoder.encode(opus.address(frame.copy())) for frame in sound.reshape(-1, 960)]
    law = Law.MU if codec == "PCMU" else Law.A
    narrow = sound.reshape(-1, 6).mean(axis=1).astype(np.float32)
    return [bytes(encode(frame, law).tobytes()) for frame in narrow.reshape(-1, 160)]


class Phones:
    """All far ends, in a process of their own. They learn where to send from the pipe, and answer with figures."""

    def __init__(self, load: Load, pipe: Connection) -> None:
        self._load = load
        self._pipe = pipe
        self._rate = 48_000 if load.codec == "opus" else 8_000
        self._type = {"opus": 111, "PCMU": 0, "PCMA": 8}[load.codec]
        self._sockets = [_socket() for _ in range(load.legs)]
        self._measured = [Measured() for _ in range(load.legs)]
        self._talk = _coded(load.codec, _voice())
        self._silence = _coded(load.codec, np.zeros(960 * 50, np.float32))
        self._numbers = [0] * load.legs
        self._beep_sent: list[float] = []
        self._beep_heard: list[float] = []
        self._beep_sounding = False
        self._measuring = False
        self._late = 0.0
        self._sleeps: list[float] = []

    def run(self) -> None:
        """Send and receive until the time is over."""
        self._pipe.send([sock.getsockname()[1] for sock in self._sockets])
        ports: list[int] = self._pipe.recv()
        load = self._load
        poll = select.epoll()
        for sock in self._sockets:
            poll.register(sock.fileno(), select.EPOLLIN)
        by_file = {sock.fileno(): index for index, sock in enumerate(self._sockets)}
        # At any phase to the ticks: delay depends on it.
        start = time.monotonic() + 0.05 + random.random() * TICK_S
        count = int((load.warmup + load.seconds) / TICK_S)
        measure_from = int(load.warmup / TICK_S)
        for tick in range(count):
            if tick == measure_from:
                self._measuring = True
                self._pipe.send("begin")
            for slot in range(SLOTS):
                due = start + (tick + slot / SLOTS) * TICK_S
                time.sleep(max(0.0, due - time.monotonic()))
                self._late = max(self._late, time.monotonic() - due)
                for index in range(slot, load.legs, SLOTS):
                    self._send(index, tick, ports[index])
                self._receive(poll, by_file)
        self._pipe.send("end")
        self._pipe.send(self._figures())

    def _send(self, index: int, tick: int, port: int) -> None:
        payload = self._payload(index, tick)
        if payload:
            # What a pause leaves out has a time but no number (RFC 3550 section 5.1).
            self._numbers[index] = number = self._numbers[index] + 1 & 0xFFFF
            head = struct.pack("!BBHII", 0x80, self._type, number, tick * self._rate // 50, 1000 + index)
            self._sockets[index].sendto(head + payload, ("127.0.0.1", port))

    def _payload(self, index: int, tick: int) -> bytes:
        if self._load.latency:
            if index or tick % BEEP_EVERY:
                return self._silence[tick % 50]
            self._beep_sent.append(time.monotonic())
            return self._talk[20]
        if index < self._load.talkers:
            return self._talk[(tick + 37 * index) % len(self._talk)]
        if self._load.silent == "dtx" and (tick + index) % 20:
            return b""
        return self._silence[tick % 50]

    def _receive(self, poll: select.epoll, by_file: dict[int, int]) -> None:
        offset = time.time() - time.monotonic()
        while ready := poll.poll(0):
            for file, _ in ready:
                index = by_file[file]
                datagram, ancillary, _, _ = self._sockets[index].recvmsg(2048, 64)
                if not self._measuring or datagram[1] & 127 != self._type:
                    continue
                seconds, rest = struct.unpack("@qq", ancillary[0][2][:16])
                arrival = seconds + rest * 1e-9 - offset
                sequence, timestamp = struct.unpack_from("!HI", datagram, 2)
                self._measured[index].take(arrival, sequence, timestamp, self._rate)
                if self._load.latency and index == 1:
                    self._listen(arrival, datagram[12:])

    def _listen(self, arrival: float, payload: bytes) -> None:
        """Mu-law codes far from zero are the beep; where in the packet it begins counts."""
        loud = np.flatnonzero((~np.frombuffer(payload, np.uint8) & 0x7F) > 0x30)
        if len(loud) and not self._beep_sounding:
            self._beep_heard.append(arrival + float(loud[0]) / 8000)
        self._beep_sounding = bool(len(loud))

    def _figures(self) -> dict[str, float]:
        wanted = self._load.seconds * 50 * self._load.legs
        packets = sum(one.packets for one in self._measured)
        lost = sum(
            (one.last - (one.first or 0) + 1 & 0xFFFF) - one.packets for one in self._measured if one.packets
        )
        gaps = np.sort(np.concatenate([one.gaps for one in self._measured] or [[0.0]])) * 1e3
        late = sum(
            int(np.sum(np.array(one.transits) - min(one.transits) > LATE_S))
            for one in self._measured
            if one.transits
        )
        delays = []
        for sent in self._beep_sent:
            heard = [moment for moment in self._beep_heard if 0.0 < moment - sent < 0.4]
            if heard:
                delays.append((heard[0] - sent) * 1e3)
        return {
            "missing_pct": 100 * (1 - packets / wanted),
            "lost_pct": 100 * lost / max(1, packets),
            "late_pct": 100 * late / max(1, packets),
            "jitter_p50_ms": float(gaps[len(gaps) // 2]) if len(gaps) else 0.0,
            "jitter_p99_ms": float(gaps[int(len(gaps) * 0.99)]) if len(gaps) else 0.0,
            "delay_p50_ms": float(np.median(delays)) if delays else 0.0,
            "delay_p95_ms": float(np.percentile(delays, 95)) if delays else 0.0,
            "beeps": float(len(delays)),
            "phones_late_ms": self._late * 1e3,
        }


def _socket() -> socket.socket:
    new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    new.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_TIMESTAMPNS", 35), 1)
    new.bind(("127.0.0.1", 0))
    return new


def _play(load: Load, pipe: Connection) -> None:
    # Before other programs, behind the media process: else their lateness is measured as its jitter.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    Phones(load, pipe).run()


def cpu_seconds(pid: int) -> float:
    """User and system CPU time of a process so far."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(load: Load) -> dict[str, float]:
    """Run one load against one media process and return all figures."""
    events: asyncio.Queue[contract.Event] = asyncio.Queue()
    ours, theirs = multiprocessing.Pipe()
    phones = multiprocessing.get_context("spawn").Process(target=_play, args=(load, theirs), daemon=True)
    phones.start()
    settings = MediaSettings(
        port_first=31000, port_last=31000 + 4 * load.legs + 99, realtime_priority=load.priority
    )
    pool = MediaPool(1, settings, events.put_nowait, print)
    await pool.start()
    try:
        remote = await asyncio.to_thread(ours.recv)
        await _set_up(pool, events, load, remote, ours)
        await asyncio.to_thread(ours.recv)
        pid = pool.pids[0]
        cpu, begun, before = cpu_seconds(pid), time.monotonic(), pool.figures[0]
        await asyncio.to_thread(ours.recv)
        cores = (cpu_seconds(pid) - cpu) / (time.monotonic() - begun)
        after = pool.figures[0]
        seen: dict[str, float] = await asyncio.to_thread(ours.recv)
        return {
            "cores": cores,
            **seen,
            "busy_p50_ms": after.tick_busy_ms_p50,
            "busy_p99_ms": after.tick_busy_ms_p99,
            "tick_late_p50_ms": after.tick_late_ms_p50,
            "tick_late_p99_ms": after.tick_late_ms_p99,
            "skipped": float(after.ticks_skipped - before.ticks_skipped),
            "decoded_a_tick": (after.decoded_frames - before.decoded_frames)
            / max(1, after.ticks - before.ticks),
            "encoded_a_tick": (after.encoded_frames - before.encoded_frames)
            / max(1, after.ticks - before.ticks),
            "memory_mb": resident_mb(pid),
            "drops": float(sum(after.drops.values()) - sum(before.drops.values())),
        }
    finally:
        await pool.stop()
        phones.join(5)


async def _set_up(
    pool: MediaPool, events: asyncio.Queue[contract.Event], load: Load, remote: list[int], pipe: Connection
) -> None:
    names = [f"leg{index}" for index in range(load.legs)]
    ports: dict[str, int] = {}
    for name in names:
        pool.place(name, "1001")
        pool.send(contract.OpenLeg(name, "127.0.0.1"))
    while len(ports) < load.legs:
        event = await events.get()
        if isinstance(event, contract.LegOpened):
            ports[event.leg] = event.port
    payload_type = {"opus": 111, "PCMU": 0, "PCMA": 8}[load.codec]
    for name, port in zip(names, remote, strict=True):
        audio = NegotiatedAudio(
            codec=load.codec,
            payload_type=payload_type,
            receive={payload_type: load.codec},
            remote=("127.0.0.1", port),
            remote_rtcp=("127.0.0.1", port + 1),
            rtcp_mux=True,
            opus_fec=True,
        )
        pool.send(contract.ConfigureLeg(name, audio))
    pool.send(contract.SetPlan(Plan("1001", tuple(Seat(name) for name in names))))
    await asyncio.sleep(0.2)
    pipe.send([ports[name] for name in names])


def main() -> None:
    """Print the figures of one load, a line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--codec", choices=["opus", "PCMU", "PCMA"], default="PCMU")
    parser.add_argument("--legs", type=int, default=100)
    parser.add_argument("--talkers", type=int, default=-1, help="how many talk; all if not given")
    parser.add_argument("--silent", choices=["coded", "dtx"], default="coded")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--warmup", type=float, default=2.0)
    parser.add_argument("--latency", action="store_true", help="one beeps, the others listen (PCMU)")
    parser.add_argument("--priority", type=int, default=10, help="real-time priority of the media process")
    told = parser.parse_args()
    talkers = told.legs if told.talkers < 0 else told.talkers
    load = Load(
        told.codec, told.legs, talkers, told.seconds, told.warmup, told.latency, told.priority, told.silent
    )
    figures = uvloop.run(measure(load))
    print(f"{load.legs} {load.codec}, {load.talkers} talking" + (", beeps" if load.latency else ""))
    for name, value in figures.items():
        print(f"  {name:18} {value:10.3f}")


if __name__ == "__main__":
    main()
