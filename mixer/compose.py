"""A view into one picture: tiles, names, signs, cards.

What a face's tile shows depends on the face, its newest picture and whether that is stale, and on nothing else: each of
the two canvases remembers these of each tile, and a tile is drawn again, whole, when they are others. What lies over
several tiles (voices, banner, lock) is laid over each tile anew, cut to it; when any of that changes, or a tile moves,
the canvas is drawn from the ground up. Nothing is ever drawn outside its own tile.

There are two canvases, drawn in turn: an encoder may still read the one before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from mixer.card import card, texts
from mixer.label import banner, box_label, disc, icon_sprite, letters, name_label, words
from mixer.layout import Tile, tiles
from mixer.palette import CARE, GOOD, GROUND, INK, INK_SOFT, ON_CARE, SURFACE
from mixer.picture import Colour, Picture, colour
from mixer.scale import place
from mixer.scene import Camera, Card, Face, View
from mixer.signs import Sign
from mixer.sprite import Sprite
from mixer.typeface import usable

_INSIDE: Final = frozenset({Card.NONE, Card.ALONE, Card.NO_PICTURES})
"""Who sees one of these is in the room, and may see who else is heard there, and the signs."""

_MOST_VOICES: Final = 4  # signs of their own; more share one
_VOICE: Final = 30  # of a hundred: how much of the width their names may take
_GROUND: Final = colour(*GROUND)
_SURFACE: Final = colour(*SURFACE)
_GOOD: Final = colour(*GOOD)


class _Laid(NamedTuple):
    """Something that lies over the canvas, at an even place [pixels]."""

    sprite: Sprite
    x: int
    y: int


class _Seat(NamedTuple):
    """One tile and who is in it, None = only the number of those who are not shown."""

    tile: Tile
    face: Face | None
    label: Sprite | None
    over: tuple[_Laid, ...]  # what of the canvas's signs reaches into the tile


class _Plan(NamedTuple):
    """Everything of a view that does not change with the pictures. `ground`: without who sits where."""

    card: Card
    seats: tuple[_Seat, ...]
    signs: tuple[_Laid, ...]
    more: int
    ground: tuple[object, ...]


class _Canvas:
    """One of the two, and what was drawn on it last."""

    def __init__(self, width: int, height: int) -> None:
        self.picture = Picture.make(width, height)
        self.ground: tuple[object, ...] | None = None
        self.drawn: list[object] = []


class Composer:
    """Draws the pictures of one view, tick for tick; one thread at a time.

    `width`, `height`: of the canvas [pixels, even]. `language`, `room`: for cards and signs. `letterbox`: pictures of
    another shape than their tile are shown whole, with bars, else cut; slides are never cut. `names`, `frames`: whether
    names, and the frame of who talks, are drawn. `font`: a file; "", or no font: the one that comes along.
    `fixed_grid`: few people get tiles no larger than many.
    """

    def __init__(
        self,
        width: int = 1280,
        height: int = 720,
        language: str = "en",
        room: str = "",
        letterbox: bool = True,
        names: bool = True,
        frames: bool = True,
        font: str = "",
        fixed_grid: bool = False,
    ) -> None:
        self.width = width
        self.height = height
        self._language = language
        self._room = room
        self._letterbox = letterbox
        self._names = names
        self._frames = frames
        self._font = font if font and usable(font) else ""
        self._fixed_grid = fixed_grid
        self._letters = letters(height, height) or 8
        self._margin = max(4, height // 36 // 2 * 2)
        self._canvases = [_Canvas(width, height), _Canvas(width, height)]
        self._view: View | None = None
        self._plan = _Plan(Card.NONE, (), (), 0, ())

    def draw(
        self, view: View, pictures: Mapping[str, Picture | None], stale: Collection[str] = ()
    ) -> Picture:
        """The view's next picture; it stays as it is until the call after the next.

        `pictures`: the newest of each source (a picture that was given must not change any more), None = nothing came
        yet. `stale`: sources whose pictures have stopped: the last one is shown in grey.
        """
        if view is not self._view:
            if view != self._view:
                self._plan = self._planned(view)
            self._view = view
        plan = self._plan
        self._canvases.reverse()
        canvas = self._canvases[0]
        if canvas.ground != plan.ground:
            self._draw_ground(canvas, plan)
        for at, seat in enumerate(plan.seats):
            face = seat.face
            if face is None:
                content: object = plan.more
                picture = None
            else:
                picture = pictures.get(face.source) if face.camera is Camera.ON else None
                content = (face, picture, face.source in stale)
            if canvas.drawn[at] != content:
                canvas.drawn[at] = content
                self._draw_seat(canvas.picture, seat, picture, face is not None and face.source in stale)
        return canvas.picture

    # -- what stays as it is ----------------------------------------------------------------------------------------

    def _planned(self, view: View) -> _Plan:
        signs = tuple(self._signs(view)) if view.card in _INSIDE else ()
        if view.card is not Card.NONE:
            return _Plan(view.card, (), signs, 0, (view.card, signs))
        found = self._tiles(view)
        seats = tuple(
            self._seat(tile, view.faces[at] if at < len(view.faces) else None, signs)
            for at, tile in enumerate(found)
        )
        if view.more and len(found) <= len(view.faces):
            signs += tuple(self._left_over(found[-1], view.more)) if found else ()
            seats = tuple(self._seat(seat.tile, seat.face, signs) for seat in seats)
        return _Plan(Card.NONE, seats, signs, view.more, (found, signs))

    def _tiles(self, view: View) -> tuple[Tile, ...]:
        return tiles(
            view.layout,
            len(view.faces),
            view.more > 0,
            height=self.height,
            width=self.width,
            fixed_grid=self._fixed_grid,
        )

    def _seat(self, tile: Tile, face: Face | None, signs: tuple[_Laid, ...]) -> _Seat:
        label = None
        if face is not None:
            size = letters(tile.height if not face.slides else tile.height // 3, self.height)
            name = face.name if self._names else ""
            most = tile.width - 2 * self._inset(tile)
            label = name_label(name, face.muted, size, most, self._font, face.host_muted)
        return _Seat(tile, face, label, tuple(laid for laid in signs if _touches(laid, tile)))

    def _inset(self, tile: Tile) -> int:
        """How far a name stands from the edges of its tile [pixels, even]."""
        return max(self._frame_width() + 2, tile.height // 60 // 2 * 2)

    def _frame_width(self) -> int:
        return max(2, self.height // 180 // 2 * 2)

    def _left_over(self, tile: Tile, more: int) -> Iterator[_Laid]:
        """The number of those who are not shown, in a corner of a tile that shows somebody."""
        sprite = box_label(f"+{more}", max(letters(tile.height, self.height), 11), tile.width // 2, bold=True)
        if sprite:
            inset = self._inset(tile)
            x, y = tile.x + tile.width - sprite.width - inset, tile.y + tile.height - sprite.height - inset
            yield _Laid(sprite, x, y)

    # -- signs at the edges -----------------------------------------------------------------------------------------

    def _signs(self, view: View) -> Iterator[_Laid]:
        margin = self._margin
        below = margin
        if view.banner:
            sprite = banner(view.banner, self._letters, self.width * 6 // 10, self._font)
            if sprite:
                left = (self.width - sprite.width) // 4 * 2
                yield _Laid(sprite, left, margin)
                if left < 2 * margin + self.width * _VOICE // 100:
                    below += (sprite.height + margin // 2) // 2 * 2
        right = self.width - margin
        for sprite in self._host_signs(view):
            right -= sprite.width
            yield _Laid(sprite, right // 2 * 2, margin)
            right -= margin // 2
        for sprite in self._voices(view, below):
            yield _Laid(sprite, margin, below)
            below += (sprite.height + margin // 2) // 2 * 2

    def _host_signs(self, view: View) -> Iterator[Sprite]:
        """From right to left."""
        size, most = self._letters, self.width // 4
        if view.locked and (sprite := box_label("", size, most, icon=Sign.LOCK)):
            yield sprite
        if view.knocking:
            text = texts(self._language).knocking.format(count=view.knocking)
            sprite = box_label(
                text,
                size,
                most,
                icon=Sign.KNOCK,
                icon_shade=ON_CARE,
                ink=ON_CARE,
                ground=CARE,
                bold=True,
                font=self._font,
            )
            if sprite:
                yield sprite

    def _voices(self, view: View, top: int) -> Iterator[Sprite]:
        """Signs for who is heard only: one each, or one for all where that would be too many."""
        count = len(view.voices) + view.quiet
        if count > self._places(view, top):
            talking = ", ".join(voice.name for voice in view.voices if voice.talking)
            signs = [(talking, str(count), any(voice.talking for voice in view.voices))]
        else:
            signs = [(voice.name if voice.talking else "", "", voice.talking) for voice in view.voices]
        for name, lead, talks in signs:
            sprite = box_label(
                name if self._names else "",
                self._letters,
                self.width * _VOICE // 100,
                lead=lead,
                icon=Sign.VOICE,
                icon_shade=GOOD if talks else INK,
                edge=talks,
                font=self._font,
            )
            if sprite:
                yield sprite

    def _places(self, view: View, top: int) -> int:
        """How many signs fit one below the other without lying over somebody's name."""
        found = self._tiles(view) if view.card is Card.NONE else ()
        if not found or found[0].x > self._margin:
            return _MOST_VOICES
        room = found[0].y + found[0].height * 4 // 5 - top
        return max(1, min(_MOST_VOICES, room // (self._letters * 2)))

    # -- drawing ----------------------------------------------------------------------------------------------------

    def _draw_ground(self, canvas: _Canvas, plan: _Plan) -> None:
        picture = canvas.picture
        if plan.card is Card.NONE:
            picture.fill(_GROUND)
        else:
            picture.copy(card(plan.card, self._room, self._language, self.width, self.height, self._font))
        for laid in plan.signs:
            laid.sprite.draw(picture, laid.x, laid.y)
        canvas.ground = plan.ground
        canvas.drawn = [None] * len(plan.seats)

    def _draw_seat(self, canvas: Picture, seat: _Seat, picture: Picture | None, stale: bool) -> None:
        where = seat.tile
        tile = canvas.part(where.x, where.y, where.width, where.height)
        face = seat.face
        if face is None:
            self._draw_number(tile)
        elif picture is None:
            self._draw_placeholder(tile, face)
        else:
            place(picture, tile, self._letterbox or face.slides, _GROUND)
            if stale:
                tile.fade()
        if face is not None and face.talking and self._frames and len(self._plan.seats) > 1:
            _draw_edge(tile, self._frame_width(), _GOOD)
        if seat.label:
            inset = self._inset(where)
            seat.label.draw(tile, inset, where.height - inset - seat.label.height)
        for laid in seat.over:
            laid.sprite.draw(tile, laid.x - where.x, laid.y - where.y)

    def _draw_surface(self, tile: Picture) -> None:
        """What is below everything but pictures; it has an edge, so that neighbours stand apart."""
        tile.fill(_SURFACE)
        _draw_edge(tile, self._frame_width() // 4 * 2 or 2, _GROUND)

    def _draw_number(self, tile: Picture) -> None:
        self._draw_surface(tile)
        text = f"+{self._plan.more}"
        sprite = words(text, max(12, tile.height // 4), tile.width, INK, bold=True, font=self._font)
        _centre(tile, sprite, 0)

    def _draw_placeholder(self, tile: Picture, face: Face) -> None:
        """Somebody without a picture: initials, and in the corner why there is none."""
        self._draw_surface(tile)
        size = max(8, tile.height * 9 // 20 // 2 * 2)
        if face.slides:
            _centre(tile, icon_sprite(Sign.SLIDES, size, INK_SOFT), 0)
            return
        _centre(tile, disc(face.name if self._names else "", size, self._font), tile.height // 24)
        why = {Camera.OFF: Sign.CAMERA_OFF, Camera.MUTED: Sign.CAMERA_OFF, Camera.NONE: Sign.VOICE}.get(
            face.camera
        )
        if why:
            small = max(12, letters(tile.height, self.height) * 3 // 2)
            inset = self._margin if tile.height > self.height // 3 else self._margin // 2
            shade = CARE if face.camera is Camera.MUTED else INK_SOFT
            icon_sprite(why, small, shade).draw(tile, (tile.width - small - inset) // 2 * 2, inset // 2 * 2)


def _draw_edge(tile: Picture, wide: int, shade: Colour) -> None:
    tile.part(0, 0, tile.width, wide).fill(shade)
    tile.part(0, tile.height - wide, tile.width, wide).fill(shade)
    tile.part(0, 0, wide, tile.height).fill(shade)
    tile.part(tile.width - wide, 0, wide, tile.height).fill(shade)


def _touches(laid: _Laid, tile: Tile) -> bool:
    return (
        laid.x < tile.x + tile.width
        and tile.x < laid.x + laid.sprite.width
        and laid.y < tile.y + tile.height
        and tile.y < laid.y + laid.sprite.height
    )


def _centre(tile: Picture, sprite: Sprite | None, up: int) -> None:
    """Lay something over the middle of a tile, or so many pixels above it."""
    if sprite:
        sprite.draw(
            tile, (tile.width - sprite.width) // 4 * 2, (tile.height - sprite.height - 2 * up) // 4 * 2
        )
