"""What plays to whom: queues of prompts, background loops, ducking.

A *play* is one `Play` command. While it plays, its *cursor* holds the place and is shared by all legs that began it in
the same tick, so they hear the same samples and share one encoder. A leg has at most one prompt in the foreground and
one loop in the background, which is heard when there is no prompt. Under a prompt the room is 12 dB softer and the
background silent; when it ends both come back within 200 ms.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Iterable

import numpy as np

from bridge.media.contract import Play
from bridge.media.prompts import MUSIC, Prompts, Recording
from mixer.pcm import FADE, FADE_OUT, FRAME, Samples, amplitude, ramp

QUEUE = 8  # plays waiting for one leg; the newest is dropped beyond that
DUCK = amplitude(-12.0)
_RELEASE = 0.1  # of the ducking in each tick
_NOTHING = np.zeros(FRAME, np.float32)


class _Piece:
    """A play on its way: its recordings, and the legs that have not heard it to the end."""

    def __init__(self, command: Play, prompts: Prompts) -> None:
        self.play = command.play
        self.loop = command.loop
        self.recordings: list[Recording] = [prompts.get(name, command.language) for name in command.prompts]
        self.waiting = set(command.legs)
        music = command.loop and all(name.startswith(MUSIC) for name in command.prompts)
        # Music has no beginning that matters: legs that get the same loop share the place it has reached.
        self.shared = (command.prompts, command.language) if music else None


class Cursor:
    """A place in a play.

    `frame`: this tick's sound. `duck`: how far what is below is drawn back, 0 to 1, before and after this tick.
    `ended`: no sound after this tick. `done`: nothing at all after this tick, the ducking has gone too.
    """

    def __init__(
        self, piece: _Piece, duck: float, place: tuple[int, int] = (0, 0), stopping: bool = False
    ) -> None:
        self.piece = piece
        self.duck = (duck, duck)
        self.ended = self.done = False
        self.frame: Samples = _NOTHING
        self._recording, self._position = place
        self._stopping = stopping
        self._tick = -1

    @property
    def sounding(self) -> bool:
        """There is sound in this tick's frame."""
        return self.frame is not _NOTHING

    def advance(self, tick: int) -> None:
        """Be at tick number `tick`; asked again in the same tick it does nothing."""
        if tick == self._tick:
            return
        self._tick = tick
        before = self.duck[1]
        if self.ended:
            self.frame = _NOTHING
            self._release(before)
            return
        self.frame = self._next_frame()
        self.duck = (before, 1.0)
        if self._stopping:
            self.frame[:FADE] *= FADE_OUT
            self.frame[FADE:] = 0
            self.ended = True
            self._release(before)

    def stopped(self) -> Cursor:
        """What fades out from here."""
        return Cursor(self.piece, self.duck[1], (self._recording, self._position), stopping=True)

    def _release(self, before: float) -> None:
        after = before - _RELEASE
        self.duck = (before, after if after > 1e-6 else 0.0)
        self.done = self.duck[1] == 0.0

    def _next_frame(self) -> Samples:
        recordings = self.piece.recordings
        recording = recordings[self._recording]
        frame = recording.frame(self._position)
        self._position += 1
        if self._position == recording.frames:
            self._position = 0
            self._recording += 1
            if self._recording == len(recordings):
                self._recording = 0
                self.ended = not self.piece.loop
        return frame


class Playlist:
    """What plays, and will play, to one leg."""

    __slots__ = ("background", "leg", "loop", "prompt", "queue")

    def __init__(self, leg: str) -> None:
        self.leg = leg
        self.prompt: Cursor | None = None
        self.background: Cursor | None = None
        self.loop: _Piece | None = None  # what `background` plays; the cursor may be that of another play
        self.queue: deque[_Piece] = deque()  # bounded by QUEUE in `Player._enqueue`


class Player:
    """All plays of the process.

    A tick goes: commands (`play`, `stop`, `forget`), `step`, `overlay` for each leg.
    """

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._lists: dict[str, Playlist] = {}
        self._ended: list[str] = []
        self._changed: set[str] = set()
        # Cursors made in this tick, so that legs that begin or stop together go on together.
        self._begun: dict[tuple[_Piece, float], Cursor] = {}
        self._stopped: dict[Cursor, Cursor] = {}
        self.counters: Counter[str] = Counter()

    def overlay(self, leg: str) -> tuple[Cursor | None, Cursor | None]:
        """The leg's prompt and background in this tick."""
        playlist = self._lists.get(leg)
        return (playlist.prompt, playlist.background) if playlist else (None, None)

    def play(self, command: Play, known: Container[str]) -> None:
        """Take a play for those of its legs that are `known`; for the others it is ended."""
        piece = _Piece(command, self._prompts)
        legs = [leg for leg in dict.fromkeys(command.legs) if leg in known]
        piece.waiting = set(legs)
        if not legs or not piece.recordings:
            self._ended.append(piece.play)
            return
        for leg in legs:
            self._enqueue(self._lists.setdefault(leg, Playlist(leg)), piece, command.interrupt)

    def stop(self, legs: Iterable[str]) -> None:
        """Stop all that plays to these legs, background too."""
        for leg in legs:
            playlist = self._lists.get(leg)
            if playlist is not None:
                self._stop_prompt(playlist)
                self._stop_background(playlist)

    def forget(self, leg: str) -> None:
        """The leg is gone; what played to it has ended for it."""
        playlist = self._lists.pop(leg, None)
        if playlist is None:
            return
        self._changed.discard(leg)
        playing = playlist.prompt.piece if playlist.prompt else None
        for piece in (playing, playlist.loop, *playlist.queue):
            if piece is not None:
                self._heard(piece, leg)

    def step(self, tick: int) -> tuple[set[str], list[str]]:
        """One tick on. Returns the legs with another prompt or background than before, and the plays that ended."""
        for playlist in list(self._lists.values()):
            self._turn(playlist)
            if playlist.background is not None:
                playlist.background.advance(tick)
            if playlist.prompt is not None:
                playlist.prompt.advance(tick)
                if playlist.prompt.ended:
                    self._heard(playlist.prompt.piece, playlist.leg)
        self._begun.clear()
        self._stopped.clear()
        changed, self._changed = self._changed, set()
        ended, self._ended = self._ended, []
        return changed, ended

    def _turn(self, playlist: Playlist) -> None:
        """Drop what is over, begin what waits."""
        prompt, background = playlist.prompt, playlist.background
        if background is not None and background.ended:
            playlist.background = None
            self._changed.add(playlist.leg)
        if prompt is not None and not prompt.ended:
            return
        if playlist.queue:
            playlist.prompt = self._begin(playlist.queue.popleft(), prompt.duck[1] if prompt else 0.0)
            self._changed.add(playlist.leg)
        elif prompt is not None and prompt.done:
            playlist.prompt = None
            self._changed.add(playlist.leg)
        if playlist.prompt is None and playlist.background is None:
            del self._lists[playlist.leg]

    def _enqueue(self, playlist: Playlist, piece: _Piece, interrupt: bool) -> None:
        if interrupt:
            self._stop_prompt(playlist)
        if piece.loop:
            self._stop_background(playlist)
            playlist.loop, playlist.background = piece, self._loop(piece)
            self._changed.add(playlist.leg)
        elif len(playlist.queue) < QUEUE:
            playlist.queue.append(piece)
        else:
            self.counters["play-dropped"] += 1
            self._heard(piece, playlist.leg)

    def _loop(self, piece: _Piece) -> Cursor:
        """The cursor of a new loop: that of the same music, if it plays already."""
        if piece.shared:
            for playlist in self._lists.values():
                cursor = playlist.background
                if cursor is not None and not cursor.ended and cursor.piece.shared == piece.shared:
                    return cursor
        return self._begin(piece, 0.0)

    def _begin(self, piece: _Piece, duck: float) -> Cursor:
        key = (piece, duck)
        cursor = self._begun.get(key)
        if cursor is None:
            cursor = self._begun[key] = Cursor(piece, duck)
        return cursor

    def _stop_prompt(self, playlist: Playlist) -> None:
        for piece in playlist.queue:
            self._heard(piece, playlist.leg)
        playlist.queue.clear()
        if playlist.prompt is not None:
            self._heard(playlist.prompt.piece, playlist.leg)
            playlist.prompt = self._stop(playlist.prompt, playlist.leg)

    def _stop_background(self, playlist: Playlist) -> None:
        if playlist.background is not None and playlist.loop is not None:
            self._heard(playlist.loop, playlist.leg)
            playlist.loop = None
            playlist.background = self._stop(playlist.background, playlist.leg)

    def _stop(self, cursor: Cursor, leg: str) -> Cursor:
        """What is heard of `cursor` after it is stopped; the same for all legs that stop it in one tick."""
        if cursor.ended:
            return cursor
        self._changed.add(leg)
        stopped = self._stopped.get(cursor)
        if stopped is None:
            stopped = self._stopped[cursor] = cursor.stopped()
        return stopped

    def _heard(self, piece: _Piece, leg: str) -> None:
        """The play is over for this leg; told when it is over for all."""
        if leg in piece.waiting:
            piece.waiting.remove(leg)
            if not piece.waiting:
                self._ended.append(piece.play)


def lay_over(under: Samples, prompt: Cursor | None, background: Cursor | None) -> Samples:
    """What a leg hears that would hear `under` (960,) alone."""
    if prompt is None:
        return under if background is None else under + background.frame
    before, after = prompt.duck
    under = under * ramp(1.0 - (1.0 - DUCK) * before, 1.0 - (1.0 - DUCK) * after) + prompt.frame
    if background is not None:
        under = under + background.frame * ramp(1.0 - before, 1.0 - after)
    return under
