"""The gallery of one conference: what everybody sees (behaviours.md C5 and d1). From people to a `Scene`, and back to
whose pictures are wanted.

    people -> claims -> stage (one for each layout) -> views, one for each who is on it and one for all others

Privacy (reliability.md G-06): lobby and held legs are no faces, no signs and no numbers of any picture, and see a card.

What was decided where the sources leave it open:
- An interpreter's place is at least 640x360 of 1280x720 wherever another one stands larger than he: beside one large
  picture he has another, as large ("2:21"), and so he has beside slides. In a grid he is as large as everybody, and
  where that is less than a third of the height, he alone is large ("1:21"). Of several the one marked last has that
  place, so that those who take turns can change; the others have a seat like anybody, which no voice takes.
- Slides have the large place of the picture, with the people of the layout small below it, also of a grid. Who gets
  slides as a picture of their own has people only, unless he asks for both; who shows them does not see them.
- Who is sound only has a sign in everybody's picture, his own included: else each of many listeners had his own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from bridge.rooms.layouts import Layouts
from bridge.rooms.participant import Participant, Place, Role
from config.model import Room
from mixer.layout import layout, tiles
from mixer.scene import SLIDES, Camera, Card, Face, Scene, View, Voice
from mixer.stage import Claim, Speakers, Stage, Standing

TWO_LARGE: Final = "2:21"
ONE_LARGE: Final = ("1:7", "1:21", "1:33")
MOST_VOICES: Final = 8  # that are told one by one; a picture has signs for half as many
MOST_EQUAL: Final = 9  # in a grid; of more, each is less than a third of the height
LOBBY_CARDS: Final = {
    Place.WAITING: Card.WAITING_FOR_HOST,
    Place.KNOCKING: Card.WAITING_TO_BE_LET_IN,
}


@dataclass(frozen=True, slots=True)
class Canvas:
    """What pictures are drawn on. `enabled` False: there are none. `height`, `fps`: as in `Scene`."""

    enabled: bool = True
    language: str = "en"
    height: int = 720
    fps: int = 25


NO_CANVAS: Final = Canvas(enabled=False)


class Wall(NamedTuple):
    """What hosts have set of the pictures, and the signs that hang beside them."""

    layouts: Layouts
    names: bool = True
    frames: bool = True
    banner: str = ""
    locked: bool = False
    knocking: int = 0


class Wanted(NamedTuple):
    """Heights of the largest tiles that show somebody's camera and his slides [pixels], 0 = none does."""

    camera: int = 0
    slides: int = 0


class Gallery:
    """What everybody in one conference sees. `settle` it after each change, and when its `deadline` has come."""

    def __init__(self, room: Room, canvas: Canvas) -> None:
        self._room = room
        self._canvas = canvas
        self.shows = room.video and canvas.enabled  # whether there are pictures at all
        self._speakers = Speakers()
        self._stages: dict[
            tuple[str, int], Stage
        ] = {}  # by layout and large seats, those in use: two at most
        self._standings: dict[Role, Standing] = {}
        self._pictures: dict[Role, tuple[str, tuple[str, ...]]] = {}  # of people, without slides
        self.scene = self._blank()
        self.wanted: dict[str, Wanted] = {}

    def talk(self, legs: Iterable[str], now: float) -> None:
        """These talk now."""
        self._speakers.talk(legs, now)

    def picture(self, role: Role) -> tuple[str, tuple[str, ...]]:
        """What those with this role see who are not on the stage themselves, slides aside: the layout that is drawn, ""
        = none, and who is in it, in the order of its seats."""
        return self._pictures.get(role, ("", ()))

    def deadline(self) -> float | None:
        """When the stage changes if nothing else happens."""
        dues = [self._speakers.deadline(), *(stage.deadline() for stage in self._stages.values())]
        return min((due for due in dues if due is not None), default=None)

    def settle(self, people: Sequence[Participant], wall: Wall, now: float) -> None:
        """These are the people now, lobby included, in the order of coming."""
        if not self.shows:
            return
        visible = [person for person in people if person.inside and person.media and not person.held]
        claims = [_claim(person, self._room) for person in visible if _has_place(person)]
        self._speakers.settle([claim.who for claim in claims if claim.live], now)
        used: dict[tuple[str, int], Stage] = {}
        for role, name in ((Role.HOST, wall.layouts.host), (Role.GUEST, wall.layouts.guest)):
            key = name, _large(name, claims)
            if key not in used:
                used[key] = self._stages.get(key) or Stage(key[1], layout(name).seats)
                used[key].settle(claims, self._speakers, now, _extra(name, claims))
            self._standings[role] = used[key].standing
            order = used[key].standing.order
            interpreter = _interpreter(order, {person.leg: person for person in visible})
            self._pictures[role] = arranged(name, order, interpreter, "", self._room.fixed_grid)
        self._stages = used
        self.scene = self._blank()
        if any(person.pictures.watches and person.media for person in people):
            painter = _Painter(
                people, visible, self._standings, wall, self._speakers.talking, self._room.fixed_grid
            )
            self.scene = replace(
                self._blank(), views=painter.views(), watchers=painter.watchers,
                names=wall.names, frames=wall.frames,
            )  # fmt: skip
        self.wanted = dict(_wanted(self.scene, visible))

    def _blank(self) -> Scene:
        return blank(self._room, self._canvas)


def blank(room: Room, canvas: Canvas) -> Scene:
    """A scene of a room in which nobody watches anything."""
    return Scene(
        room.number, language=canvas.language, room=room.number, height=canvas.height, fps=canvas.fps,
        fixed_grid=room.fixed_grid,
    )  # fmt: skip


# -- claims -----------------------------------------------------------------------------------------------------------


def _has_place(person: Participant) -> bool:
    """Whether somebody may stand on a stage: by his camera, or because a host wants him there."""
    return person.pictures.camera or person.spotlight_since is not None


def _claim(person: Participant, room: Room) -> Claim:
    return Claim(
        person.leg,
        interprets=person.interpreter_since is not None,
        spotlight=person.spotlight_since,
        presents=room.presenter_in_main and person.presenting_since is not None,
        live=person.pictures.camera and not person.video_muted,
    )


def _is_grid(name: str) -> bool:
    kind = layout(name)
    return kind.mains == kind.seats > 1


def _large(name: str, claims: Sequence[Claim]) -> int:
    """How many large seats a voice can take: an interpreter has one of two."""
    if _is_grid(name):
        return 0
    return 1 if any(claim.interprets for claim in claims) else layout(name).mains


def _extra(name: str, claims: Sequence[Claim]) -> int:
    """How many seats there are besides those of the layout, as interpreters have theirs beside them."""
    interpreters, seats = sum(claim.interprets for claim in claims), layout(name).seats
    if not interpreters:
        return 0
    if _is_grid(name):
        return min(0, layout(ONE_LARGE[1]).seats - seats) if seats > MOST_EQUAL else 0
    return min(interpreters, layout(TWO_LARGE).seats - seats)


def arranged(
    name: str, order: Sequence[str], interpreter: str, slides: str, fixed_grid: bool = False
) -> tuple[str, tuple[str, ...]]:
    """How people and slides stand in one picture: the layout that it is drawn in, and who is on which seat.

    `order`: the stage as the viewer sees it; `interpreter`: whose place is guaranteed, `slides`: their source; "" each
    = there is none. `fixed_grid`: its tiles are small however few there are.
    """
    cells = layout(name).seats if fixed_grid else len(order)
    others = [who for who in order if who != interpreter]
    large = interpreter in order
    if slides:
        shown = [slides, interpreter, *others] if large else [slides, *others]
        fits = (each for each in ONE_LARGE if layout(each).seats >= len(shown))
        chosen = TWO_LARGE if large else next(fits, ONE_LARGE[-1])
    elif not large or not others or (_is_grid(name) and cells <= MOST_EQUAL):
        chosen, shown = name, list(order)
    elif _is_grid(name):
        chosen, shown = ONE_LARGE[1], [interpreter, *others]
    else:
        chosen, shown = TWO_LARGE, [others[0], interpreter, *others[1:]]
    return chosen, tuple(shown[: layout(chosen).seats])


# -- views ------------------------------------------------------------------------------------------------------------


class _Painter:
    """Makes the views of one scene. `visible`: whom others see; `people`: everybody on the roll."""

    def __init__(
        self,
        people: Sequence[Participant],
        visible: Sequence[Participant],
        standings: dict[Role, Standing],
        wall: Wall,
        talking: frozenset[str],
        fixed_grid: bool,
    ) -> None:
        self.watchers: dict[str, int] = {}
        self._people = people
        self._visible = {person.leg: person for person in visible}
        self._faces = {person.leg: _face(person, talking) for person in visible}
        self._voices, self._quiet = _heard(visible, talking)
        self._able = frozenset(person.leg for person in visible if _has_place(person))
        self._standings = standings
        self._wall = wall
        self._fixed_grid = fixed_grid
        self._alone = sum(person.inside for person in people) == 1
        self._slides = next((f"{person.leg}{SLIDES}" for person in visible if person.slides_shown), "")
        if self._slides:
            presenter = self._visible[self._slides.removesuffix(SLIDES)]
            self._faces[self._slides] = Face(self._slides, _shown_name(presenter), slides=True)
        self._views: list[View] = []
        self._index: dict[View, int] = {}
        self._placed: dict[int, tuple[int, View]] = {}  # by identity: large views are slow to compare
        self._shared: dict[tuple[Role, bool, bool], View] = {}

    def views(self) -> tuple[View, ...]:
        """All views; who watches which is in `watchers`."""
        own: dict[int, View] = {}  # views of people on stage -> the one that may stand for it
        for person in self._people:
            if not (person.media and person.pictures.watches):
                continue
            view, common = self._view_of(person)
            self.watchers[person.leg] = at = self._put(view)
            if common is not None:
                own[at] = common
            if self._slides and person.pictures.watches_slides and self._may_see_slides(person):
                slides = View("1:0", (self._faces[self._slides],))
                self.watchers[f"{person.leg}{SLIDES}"] = self._put(slides)
        merged = {at: self._put(common) for at, common in own.items()}
        return tuple(
            replace(view, common=merged[at]) if at in merged else view for at, view in enumerate(self._views)
        )

    def _put(self, view: View) -> int:
        if id(view) in self._placed:
            return self._placed[id(view)][0]
        at = self._index.setdefault(view, len(self._views))
        if at == len(self._views):
            self._views.append(view)
        self._placed[id(view)] = at, view
        return at

    def _may_see_slides(self, person: Participant) -> bool:
        return person.leg in self._visible and self._slides != f"{person.leg}{SLIDES}"

    def _view_of(self, person: Participant) -> tuple[View, View | None]:
        """What somebody sees; and what may stand for it when the machine is short of time."""
        if not person.inside:
            return View(card=LOBBY_CARDS[person.place]), None
        if person.held:
            return View(card=Card.HELD), None
        mixed = person.slides_in_mix
        if mixed is None:
            mixed = not person.pictures.watches_slides
        mixed = mixed and bool(self._slides) and self._may_see_slides(person)
        if self._alone:
            return self._signed(View(card=Card.ALONE), person.is_host), None
        key = person.role, person.is_host and self._has_signs, mixed
        if person.leg not in self._standings[person.role].order:
            return self._shared_view(*key), None
        own = self._picture(person.role, person.leg, person.is_host, mixed)
        return own, self._shared_view(*key) if own.faces else None

    @property
    def _has_signs(self) -> bool:
        return self._wall.locked or bool(self._wall.knocking)

    def _shared_view(self, role: Role, signs: bool, mixed: bool) -> View:
        """What all those see who are not on the stage."""
        key = self._role_of(role), signs, mixed
        if key not in self._shared:
            self._shared[key] = self._picture(role, "", signs, mixed)
        return self._shared[key]

    def _role_of(self, role: Role) -> Role:
        """Of roles that see the same layout, one."""
        return Role.HOST if self._wall.layouts.host == self._wall.layouts.guest else role

    def _picture(self, role: Role, viewer: str, signs: bool, mixed: bool) -> View:
        standing = self._standings[role]
        layouts = self._wall.layouts
        order = standing.seen_by(viewer)
        chosen, shown = arranged(
            layouts.host if role is Role.HOST else layouts.guest,
            order,
            _interpreter(order, self._visible),
            self._slides if mixed else "",
            self._fixed_grid,
        )
        view = View(chosen, tuple(self._faces[who] for who in shown), self._voices, quiet=self._quiet)
        if not shown:
            view = View(card=Card.NO_PICTURES, voices=self._voices, quiet=self._quiet)
        else:
            view = replace(view, more=self._left_over(shown, viewer))
        return self._signed(view, signs)

    def _left_over(self, shown: Sequence[str], viewer: str) -> int:
        """How many could be shown and are not. Of those who share a view, everyone may be one of them."""
        left = self._able.difference(shown)
        if viewer:
            return len(left) - (viewer in left)
        return len(left) - any(self._visible[leg].pictures.watches for leg in left)

    def _signed(self, view: View, signs: bool) -> View:
        wall = self._wall
        if not signs:
            return replace(view, banner=wall.banner) if wall.banner else view
        return replace(view, banner=wall.banner, locked=wall.locked, knocking=wall.knocking)


def _interpreter(order: Sequence[str], visible: Mapping[str, Participant]) -> str:
    """Whose place is guaranteed: the one who was marked last."""
    marked = [who for who in order if visible[who].interpreter_since is not None]
    return max(marked, key=lambda who: visible[who].interpreter_since or 0.0, default="")


def _heard(visible: Sequence[Participant], talking: frozenset[str]) -> tuple[tuple[Voice, ...], int]:
    """Who is heard and has no picture; of many only who talks, and how many the others are: each view has all of
    them, and a scene must not be too long to be told."""
    heard = [person for person in visible if not _has_place(person)]
    told = (
        heard if len(heard) <= MOST_VOICES else [each for each in heard if each.leg in talking][:MOST_VOICES]
    )
    return tuple(Voice(_shown_name(each), each.leg in talking) for each in told), len(heard) - len(told)


def _face(person: Participant, talking: frozenset[str]) -> Face:
    if not person.pictures.camera:
        camera = Camera.NONE
    elif person.host_video_muted:
        camera = Camera.MUTED
    else:
        camera = Camera.OFF if person.self_video_muted else Camera.ON
    return Face(
        person.leg,
        _shown_name(person),
        camera,
        muted=person.muted or person.client_muted,
        talking=person.leg in talking,
        guaranteed=person.interpreter_since is not None,
        host_muted=person.host_muted,
    )


def _shown_name(person: Participant) -> str:
    return person.overlay or person.name


# -- whose pictures are wanted ----------------------------------------------------------------------------------------


def _wanted(scene: Scene, visible: Sequence[Participant]) -> Iterator[tuple[str, Wanted]]:
    """By leg, whose pictures are wanted and how large."""
    heights: dict[str, int] = {}
    for view in scene.views:
        for face, tile in zip(
            view.faces,
            tiles(
                view.layout,
                len(view.faces),
                view.more > 0,
                height=scene.height,
                fixed_grid=scene.fixed_grid,
            ),
            strict=False,
        ):
            if face.camera is Camera.ON:
                heights[face.source] = max(heights.get(face.source, 0), tile.height)
    for person in visible:
        slides = heights.get(f"{person.leg}{SLIDES}", 0)
        if person.presenting_since is not None and scene.watchers:
            slides = slides or scene.height  # they are shown as soon as the first of them has come
        if slides or person.leg in heights:
            yield person.leg, Wanted(heights.get(person.leg, 0), slides)
