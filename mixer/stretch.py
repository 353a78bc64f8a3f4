"""Taking a frame out of a sound, or putting one in, where it hurts least.

The removed or repeated stretch has exactly the asked length, so that time stays whole; what is searched is the place:
where the sound and itself that much later differ least (in pauses, or in phase with the pitch). The two are joined by
a raised-cosine cross-fade.
"""

from __future__ import annotations

import numpy as np

from mixer.pcm import Samples, raised_cosine


def _best_place(first: Samples, second: Samples, overlap: int) -> int:
    """Where `overlap` samples of both differ least; the earliest of equals."""
    distance = np.concatenate(([0.0], np.cumsum(np.square(first - second, dtype=np.float64))))
    return int(np.argmin(np.round(distance[overlap:] - distance[:-overlap], 12)))


def _join(first: Samples, second: Samples) -> Samples:
    rise = raised_cosine(len(first))
    return np.asarray(first * (1 - rise) + second * rise, np.float32)


def shrink(sound: Samples, count: int, overlap: int) -> Samples:
    """`sound` without `count` samples. Needs at least count + overlap samples, else ValueError."""
    places = len(sound) - count
    if places < overlap:
        raise ValueError(f"{len(sound)} samples are too few to take {count} out")
    place = _best_place(sound[:places], sound[count:], overlap)
    joined = _join(sound[place : place + overlap], sound[place + count : place + count + overlap])
    return np.concatenate((sound[:place], joined, sound[place + count + overlap :]))


def stretch(played: Samples, sound: Samples, count: int, overlap: int) -> Samples:
    """`sound` with `count` samples more: somewhere it steps back by that much and goes on.

    `played`: what was heard before it, at least `count` samples. `sound`: at least `overlap` samples. Else ValueError.
    """
    if len(played) < count or len(sound) < overlap:
        raise ValueError(f"{len(played)} and {len(sound)} samples are too few to put {count} in")
    known = np.concatenate((played[len(played) - count :], sound))
    place = _best_place(sound, known[: len(sound)], overlap)
    joined = _join(sound[place : place + overlap], known[place : place + overlap])
    return np.concatenate((sound[:place], joined, known[place + overlap :]))
