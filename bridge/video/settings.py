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
    another shape than their tile are shown whole, with bars; else they are cut. `threads`: for codecs. `nice`: that of
    the process. `x264_preset`, `vp8_speed` (cpu-used): how much care encoders take. `font`: a file,
    "" = the one that comes along.
    """

    rungs: tuple[Rung, ...] = (
        Rung(1080, 1_200_000, 3_000_000),
        Rung(720, 500_000, 1_500_000),
        Rung(360, 150_000, 500_000),
        Rung(180, 64_000, 150_000),
    )
    letterbox: bool = True
    threads: int = 2
    nice: int = 5
    x264_preset: str = "superfast"
    vp8_speed: int = -8
    font: str = ""
