"""Decoded sound of one source that is not yet played, with what smooths its joints. At the codec's own rate."""

from __future__ import annotations

import numpy as np

from mixer.conceal import HISTORY_S, conceal, rejoin
from mixer.pcm import Samples, tail_of
from mixer.stretch import shrink, stretch

_LONGEST_S = 0.200  # more than this waiting is a fault of whoever gave it; the oldest is dropped and counted
_OVERLAP_S = 0.008
_REJOIN_S = 0.004
_REST_S = 0.010
_EMPTY = np.zeros(0, np.float32)


class Line:
    """A queue of samples, bounded to 200 ms (the oldest are dropped, counted in `overruns`)."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.overruns = 0
        self._sound = _EMPTY
        self._played = np.zeros(round(HISTORY_S * rate), np.float32)
        self._before_gap = self._played
        self._gap = 0

    def __len__(self) -> int:
        return len(self._sound)

    @property
    def plain(self) -> bool:
        """Nothing waits and nothing has to be joined: the next packet may be played as it is."""
        return not len(self._sound) and not self._gap

    def catch_up(self, count: int) -> None:
        """New units come although a whole frame of `count` still waits: ticks were left out, so leave its sound out."""
        if len(self._sound) >= count:
            self._sound = self._sound[len(self._sound) - len(self._sound) % count :]

    def clear(self) -> None:
        """Forget all that waits and all that was."""
        self._sound = _EMPTY
        self._played = np.zeros_like(self._played)
        self._gap = 0

    def remember(self, played: Samples) -> None:
        """What was played without coming through here; the newest is last, 40 ms are enough."""
        self._played = np.concatenate((self._played, played))[-len(self._played) :]

    def add(self, samples: Samples) -> None:
        """Sound that was really received."""
        if self._gap and len(samples):
            count = min(round(_REJOIN_S * self.rate), len(samples))
            samples = rejoin(conceal(self._before_gap, count, self._gap, self.rate), samples)
        self._gap = 0
        self._append(samples)

    def lose(self, count: int) -> None:
        """`count` samples are lost: the last pitch goes on and fades."""
        if not self._gap:
            self._before_gap = self._known()
        self._append(conceal(self._before_gap, count, self._gap, self.rate))
        self._gap += count

    def rest(self, count: int) -> None:
        """`count` samples of silence; what sounded before is faded out."""
        silence = np.zeros(count, np.float32)
        known = self._known()
        length = min(count, round(_REST_S * self.rate))
        if length and known[-length:].any():
            silence[:length] = tail_of(known, length)
        self._gap = 0
        self._append(silence)

    def shrink(self, count: int) -> None:
        """Take `count` samples out of what waits, where it is heard least."""
        if not count:
            return
        overlap = round(_OVERLAP_S * self.rate)
        if len(self._sound) >= count + overlap:
            self._sound = shrink(self._sound, count, overlap)
        else:
            self._sound = self._sound[count:]

    def stretch(self, count: int) -> None:
        """Put `count` samples into what waits, where it is heard least."""
        if not count:
            return
        overlap = round(_OVERLAP_S * self.rate)
        if len(self._sound) >= overlap and len(self._played) >= count:
            self._sound = stretch(self._played, self._sound, count, overlap)
        else:
            self.lose(count)

    def take(self, count: int) -> Samples:
        """The next `count` samples; what is missing counts as lost."""
        if len(self._sound) < count:
            self.lose(count - len(self._sound))
        frame, self._sound = self._sound[:count], self._sound[count:]
        self.remember(frame)
        return frame

    def _known(self) -> Samples:
        return np.concatenate((self._played, self._sound))[-len(self._played) :]

    def _append(self, samples: Samples) -> None:
        self._sound = np.concatenate((self._sound, samples))
        over = len(self._sound) - round(_LONGEST_S * self.rate)
        if over > 0:
            self.overruns += 1
            self._sound = self._sound[over:]
