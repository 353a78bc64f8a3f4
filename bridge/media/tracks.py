"""The sources of one stream of pictures: which one is shown, and which takes its place at its next key frame.

The two are open, with what repairs them; all others are closed (`bridge.media.track`). Of a simulcast the layer is
chosen by the height of the tile (`bridge.media.layers`), of other streams a source stays until it is silent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from bridge.media.layers import ALIVE_S, pick
from bridge.media.track import Track

MOST: Final = 12  # sources that are known; of more the one that was silent longest is forgotten
CANDIDATE_S: Final = 3.0  # a layer that gives no key frame in this time is left alone for as long
SILENT_S: Final = 10.0  # a source of which nothing came for so long is not asked for anything


class Tracks:
    """`shown`: whose pictures are given on; `following`: who takes its place at its next key frame.

    `layered`: whether they are layers of a simulcast, by description. `forgotten`: counts of those that have left.
    """

    def __init__(self) -> None:
        self.shown: Track | None = None
        self.following: Track | None = None
        self.layered = False
        self.forgotten: Counter[str] = Counter()
        self._known: dict[int, Track] = {}  # by SSRC; bounded by MOST
        self._following_since = 0.0
        # SSRC of a layer that gave no key frame -> until when it is left alone; as many as there are sources.
        self._shunned: dict[int, float] = {}

    # -- who there is ------------------------------------------------------------------------------------------------

    def begin(self, ssrc: int, rid: str, repairing: bool, told: Mapping[int, int], now: float) -> Track:
        """A source sends its first packet. `told`: SSRC of repairs -> SSRC repaired, as far as it was described."""
        if len(self._known) >= MOST:
            self.forget(min(self._known.values(), key=_heard).ssrc)
        track = Track(ssrc, rid, now)
        track.repairing = repairing
        self._known[ssrc] = track
        self.match(told)
        return track

    def match(self, told: Mapping[int, int]) -> None:
        """Find out whose packets come again in streams of repairs: by description, by name, or as there is but one."""
        sources = [track for track in self._known.values() if not track.repairing]
        for track in self._known.values():
            if track.repairing and track.repairs is None:
                if track.ssrc in told:
                    found = [source for source in sources if source.ssrc == told[track.ssrc]]
                else:
                    found = [source for source in sources if not track.rid or source.rid == track.rid]
                track.repairs = found[0] if len(found) == 1 else None
        self.open()

    def get(self, ssrc: int) -> Track | None:
        """The source with this SSRC."""
        return self._known.get(ssrc)

    def forget(self, ssrc: int) -> None:
        """A source has left."""
        self._shunned.pop(ssrc, None)
        track = self._known.pop(ssrc, None)
        if track is None:
            return
        self.forgotten.update(received=track.packets, lost=0 if track.repairing else track.lost)
        for other in self._known.values():
            if other.repairs is track:
                other.repairs = None
        if track is self.following:
            self.following = None
        if track is self.shown:
            self.shown = None
        track.open = False
        self._drop_assembler(track)
        self.open()

    @property
    def all(self) -> list[Track]:
        """All that are known, repairs too."""
        return list(self._known.values())

    def sources(self, now: float) -> tuple[int, ...]:
        """SSRCs of those of which something came of late, without repairs.

        Who is silent is not forgotten for that: a peer says the name of a layer only until we have reported on it.
        """
        return tuple(
            ssrc
            for ssrc, track in self._known.items()
            if not track.repairing and now - track.heard < SILENT_S
        )

    # -- who is shown ------------------------------------------------------------------------------------------------

    def choose(self, height: int, now: float) -> Track | None:
        """Look whether another is the right one for a tile so high [pixels]. Returns one that is wanted from now on:
        a key frame of it is to be asked for."""
        shown = self.shown
        best = self._best(height, now)
        if best is None or best is shown:
            self._follow(None, now)
        elif shown is None or now - shown.heard >= ALIVE_S:
            self.take_on(best)
            return best
        elif best is not self.following:
            self._follow(best, now)
            return best
        elif now - self._following_since > CANDIDATE_S:
            self._shunned[best.ssrc] = now + CANDIDATE_S
            self._follow(None, now)
        return None

    def _best(self, height: int, now: float) -> Track | None:
        sources = [track for track in self._known.values() if not track.repairing]
        if self.layered or any(track.rid for track in sources):
            layers = [layer for layer in sources if self._shunned.get(layer.ssrc, 0.0) <= now]
            return pick(layers, height, now)
        if self.is_silent(now):
            return max(sources, key=_heard, default=None)
        return self.shown

    def is_silent(self, now: float) -> bool:
        """Whether nothing comes of the one that is shown, or there is none."""
        return self.shown is None or now - self.shown.heard >= ALIVE_S

    def take_on(self, track: Track) -> None:
        """This one is shown from now on."""
        self.shown, self.following = track, None
        self.open()

    def arrive(self, height: int, now: float) -> bool:
        """The one that was waited for has sent a key frame. Whether it is the better one now that it is known: then it
        is shown."""
        track, self.following = self.following, None
        assert track is not None
        better = not (track.rid or self.layered) or self._best(height, now) is not self.shown
        if better:
            self.shown = track
        self.open()
        return better

    def reset(self) -> None:
        """None is shown."""
        self.shown = self.following = None
        self.open()

    def _follow(self, track: Track | None, now: float) -> None:
        if track is not self.following:
            self.following, self._following_since = track, now
            self.open()

    def open(self) -> None:
        """Open those that are assembled, and what repairs them; close all others."""
        wanted = self.shown, self.following
        for track in self._known.values():
            source = track.repairs if track.repairing else track
            track.open = source is not None and source in wanted
            if not track.open:
                self._drop_assembler(track)

    def _drop_assembler(self, track: Track) -> None:
        if track.assembler is not None:
            self.forgotten["frozen"] += track.assembler.frozen
            track.assembler = None

    # -- counts ------------------------------------------------------------------------------------------------------

    @property
    def received(self) -> int:
        """Packets that came, dropped ones too."""
        return self.forgotten["received"] + sum(track.packets for track in self._known.values())

    @property
    def lost(self) -> int:
        """Packets that did not come."""
        known = self._known.values()
        return self.forgotten["lost"] + sum(track.lost for track in known if not track.repairing)

    @property
    def frozen(self) -> int:
        """Pictures that came whole and were not made, since one before them was missing."""
        known = self._known.values()
        return self.forgotten["frozen"] + sum(track.assembler.frozen for track in known if track.assembler)


def _heard(track: Track) -> float:
    return track.heard
