"""Each face is in its own tile and nowhere else; only what is new is drawn again; who waits sees nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import pytest

from mixer.card import card
from mixer.compose import Composer
from mixer.layout import NAMES, layout, tiles
from mixer.palette import GOOD, GROUND, SURFACE
from mixer.picture import Colour, Picture, colour
from mixer.scene import Camera, Card, Face, View, Voice
from tests.mixer.pictures import BLUE, GREEN, RED, SENTINEL, is_plain, noise, plain, same

OUTSIDE = [
    Card.WELCOME,
    Card.WAITING_FOR_HOST,
    Card.WAITING_TO_BE_LET_IN,
    Card.FULL,
    Card.DECLINED,
    Card.ENDED,
    Card.HELD,
]
SHADES = (RED, GREEN, BLUE, Colour(210, 16, 146))


def shade(at: int) -> Colour:
    return Colour(60 + at * 5, 40 + at * 3, 200 - at * 2)


def crowd(
    count: int, size: tuple[int, int] = (640, 360)
) -> tuple[tuple[Face, ...], dict[str, Picture | None]]:
    """So many nameless people, each of one colour."""
    return (
        tuple(Face(str(at)) for at in range(count)),
        {str(at): plain(*size, shade(at)) for at in range(count)},
    )


def draw(
    view: View,
    pictures: dict[str, Picture | None],
    stale: Iterable[str] = (),
    *,
    letterbox: bool = True,
    names: bool = True,
    frames: bool = True,
) -> Picture:
    return Composer(letterbox=letterbox, names=names, frames=frames).draw(view, pictures, set(stale))


def in_tile(canvas: Picture, at: int, view: View) -> Picture:
    tile = tiles(view.layout, len(view.faces), view.more > 0, height=canvas.height)[at]
    return canvas.part(tile.x, tile.y, tile.width, tile.height)


@pytest.mark.parametrize("height", [1080, 720, 360, 180])
@pytest.mark.parametrize("name", NAMES)
def test_each_is_in_his_own_tile_and_nowhere_else(name: str, height: int) -> None:
    for count in {1, 2, layout(name).seats}:
        faces, pictures = crowd(min(count, layout(name).seats))
        canvas = Composer(height * 16 // 9, height).draw(View(name, faces), pictures)
        left = plain(canvas.width, canvas.height, SENTINEL)
        left.copy(canvas)
        for at, tile in enumerate(tiles(name, len(faces), height=height)):
            part = left.part(tile.x, tile.y, tile.width, tile.height)
            assert is_plain(part, shade(at), tolerance=1)
            part.fill(colour(*GROUND))
        assert is_plain(left, colour(*GROUND))


@pytest.mark.parametrize(
    "face",
    [
        Face("0", "Kari Nordmann", muted=True, talking=True),
        Face("0", "Kari", Camera.OFF, talking=True),
        Face("0", "", Camera.NONE),
        Face("0", "x" * 60, slides=True),
        Face("nobody", "محمد", talking=True),
    ],
)
@pytest.mark.parametrize("size", [(640, 360), (360, 640), (98, 54), (1280, 720)])
def test_nothing_of_a_face_is_outside_its_tile(face: Face, size: tuple[int, int]) -> None:
    faces, pictures = crowd(8, size)
    view = View("1:7", faces)
    for at in (0, 3):
        changed = replace(view, faces=(*faces[:at], face, *faces[at + 1 :]))
        before, after = draw(view, pictures), draw(changed, pictures, {"0"})
        in_tile(before, at, view).fill(SENTINEL)
        in_tile(after, at, view).fill(SENTINEL)
        if at:
            in_tile(before, 0, view).fill(SENTINEL)  # there the last picture is grey now
            in_tile(after, 0, view).fill(SENTINEL)
        assert same(before, after)


def test_a_name_covers_only_the_lower_edge() -> None:
    faces, pictures = crowd(4)
    view = View("4:0", tuple(replace(face, name="Kari Nordmann") for face in faces))
    canvas = draw(view, pictures)
    for at in range(4):
        tile = in_tile(canvas, at, view)
        assert is_plain(tile.part(0, 0, 640, 310), shade(at), tolerance=1)
        assert not is_plain(tile.part(0, 310, 640, 50), shade(at), tolerance=1)
    assert same(draw(view, pictures, names=False), draw(View("4:0", faces), pictures))


def test_the_talker_has_a_frame() -> None:
    faces, pictures = crowd(4)
    view = View("4:0", (replace(faces[0], talking=True), *faces[1:]))
    tile = in_tile(draw(view, pictures), 0, view)
    for edge in ((0, 0, 640, 4), (0, 356, 640, 4), (0, 0, 4, 360), (636, 0, 4, 360)):
        assert is_plain(tile.part(*edge), colour(*GOOD))
    assert is_plain(tile.part(4, 4, 632, 352), shade(0))
    assert same(draw(view, pictures, frames=False), draw(View("4:0", faces), pictures))


def test_who_is_alone_on_the_canvas_needs_no_frame() -> None:
    faces, pictures = crowd(1)
    assert is_plain(draw(View("1:0", (replace(faces[0], talking=True),)), pictures), shade(0), tolerance=1)


@pytest.mark.parametrize("camera", [Camera.OFF, Camera.MUTED, Camera.NONE])
def test_a_camera_that_is_off_is_never_shown(camera: Camera) -> None:
    """Even when pictures of it still come."""
    face = Face("0", "Kari Nordmann", camera)
    seen = draw(View("1:0", (face,)), {"0": plain(640, 360, RED)})
    unseen = draw(View("1:0", (face,)), {"0": plain(640, 360, BLUE)}, {"0"})
    assert same(seen, unseen)
    assert is_plain(seen.part(2, 100, 300, 400), colour(*SURFACE))


def test_why_there_is_no_picture_and_no_sound_is_told_apart() -> None:
    looks = [
        draw(View("1:0", (Face("0", "Kari", camera),)), {})
        for camera in (Camera.OFF, Camera.MUTED, Camera.NONE)
    ]
    looks += [
        draw(View("1:0", (Face("0", "Kari", Camera.OFF, muted=True, host_muted=by_host),)), {})
        for by_host in (False, True)
    ]
    assert not any(same(one, other) for one, other in combinations(looks, 2))


def test_nothing_came_yet() -> None:
    canvas = draw(View("1:0", (Face("0", "Kari"),)), {"0": None})
    assert is_plain(canvas.part(2, 2, 1276, 100), colour(*SURFACE))
    assert same(canvas, draw(View("1:0", (Face("0", "Kari"),)), {}))


def test_without_names_there_are_no_initials() -> None:
    first = draw(View("1:0", (Face("0", "Kari", Camera.OFF),)), {}, names=False)
    assert same(first, draw(View("1:0", (Face("0", "", Camera.OFF),)), {}, names=False))


def test_a_picture_that_has_stopped_is_grey_and_keeps_its_name() -> None:
    view = View("4:0", (Face("0", "Kari"), Face("1", "Ola")))
    pictures: dict[str, Picture | None] = {"0": plain(640, 360, RED), "1": plain(640, 360, BLUE)}
    live, grey = draw(view, pictures), draw(view, pictures, {"0"})
    tile = in_tile(grey, 0, view)
    assert is_plain(tile.part(0, 0, 640, 310), Colour((RED.y >> 1) + 8))
    assert not is_plain(tile.part(0, 310, 640, 50), Colour((RED.y >> 1) + 8))
    assert same(in_tile(live, 1, view), in_tile(grey, 1, view))
    assert is_plain(in_tile(live, 0, view).part(0, 0, 640, 310), RED)


def test_slides_are_never_cut() -> None:
    slides = plain(640, 480, RED)
    slides.part(0, 0, 640, 40).fill(BLUE)
    for letterbox in (True, False):
        canvas = draw(View("1:0", (Face("0", slides=True),)), {"0": slides}, letterbox=letterbox)
        assert is_plain(canvas.part(160, 0, 960, 50), BLUE, tolerance=1)
    cut = draw(View("1:0", (Face("0"),)), {"0": slides}, letterbox=False)
    assert is_plain(cut, RED, tolerance=1)


# -- those who are not shown ----------------------------------------------------------------------------------------


def test_the_number_of_those_left_over_is_in_the_last_seat() -> None:
    faces, pictures = crowd(3)
    canvas = draw(View("4:0", faces, more=12), pictures)
    last = canvas.part(640, 360, 640, 360)
    assert is_plain(last.part(2, 2, 636, 100), colour(*SURFACE)) and not is_plain(
        last.part(2, 2, 636, 356), colour(*SURFACE)
    )
    assert not same(canvas, draw(View("4:0", faces, more=13), pictures))


def test_or_in_a_corner_where_all_seats_are_taken() -> None:
    faces, pictures = crowd(4)
    view = View("4:0", faces, more=12)
    canvas = draw(view, pictures)
    last = in_tile(canvas, 3, view)
    assert is_plain(last.part(0, 0, 640, 300), shade(3)) and not is_plain(last, shade(3))
    assert all(is_plain(in_tile(canvas, at, view), shade(at)) for at in range(3))


def marks(view: View, pictures: dict[str, Picture | None]) -> tuple[int, int, int]:
    """How many samples of luma differ from the picture without signs: in the left, the middle and the right third."""
    plain_view = replace(view, voices=(), banner="", locked=False, knocking=0)
    changed = draw(view, pictures).y != draw(plain_view, pictures).y
    return int(changed[:, :420].sum()), int(changed[:, 420:860].sum()), int(changed[:, 860:].sum())


def test_who_is_only_heard_has_a_sign_at_the_left() -> None:
    faces, pictures = crowd(4)
    voices = [Voice(f"Voice {at}") for at in range(9)]
    areas = [marks(View("4:0", faces, tuple(voices[:count])), pictures) for count in range(1, 7)]
    assert all(middle == right == 0 for _, middle, right in areas)
    lefts = [left for left, _, _ in areas]
    assert lefts[0] < lefts[1] < lefts[2] < lefts[3]  # one each
    assert lefts[4] < lefts[1]  # five share one
    told = View("4:0", faces, tuple(voices[:6]))
    assert same(draw(told, pictures), draw(View("4:0", faces, quiet=6), pictures))
    talking = marks(View("4:0", faces, (Voice("Kari Nordmann", True),)), pictures)
    assert talking[0] > 2 * lefts[0]  # the name slides out


def test_signs_for_hosts_are_at_the_right_and_a_message_is_in_the_middle() -> None:
    faces, pictures = crowd(4)
    locked = marks(View("4:0", faces, locked=True), pictures)
    knocking = marks(View("4:0", faces, knocking=2), pictures)
    message = marks(View("4:0", faces, banner="Møtet tas opp"), pictures)
    assert locked[:2] == knocking[:2] == (0, 0) and 0 < locked[2] < knocking[2]
    assert message[0] == message[2] == 0 and message[1] > 0


@pytest.mark.parametrize("name", NAMES)
def test_signs_over_tiles_are_the_same_after_the_pictures_have_changed(name: str) -> None:
    """Laid over each tile anew, they neither fade nor thicken."""
    faces, pictures = crowd(layout(name).seats)
    voices = (Voice("Kari", True), Voice("Ola"))
    view = View(name, faces, voices, 3, "Vi tar en pause på ti minutter", True, 2)
    composer = Composer(1280, 720)
    first = plain(1280, 720, SENTINEL)
    first.copy(composer.draw(view, pictures))
    for _ in range(5):
        again: dict[str, Picture | None] = {key: plain(640, 360, shade(int(key))) for key in pictures}
        assert same(first, composer.draw(view, again))


# -- holding pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OUTSIDE)
def test_who_is_outside_sees_the_card_and_nothing_else(kind: Card) -> None:
    faces, pictures = crowd(4)
    view = View("4:0", faces, (Voice("Kari", True),), 5, "Kari is here", True, 3, kind)
    canvas = Composer(1280, 720, "nb", "1234").draw(view, pictures)
    assert same(canvas, card(kind, "1234", "nb", 1280, 720))


@pytest.mark.parametrize("kind", [Card.ALONE, Card.NO_PICTURES])
def test_who_is_inside_sees_signs_on_the_card(kind: Card) -> None:
    composer = Composer(1280, 720, "en", "1234")
    bare = plain(1280, 720, SENTINEL)
    bare.copy(composer.draw(View(card=kind), {}))
    assert same(bare, card(kind, "1234", "en", 1280, 720))
    assert not same(bare, composer.draw(View(card=kind, voices=(Voice("Kari"),)), {}))


def test_a_face_that_goes_leaves_nothing_behind() -> None:
    faces, pictures = crowd(4)
    composer = Composer(1280, 720, "nb", "1234")
    expected = card(Card.WAITING_TO_BE_LET_IN, "1234", "nb", 1280, 720)
    for _ in range(3):
        composer.draw(View("4:0", faces), pictures)
    for _ in range(3):
        assert same(composer.draw(View(card=Card.WAITING_TO_BE_LET_IN), pictures), expected)


# -- from tick to tick ----------------------------------------------------------------------------------------------


def test_two_canvases_in_turn() -> None:
    faces, pictures = crowd(2)
    composer = Composer(1280, 720)
    first = composer.draw(View("4:0", faces), pictures)
    second = composer.draw(View("4:0", faces), pictures)
    assert first is not second and composer.draw(View("4:0", faces), pictures) is first
    assert same(first, second)


def test_the_last_picture_is_not_touched_while_the_next_is_drawn() -> None:
    faces, pictures = crowd(1)
    composer = Composer(1280, 720)
    first = composer.draw(View("1:0", faces), pictures)
    composer.draw(View("1:0", faces), {"0": plain(640, 360, RED)})
    assert is_plain(first, shade(0), tolerance=1)


def test_only_what_is_new_is_drawn() -> None:
    faces, pictures = crowd(4)
    view = View("4:0", faces)
    composer = Composer(1280, 720)
    for _ in range(2):
        composer.draw(view, pictures).fill(SENTINEL)  # as if somebody had drawn over it
    pictures["2"] = plain(640, 360, RED)
    canvas = composer.draw(view, pictures)
    assert is_plain(in_tile(canvas, 2, view), RED)
    assert all(is_plain(in_tile(canvas, at, view), SENTINEL) for at in (0, 1, 3))


def test_any_change_is_the_same_as_drawing_from_the_ground_up() -> None:
    faces, pictures = crowd(9)
    named = tuple(replace(face, name=f"Person {face.source}") for face in faces)
    views = [
        View("9:0", named),
        View("9:0", named[:5]),
        View("9:0", (replace(named[0], talking=True), *named[1:5])),
        View("9:0", (replace(named[0], camera=Camera.OFF), *named[1:5])),
        View("1:7", named[:8], locked=True),
        View("1:7", named[:8], (Voice("Kari", True),)),
        View("1:7", (named[3], *named[:3])),
        View(card=Card.ALONE),
        View("4:0", named[:3], more=2),
        View("4:0", named[:3], more=3),
        View("1:0", named[:1]),
        View("1:0", ()),
    ]
    composer = Composer(1280, 720)
    for at, view in enumerate([*views, *reversed(views), *views[::2]]):
        pictures[str(at % 9)] = noise(640, 360, at)
        stale = {str(at % 5)}
        assert same(composer.draw(view, pictures, stale), Composer(1280, 720).draw(view, pictures, stale))


@pytest.mark.parametrize("font", ["/there/is/none.ttf", __file__])
def test_without_its_font_it_draws_with_the_one_that_comes_along(font: str) -> None:
    view = View("1:0", (Face("0", "Kari"),))
    assert same(Composer(font=font).draw(view, {}), Composer().draw(view, {}))


def test_the_smallest_canvas_holds_everything() -> None:
    faces, pictures = crowd(25)
    view = View(
        "25:0", faces, tuple(Voice(f"V{at}", True) for at in range(7)), 9, "Vi tar en pause " * 20, True, 99
    )
    for size in ((320, 180), (176, 144), (128, 96)):
        canvas = Composer(*size).draw(view, pictures)
        assert (canvas.width, canvas.height) == size
