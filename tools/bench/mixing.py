"""Milliseconds of the mixer's thread a tick, for N legs of one codec.

    OPENBLAS_NUM_THREADS=1 python -m tools.bench.mixing --codec opus --legs 100 --talkers 100

CPU time of the calling thread, after a second of warming up. Talkers send a voice-like sound, each from another place
of it; silent legs send coded silence, or nothing with --dtx.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from bridge.codec import g711, g722, opus
from bridge.codec.audio import Kind, kind, law
from bridge.codec.table import BY_NAME
from bridge.media.contract import ConfigureLeg, SetPlan
from bridge.media.mixing import AudioMixer, Job, Received
from bridge.rtp.units import Unit, UnitKind
from bridge.sdp.audio import NegotiatedAudio
from mixer.pcm import FRAME, RATE, Samples
from mixer.plan import Plan, Seat
from mixer.resample import TO_8K, TO_16K, Decimator

_CLIP_S = 4


def voice(seed: int) -> Samples:
    """A voice-like sound: harmonics of a wandering pitch, in syllables, with pauses."""
    random = np.random.default_rng(seed)
    length = _CLIP_S * RATE
    time_s = np.arange(length) / RATE
    pitch = (95 + 20 * (seed % 7)) * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time_s + seed))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.abs(np.sin(2 * np.pi * 2.1 * time_s + seed))
    sound += 0.02 * random.standard_normal(length)
    pause = np.repeat(random.random(_CLIP_S * 4) > 0.2, RATE // 4)
    return np.asarray(0.1 * sound * pause, np.float32)


def _low(sound: Samples, decimator: Decimator) -> Samples:
    extended = np.concatenate((np.zeros(decimator.history, np.float32), sound))
    return np.asarray(decimator.run(extended[np.newaxis])[0], np.float32)


def packets(codec: str, sound: Samples) -> list[bytes]:
    """20 ms packets of a sound at 48 kHz, as a usual sender of this codec makes them."""
    match kind(codec):
        case Kind.OPUS:
            encoder = opus.OpusEncoder(opus.Application.VOIP, 32_000, 5)
            frames = np.ascontiguousarray(sound.reshape(-1, FRAME))
            return [encoder.encode(opus.address(frame)) for frame in frames]
        case Kind.WIDE:
            wide = g722.G722Encoder()
            return [wide.encode(frame) for frame in _low(sound, TO_16K).reshape(-1, g722.FRAME)]
        case _:
            return [row.tobytes() for row in g711.encode(_low(sound, TO_8K).reshape(-1, 160), law(codec))]


class Load:
    """Rooms full of legs, and what they send."""

    def __init__(self, codec: str, legs: int, talkers: int, dtx: bool, rooms: int) -> None:
        payload_type = BY_NAME[codec.lower()].payload_type
        clips = [packets(codec, voice(seed)) for seed in range(8)]
        silence = packets(codec, np.zeros(RATE, np.float32))
        pause = (Unit(UnitKind.SILENCE, payload_type, b"", FRAME),)
        self.mixer = AudioMixer()
        self._names = [f"leg{number}" for number in range(legs)]
        talk = [[(Unit(UnitKind.PACKET, payload_type, packet, FRAME),) for packet in clip] for clip in clips]
        quiet = [(Unit(UnitKind.PACKET, payload_type, packet, FRAME),) for packet in silence]
        self._tracks = [
            talk[number % 8][number * 7 :] + talk[number % 8][: number * 7]
            if number < talkers
            else ([pause] if dtx else quiet)
            for number in range(legs)
        ]
        self._number = 0
        audio = NegotiatedAudio(
            codec, payload_type, {payload_type: codec}, ("127.0.0.1", 4000), ("127.0.0.1", 4001)
        )
        self._commands: list[ConfigureLeg | SetPlan] = [ConfigureLeg(name, audio) for name in self._names]
        for room in range(rooms):
            self._commands.append(
                SetPlan(Plan(str(room), tuple(Seat(name) for name in self._names[room::rooms])))
            )

    def job(self) -> Job:
        """The next tick's."""
        number = self._number
        self._number += 1
        received = [
            Received(name, track[number % len(track)])
            for name, track in zip(self._names, self._tracks, strict=True)
        ]
        commands, self._commands = self._commands, []
        return Job([*commands], received)


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--codec", default="opus", choices=["opus", "G722", "PCMU", "PCMA"])
    parser.add_argument("--legs", type=int, default=100)
    parser.add_argument("--talkers", type=int, default=-1, help="default: all")
    parser.add_argument("--rooms", type=int, default=1, help="the legs are spread over so many")
    parser.add_argument("--dtx", action="store_true", help="silent legs send nothing")
    parser.add_argument("--ticks", type=int, default=500)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    told = parser.parse_args()
    talkers = told.legs if told.talkers < 0 else told.talkers
    load = Load(told.codec, told.legs, talkers, told.dtx, told.rooms)
    for _ in range(50):
        load.mixer.tick(load.job())
    profile = cProfile.Profile()
    spent: list[float] = []
    decoded = encoded = sent = 0
    for _ in range(told.ticks):
        job = load.job()
        if told.profile:
            profile.enable()
        begun = time.thread_time()
        result = load.mixer.tick(job)
        spent.append(1000 * (time.thread_time() - begun))
        profile.disable()
        decoded += result.decoded_frames
        encoded += result.encoded_frames
        sent += sum(len(packet.legs) for packet in result.outgoing)
    ticks = told.ticks
    print(
        f"{told.codec} {told.legs} legs, {talkers} talking"
        f"{', others DTX' if told.dtx else ''}{f', {told.rooms} rooms' if told.rooms > 1 else ''}: "
        f"{statistics.fmean(spent):.2f} ms a tick (p50 {statistics.median(spent):.2f}, "
        f"p99 {sorted(spent)[ticks * 99 // 100]:.2f}), "
        f"{decoded / ticks:.1f} decoded, {encoded / ticks:.1f} encoded, {sent / ticks:.1f} sent a tick"
    )
    if told.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(22)


if __name__ == "__main__":
    main()
