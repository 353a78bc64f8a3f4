"""The RTP half of the test phone: talks G.711, presses keys, and remembers every packet with the time it came."""

from __future__ import annotations

import itertools
import random
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.peers.g711 import LAWS, RATE
from tests.peers.sound import Recording, sine

FRAME = RATE // 50
FRAME_SECONDS = 0.02
KEYS = "0123456789*#ABCD"
_HEADER = struct.Struct("!BBHII")
# A packet whose timestamp is further than this from where its arrival puts it starts a new stretch of sound.
_REANCHOR_SECONDS = 0.25


class Packet(NamedTuple):
    """An RTP packet as received at `arrival` [monotonic seconds]."""

    arrival: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Reception:
    """How the packets of a stretch of time came in; gaps between arrivals in seconds, `missing` by sequence number."""

    packets: int
    missing: int
    longest_gap: float
    per_second: float


class Voice:
    """One UDP port. Its owner calls `send_due` and `receive` in turn (the phone's thread); the rest is for the test.

    `tone` [Hz] is what it says, None is silence coded as sound; with `sending` False it sends nothing at all.
    """

    def __init__(self, codec: str, tone: float | None, address: str, level: float = 0.3) -> None:
        self.codec = codec
        self.level = level
        self.tone = tone
        self.sending = True
        self.packets: list[Packet] = []
        self.sent = 0
        self.next_send = time.monotonic()
        self.ssrc = random.getrandbits(32)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self._socket.setblocking(False)
        self._remote: tuple[str, int] | None = None
        self._event_type = 101
        self._sequence = random.getrandbits(15)
        self._clock = random.getrandbits(31)
        self._phase = 0
        # (whether it begins a key, event payload; empty: a pause in which sound is sent). Bounded by the test.
        self._keys: deque[tuple[bool, bytes]] = deque()
        self._event_clock = 0
        self._wave: tuple[float | None, str, bytes] = (None, "", b"")
        self._lock = threading.Lock()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def connect(self, remote: tuple[str, int] | None, codec: str, event_type: int) -> None:
        """Talk to `remote` from now on (None: to nobody)."""
        self.codec, self._event_type, self._remote = codec, event_type, remote

    def close(self) -> None:
        self._socket.close()

    def press(self, keys: str, tone_ms: int = 100, pause_ms: int = 100) -> None:
        """Queue keys as RFC 4733 events, `tone_ms` long; the end packet is sent three times (section 2.5.1.4)."""
        steps = max(1, tone_ms // 20)
        with self._lock:
            for key in keys:
                code = KEYS.index(key)
                for step in range(1, steps + 3):
                    duration = min(step, steps) * FRAME
                    event = struct.pack("!BBH", code, 10 | 0x80 * (step >= steps), duration)
                    self._keys.append((step == 1, event))
                self._keys.extend([(False, b"")] * (pause_ms // 20))

    @property
    def pressing(self) -> bool:
        """Whether keys are still to be sent."""
        return bool(self._keys)

    def send_due(self, now: float) -> None:
        """Send what is due by `now`; what is more than 0.2 s overdue is left out, as a microphone would."""
        if now - self.next_send > 0.2:
            skipped = int((now - self.next_send) / FRAME_SECONDS)
            self.next_send += skipped * FRAME_SECONDS
            self._clock += skipped * FRAME
        while self.next_send <= now:
            self.next_send += FRAME_SECONDS
            if self._remote is not None and self.sending:
                self._send_frame(self._remote)
            self._clock += FRAME

    def _send_frame(self, remote: tuple[str, int]) -> None:
        with self._lock:
            first, event = self._keys.popleft() if self._keys else (False, b"")
        if event:
            if first:
                self._event_clock = self._clock
            self._send(remote, self._event_type, first, self._event_clock, event)
        else:
            self._send(remote, LAWS[self.codec].payload_type, self.sent == 0, self._clock, self._frame())

    def _send(
        self, remote: tuple[str, int], payload_type: int, marker: bool, clock: int, payload: bytes
    ) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = _HEADER.pack(0x80, payload_type | marker << 7, self._sequence, clock & 0xFFFFFFFF, self.ssrc)
        try:
            self._socket.sendto(header + payload, remote)
        except (BlockingIOError, ConnectionRefusedError):
            return
        self.sent += 1

    def _frame(self) -> bytes:
        """The next 20 ms. A second of the wave is made once: whole tones in Hz fit into it without a click."""
        if self._wave[:2] != (self.tone, self.codec):
            samples = (
                np.zeros(RATE, np.float32) if self.tone is None else sine(self.tone, 1, RATE, self.level)
            )
            self._wave = (self.tone, self.codec, LAWS[self.codec].encode(samples))
        start = self._phase
        self._phase = (self._phase + FRAME) % RATE
        return self._wave[2][start : start + FRAME]

    def receive(self) -> None:
        """Take in what has come."""
        while True:
            try:
                datagram = self._socket.recv(2048)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if len(datagram) < 12 or datagram[0] != 0x80:
                continue
            _, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
            self.packets.append(
                Packet(time.monotonic(), second & 127, second > 127, sequence, timestamp, ssrc, datagram[12:])
            )

    def heard(self, start: float, end: float | None = None) -> Recording:
        """What was heard from `start` to `end` (now) [monotonic seconds]: silence where no packet was."""
        end = time.monotonic() if end is None else end
        samples = np.zeros(max(0, round((end - start) * RATE)), np.float32)
        laws = {law.payload_type: law for law in LAWS.values()}
        anchor, ssrc, first = 0.0, -1, 0
        for packet in list(self.packets):
            if packet.payload_type not in laws:
                continue
            played = anchor + ((packet.timestamp - first + 2**31) % 2**32 - 2**31) / RATE
            if packet.ssrc != ssrc or abs(packet.arrival - played) > _REANCHOR_SECONDS:
                anchor, ssrc, first, played = packet.arrival, packet.ssrc, packet.timestamp, packet.arrival
            decoded = laws[packet.payload_type].decode(packet.payload)
            at = round((played - start) * RATE)
            if 0 <= at < len(samples):
                part = decoded[: len(samples) - at]
                samples[at : at + len(part)] = part
        return Recording(samples, RATE)

    @property
    def keys(self) -> str:
        """Keys that came as RFC 4733 events, each told by its timestamp."""
        events = {
            packet.timestamp: packet.payload[0]
            for packet in list(self.packets)
            if packet.payload_type == self._event_type
        }
        return "".join(KEYS[code] for code in events.values())

    def reception(self, start: float, end: float | None = None) -> Reception:
        """How packets came between `start` and `end` (now) [monotonic seconds]."""
        end = time.monotonic() if end is None else end
        chosen = [packet for packet in list(self.packets) if start <= packet.arrival < end]
        arrivals = [start, *(packet.arrival for packet in chosen), end]
        steps = (
            (later.sequence - earlier.sequence) & 0xFFFF
            for earlier, later in itertools.pairwise(chosen)
            if later.ssrc == earlier.ssrc
        )
        return Reception(
            packets=len(chosen),
            missing=sum(step - 1 for step in steps if 1 < step < 3000),
            longest_gap=max(b - a for a, b in itertools.pairwise(arrivals)),
            per_second=len(chosen) / (end - start),
        )
