"""What fuzzing runs on the codecs: any payload gives sound of finite size, and a good one after it is understood."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bridge.codec import g711, g722, opus
from bridge.media.hearing import OpusHearing, TelephoneHearing, WideHearing
from bridge.rtp.units import Unit, UnitKind
from mixer.pcm import FRAME
from tests.mixer.sounds import sine

_ROOM = np.zeros(opus.MAX_SAMPLES, np.float32)
_OUT = np.zeros(FRAME, np.float32)
_DECODER = opus.OpusDecoder()
_G722 = g722.G722Decoder()
_KINDS = tuple(UnitKind)
_HEARINGS = (TelephoneHearing(g711.Law.MU), WideHearing(), OpusHearing())


def _opus_seeds() -> list[bytes]:
    tone = np.ascontiguousarray(sine(300, 0.12, 0.3))
    seeds = []
    for application, bitrate, samples in (
        (opus.Application.VOIP, 32_000, 960),
        (opus.Application.VOIP, 9_000, 2880),
        (opus.Application.LOW_DELAY, 40_000, 480),
    ):
        encoder = opus.OpusEncoder(application, bitrate, 5, fec=True, loss_percent=20)
        seeds += [encoder.encode(opus.address(tone), samples) for _ in range(3)]
    return seeds


def _finite(sound: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    assert np.isfinite(sound).all()


def fuzz_opus(payload: bytes) -> None:
    """Decode, recover with it, ask what it says."""
    opus.says_nothing(payload)
    count = _DECODER.decode(payload, opus.address(_ROOM), opus.MAX_SAMPLES)
    assert 0 <= count <= opus.MAX_SAMPLES
    _finite(_ROOM[:count])
    _DECODER.recover(payload, opus.address(_ROOM), FRAME)
    _finite(_ROOM[:FRAME])


def fuzz_g711(payload: bytes) -> None:
    """Any octets are sound."""
    for law in g711.Law:
        assert len(g711.decode(np.frombuffer(payload, np.uint8), law)) == len(payload)
    if payload:
        assert g711.power(g711.codes([payload]), g711.Law.A)[0] <= 1


def fuzz_g722(payload: bytes) -> None:
    """Any octets are sound."""
    assert len(_G722.decode(payload)) == 2 * len(payload)


def _units(octets: bytes) -> list[tuple[Unit, ...]]:
    """Ticks of units that no jitter buffer would give, made of the octets."""
    ticks = []
    for at in range(0, min(len(octets), 24), 8):
        kind, size, samples = (octets + bytes(12))[at : at + 3]
        unit = Unit(_KINDS[kind % len(_KINDS)], 0, octets[at : at + size], samples * 30)
        ticks.append((unit,) * (1 + kind % 2))
    return ticks


def fuzz_hearing(octets: bytes) -> None:
    """Whatever the units are, each tick gives one frame."""
    hearing = _HEARINGS[octets[-1] % len(_HEARINGS)] if octets else _HEARINGS[0]
    hearing.clear()
    for number, units in enumerate(_units(octets)):
        hearing.take(units)
        if not isinstance(hearing, OpusHearing):
            assert hearing.row is None or len(hearing.row) > 160
        elif hearing.simple and number % 2:
            hearing.probe(_OUT, opus.address(_OUT))
        else:
            hearing.render(_OUT, opus.address(_OUT))
            _finite(_OUT)


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "opus": (fuzz_opus, _opus_seeds()),
    "g711": (fuzz_g711, [bytes(range(160)), b"\xff" * 80]),
    "g722": (fuzz_g722, [bytes(range(160)), b"\xfa" * 320]),
    "hearing": (fuzz_hearing, [bytes(range(256)), bytes(range(255, -1, -1)), bytes(range(100, 151))]),
}
