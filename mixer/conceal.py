"""Filling a gap in a sound for codecs that cannot do so themselves: the last pitch period goes on, and fades.

In the manner of ITU-T G.711 Appendix I: the period is found by correlation, repeated, faded out by 60 ms, and
joined to what comes after the gap. All rates; lengths in samples of the sound's own rate.
"""

from __future__ import annotations

import numpy as np

from mixer.pcm import Samples, raised_cosine

HISTORY_S = 0.040  # of sound that the search looks at
_LONGEST_S = 0.015  # pitch periods looked for: 67 to 400 Hz
_SHORTEST_S = 0.0025
_HOLD_S = 0.010  # unfaded
_GONE_S = 0.060  # silent from here on


def pitch(history: Samples, rate: int) -> int:
    """The period [samples] after which the end of `history` resembles itself most."""
    longest, shortest = round(_LONGEST_S * rate), round(_SHORTEST_S * rate)
    window = min(len(history) - longest, round(0.020 * rate))
    newest = history[len(history) - window :]
    older = history[len(history) - window - longest : len(history) - shortest]
    energy = np.concatenate(([0.0], np.cumsum(np.square(older, dtype=np.float64))))
    likeness = np.correlate(older, newest, "valid") / np.sqrt(energy[window:] - energy[:-window] + 1e-9)
    return longest - int(np.argmax(likeness))


def conceal(history: Samples, count: int, already: int, rate: int) -> Samples:
    """The next `count` samples of a gap after `history`, the last 40 ms that were really heard (newest last).

    `already`: samples of this gap that were concealed before; they decide how far the fade is.
    """
    if already >= _GONE_S * rate:
        return np.zeros(count, np.float32)
    period = pitch(history, rate)
    cycle = history[len(history) - period :].copy()
    overlap = period // 4
    # The cycle's end is bent towards what came before its beginning, so that repeating it has no seam.
    rise = raised_cosine(overlap)
    before = history[len(history) - period - overlap : len(history) - period]
    cycle[period - overlap :] = cycle[period - overlap :] * (1 - rise) + before * rise
    place = np.arange(already, already + count)
    fade = np.clip((_GONE_S * rate - place) / ((_GONE_S - _HOLD_S) * rate), 0.0, 1.0)
    return np.asarray(cycle[place % period] * fade, np.float32)


def rejoin(guess: Samples, sound: Samples) -> Samples:
    """`sound` with its beginning faded over from `guess`, what concealment would have said there."""
    rise = raised_cosine(len(guess))
    joined = sound.copy()
    joined[: len(guess)] = guess * (1 - rise) + sound[: len(guess)] * rise
    return joined
