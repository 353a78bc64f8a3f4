"""Who is mixed: the K loudest, with enough patience that the choice does not flutter.

A source's level is smoothed (up at once, down with 200 ms). The gate keeps out what is quieter than our own comfort
noise. Up to K + 1 sources are all mixed; in larger rooms those inside have 3 dB in advance, and 6 dB during their
first half second, so a newcomer has to be clearly louder than the quietest of them, or find a free place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mixer.pcm import Index, Vector

GATE_OPEN_DBOV = -66.0
GATE_CLOSE_DBOV = -69.0
TALKING_DBOV = -50.0
_ATTACK = np.float32(0.7)
_DECAY = np.float32(0.1)
_ADVANCE = 10 ** (3 / 10)
_NEWCOMER_ADVANCE = 10 ** (6 / 10)
NEWCOMER_TICKS = 25
_OPEN = np.float32(10 ** (GATE_OPEN_DBOV / 10))
_CLOSE = np.float32(10 ** (GATE_CLOSE_DBOV / 10))
_TALKING = np.float32(10 ** (TALKING_DBOV / 10))
# A line with constant noise does not talk: the threshold rises to 9 dB over its floor, but not above -36 dBov.
_FLOOR_CAP = np.float32(10 ** (-45 / 10))
_OVER_FLOOR = np.float32(10 ** (9 / 10))
_FLOOR_RISE = np.float32(10 ** (0.03 / 10))  # 1.5 dB a second
_FLOOR_FALL = np.float32(0.2)
_FLOOR_LEAST = np.float32(1e-9)
_RELEASE = np.float32(10 ** (-6 / 10))  # talking ends 6 dB under where it began


def smooth(smoothed: Vector, power: Vector) -> Vector:
    """The next smoothed powers from the last ones and this tick's mean squares; all (n,)."""
    weight = np.where(power > smoothed, _ATTACK, _DECAY)
    return np.asarray(smoothed + weight * (power - smoothed), np.float32)


def follow_floor(floor: Vector, power: Vector) -> Vector:
    """The next noise floors: they rise slowly and fall quickly."""
    risen = np.minimum(np.maximum(floor, _FLOOR_LEAST) * _FLOOR_RISE, _FLOOR_CAP)
    fallen = np.maximum(floor + _FLOOR_FALL * (power - floor), _FLOOR_LEAST)
    return np.asarray(np.where(power < floor, fallen, risen), np.float32)


def talking(smoothed: Vector, floor: Vector, before: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Who talks now, given who did."""
    threshold = np.maximum(_TALKING, floor * _OVER_FLOOR)
    return np.asarray(smoothed > np.where(before, threshold * _RELEASE, threshold))


def choose(smoothed: Vector, active: npt.NDArray[np.bool_], since: Index, loudest: int) -> Index:
    """The sources to mix in this tick.

    `smoothed` (n,): powers of all sources that may be heard. `active` (n,): mixed in the last tick. `since` (n,): for
    how many ticks. `loudest`: K. Returns ascending indices into these, at most K, or K + 1 if that is everybody.
    """
    audible = (smoothed > np.where(active, _CLOSE, _OPEN)).nonzero()[0]
    places = loudest if len(smoothed) > loudest + 1 else loudest + 1
    if len(audible) <= places:
        return audible
    advance = np.where(since < NEWCOMER_TICKS, _NEWCOMER_ADVANCE, _ADVANCE)
    score = smoothed * np.where(active, advance, 1.0)
    order = np.argsort(-score[audible], kind="stable")
    return np.sort(audible[order[:places]])
