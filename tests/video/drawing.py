"""Pictures drawn plainly: each face's picture in its tile, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mixer.layout import tiles
from mixer.picture import BLACK, Picture
from mixer.scale import place
from mixer.scene import View


class PlainDrawer:
    """A drawer that counts what it draws."""

    def __init__(self, width: int, height: int) -> None:
        self.drawn = 0
        self._canvases = [Picture.make(width, height) for _ in range(2)]
        for canvas in self._canvases:
            canvas.fill(BLACK)

    def draw(self, view: View, pictures: Mapping[str, Picture | None], stale: Collection[str]) -> Picture:
        """Draw a view."""
        self.drawn += 1
        canvas = self._canvases[self.drawn % 2]
        for face, tile in zip(
            view.faces, tiles(view.layout, len(view.faces), height=canvas.height), strict=False
        ):
            part = canvas.part(tile.x, tile.y, tile.width, tile.height)
            picture = pictures.get(face.source)
            if picture is None:
                part.fill(BLACK)
                continue
            place(picture, part)
            if face.source in stale:
                part.fade()
        return canvas
