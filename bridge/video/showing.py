"""One view as it is made: what stands on it at a tick, whether that has changed, and the canvas of each size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.video.ladder import width_of
from bridge.video.sources import Shown, Source
from mixer.picture import Picture
from mixer.scale import scale
from mixer.scene import Camera, View


class Drawer(Protocol):
    """What draws a view: `mixer.compose.Composer`. It never draws into the picture that it gave last."""

    def draw(self, view: View, pictures: Mapping[str, Picture | None], stale: Collection[str]) -> Picture:
        """The picture of a view. `pictures`: of its faces, None = nothing came yet; `stale`: shown grey."""
        ...


DrawerOpener = Callable[[int, int], Drawer]
"""Makes a drawer for canvases of a width and height [pixels]."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All that one picture of a view shows. `arrivals`: of the pictures that no picture of it has shown before."""

    view: View
    shown: dict[str, Shown | None]
    stale: frozenset[str]
    arrivals: tuple[float, ...]
    changed: bool


@dataclass(slots=True)
class Showing:
    """The making of one view; one picture at a time. `pending`: encoders that have not done with the last one."""

    open: DrawerOpener
    pending: int = 0
    served: int = 0  # ticks of this second
    _shown: dict[str, Shown | None] = field(default_factory=dict)
    _view: View | None = None
    _stale: frozenset[str] = frozenset()
    _drawer: Drawer | None = None
    _height: int = 0
    _canvas: Picture | None = None
    _smaller: dict[int, tuple[Picture, Picture]] = field(default_factory=dict)

    def look(self, view: View, sources: Mapping[str, Source], now: float) -> Moment:
        """What is to be seen at `now`, against what was seen at the last `begin`."""
        shown: dict[str, Shown | None] = {}
        stale: set[str] = set()
        for face in view.faces:
            if face.camera is Camera.ON and (source := sources.get(face.source)) is not None:
                shown[face.source] = source.newest(now)
                if source.is_stale(now):
                    stale.add(face.source)
        arrivals = tuple(
            one.arrival for name, one in shown.items() if one is not None and self._shown.get(name) is not one
        )
        still = frozenset(stale)
        changed = shown != self._shown or view != self._view or still != self._stale
        return Moment(view, shown, still, arrivals, changed)

    def begin(self, moment: Moment, encoders: int) -> None:
        """This moment is going to be drawn, for so many encoders."""
        self._shown, self._view, self._stale = moment.shown, moment.view, moment.stale
        self.pending = encoders

    def draw(self, moment: Moment, heights: Iterable[int]) -> dict[int, Picture]:
        """The view in each of these heights: drawn in the largest, scaled to the others. In any one thread.

        What is given must not be used any more when `draw` is called for the second time after it.
        """
        try:
            return self._draw(moment, heights)
        except Exception:
            # What is left of the picture before may show who is not to be seen any more.
            self._drawer = self._canvas = None
            self._smaller.clear()
            raise

    def _draw(self, moment: Moment, heights: Iterable[int]) -> dict[int, Picture]:
        wanted = sorted(heights, reverse=True)
        top = wanted[0]
        if self._drawer is None or self._height != top:
            self._drawer, self._height, self._canvas = self.open(width_of(top), top), top, None
        if self._canvas is None or moment.changed:
            pictures = {name: None if one is None else one.picture for name, one in moment.shown.items()}
            self._canvas = self._drawer.draw(moment.view, pictures, moment.stale)
            drawn = True
        else:
            drawn = False
        given = {top: self._canvas}
        for height in wanted[1:]:
            given[height] = self._small(height, self._canvas, drawn)
        return given

    def _small(self, height: int, canvas: Picture, drawn: bool) -> Picture:
        pair = self._smaller.get(height)
        if pair is None:
            pair = (Picture.make(width_of(height), height), Picture.make(width_of(height), height))
            drawn = True
        if drawn:
            pair = (pair[1], pair[0])
            scale(canvas, pair[0])
        self._smaller[height] = pair
        return pair[0]
