"""Made pictures and streams: a textured background, something that moves before it, noise; the same for each seed."""

from __future__ import annotations

import functools

import numpy as np

from bridge.codec.video_encoder import Encoded, Quality, make_encoder
from bridge.video.contract import AccessUnit
from mixer.picture import Picture

FPS = 25


@functools.cache
def pictures(width: int, height: int, count: int = 25, seed: int = 1) -> tuple[Picture, ...]:
    """So many pictures, to be played to and fro."""
    random = np.random.default_rng(seed)
    small = random.integers(40, 200, (height // 8 + 2, width // 8 + 2), np.uint8)
    texture = np.kron(small, np.ones((8, 8), np.uint8))[:height, :width]
    noise = random.integers(0, 5, (height * 2, width), np.uint8)
    made = []
    for number in range(count):
        picture = Picture.make(width, height)
        start = int(random.integers(0, height))
        picture.y[:] = texture // 2 + 60 + noise[start : start + height]
        left = int((width // 2) * (0.5 + 0.4 * np.sin(number / 4)))
        top = height // 4
        picture.y[top : top + height // 2, left : left + width // 4] = texture[: height // 2, : width // 4]
        picture.u[:] = 90 + 20 * (seed % 4)
        picture.v[:] = 150 - 15 * (seed % 5)
        made.append(picture)
    return tuple(made)


@functools.cache
def stream(
    codec: str, width: int, height: int, count: int = 25, seed: int = 1, bitrate: int = 500_000
) -> tuple[Encoded, ...]:
    """A loop of encoded pictures: the first is a key frame."""
    there = pictures(width, height, (count + 1) // 2 + 1, seed)
    order = [*there, *there[-2:0:-1]][:count]
    encoder = make_encoder(codec, Quality(width, height, FPS, bitrate), bitrate)
    made = [encoder.encode(picture, number / FPS, number == 0) for number, picture in enumerate(order)]
    return tuple(one for one in made if one is not None)


def unit(
    source: str, codec: str, encoded: Encoded, now: float, due: float | None = None, rotation: int = 0
) -> AccessUnit:
    """What media would give of it, arrived now."""
    return AccessUnit(
        source, codec, encoded.key, now, now if due is None else due, rotation, 0, 0, encoded.octets
    )
