"""What a video worker is told at its start. It never changes while the process lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """One size of picture that a view is encoded in. Bit rates [bit/s]: who cannot get `least` gets a lower rung."""

    height: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """Settings of all video workers; the pool adds the conference and the socket of its media process.

    `rungs`: from the largest to the smallest; those above a scene's height are left out. `letterbox`: pictures of
    another shape than their tile are shown whole, with bars; else they are cut. `threads`: that decode, draw and
    encode. `nice`: that of the process. `own_budget`: what pictures of one's own, which a common one could stand for,
    may cost together [macroblocks of H.264 a second; 90,000 are one of 1280x720 at 25]: beyond it they are small, or
    the common one is shown. `x264_preset`, `vp8_speed` (cpu-used): how much care encoders take. `font`: a file, "" =
    the one that comes along.
    """

    rungs: tuple[Rung, ...] = (
        Rung(1080, 1_200_000, 3_000_000),
        Rung(720, 500_000, 1_500_000),
        Rung(360, 150_000, 500_000),
        Rung(180, 64_000, 150_000),
        Rung(90, 0, 64_000),  # for who takes no more than QCIF
    )
    letterbox: bool = True
    threads: int = 2
    nice: int = 5
    own_budget: int = 355_000  # three of 1280x720, in either codec
    x264_preset: str = "superfast"
    vp8_speed: int = -8
    font: str = ""
