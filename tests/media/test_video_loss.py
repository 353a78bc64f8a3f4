"""Keeps: bursts of loss freeze a picture for a moment only, what is asked for meanwhile stays little, and the rate that
is asked for goes down and comes back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from heapq import heappop, heappush
from itertools import cycle, pairwise

import pytest

from bridge.rtp import rtcp_feedback
from tests.media.bench_pictures import BROWSER, Camera, VideoLeg
from tests.media.vectors import VECTORS, beside

WAY_S = 0.03  # to the peer, and as long back

pytestmark = [pytest.mark.shared, beside]


def trace(name: str) -> Iterator[bool]:
    """Whether each packet gets lost, again and again."""
    with (VECTORS / "loss" / f"loss-{name}.csv").open() as lines:
        return cycle([row["drop"] == "1" for row in csv.DictReader(lines)])


class Line:
    """A browser behind a line that loses packets, in both what it sends first and what it sends again."""

    def __init__(self, fate: Iterator[bool]) -> None:
        self.leg = VideoLeg()
        self.leg.agree(replace(BROWSER, transport_cc=False), rtcp_reduced_size=True)
        self.leg.go(720)
        self.camera = Camera(501, 720, mid=b"1")
        self.repairs = Camera(601, mid=b"1")
        self.fate = fate
        self.way: list[tuple[float, int, bytes]] = []
        self.back: list[tuple[float, rtcp_feedback.Feedback]] = []
        self.times: list[float] = []
        self.rates: list[tuple[float, int]] = []
        self.nacks = self.keys = 0
        self._key = True
        self._number = 0

    def run(self, seconds: float) -> None:
        leg = self.leg
        for n in range(round(seconds * 50)):
            if n % 2 == 0:
                for packet in self.camera.picture(self._key, octets=12_000 if self._key else 5_000):
                    self._send(packet)
                self._key = False
            leg.pass_time(0.02)
            while self.way and self.way[0][0] <= leg.now:
                leg.watch(heappop(self.way)[2])
            self.times += [leg.now] * (len(leg.units) - len(self.times))
            self._hear()

    def _send(self, packet: bytes) -> None:
        if not next(self.fate):
            self._number += 1
            heappush(self.way, (self.leg.now + WAY_S, self._number, packet))

    def _hear(self) -> None:
        for packet in self.leg.asked:
            match packet:
                case rtcp_feedback.Nack() | rtcp_feedback.PictureLoss():
                    self.back.append((self.leg.now + WAY_S, packet))
                case rtcp_feedback.EstimatedBitrate(bitrate=bitrate):
                    self.rates.append((self.leg.now, bitrate))
                case _:
                    pass
        while self.back and self.back[0][0] <= self.leg.now:
            self._obey(self.back.pop(0)[1])

    def _obey(self, packet: rtcp_feedback.Feedback) -> None:
        if isinstance(packet, rtcp_feedback.PictureLoss):
            self.keys += 1
            self._key = True
        elif isinstance(packet, rtcp_feedback.Nack):
            for first, mask in packet.items:
                for number in [first, *(first + 1 + bit & 0xFFFF for bit in range(16) if mask >> bit & 1)]:
                    self.nacks += 1
                    before = self.camera.sent[number]
                    self.repairs.timestamp = int.from_bytes(before[4:8], "big")
                    payload = number.to_bytes(2, "big") + self.camera.payloads[number]
                    self._send(self.repairs.packet(payload, before[1] > 127, 97))

    @property
    def longest_freeze(self) -> float:
        return max(later - earlier for earlier, later in pairwise(self.times))


@pytest.mark.parametrize(
    ("name", "freeze", "share"), [("burst-05", 1.0, 0.97), ("burst-10", 1.0, 0.9), ("random-05", 0.5, 0.97)]
)
def test_pictures_are_back_soon_after_each_burst(name: str, freeze: float, share: float) -> None:
    line = Line(trace(name))
    line.run(60.0)
    assert line.longest_freeze <= freeze
    assert len(line.leg.units) >= share * 1500
    assert line.nacks < 0.25 * line.camera.number * 5
    assert not line.leg.faults


def test_less_is_asked_for_within_five_seconds_and_all_again_within_thirty() -> None:
    line = Line(trace("burst-10"))
    line.run(10.0)
    full = line.rates[0][1]
    begun = line.rates[0][0]
    lowered = next(when for when, rate in line.rates if rate < 0.95 * full)
    assert lowered - begun <= 5.0
    line.fate = cycle([False])
    line.run(30.0)
    assert line.rates[-1][1] >= 0.99 * full
