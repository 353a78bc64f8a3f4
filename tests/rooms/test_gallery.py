"""What everybody sees (behaviours.md C5, d1): himself never, others by layout, cards where there is nobody to see,
slides in the large place or beside, interpreters as large as anybody; and whose pictures are wanted of media."""

from __future__ import annotations

import pytest

from bridge.rooms import commands
from bridge.rooms.events import (
    GuestsPresentChanged,
    InterpreterChanged,
    LabelsChanged,
    LayoutChanged,
    NotAllowed,
    NotDone,
    PresenterChanged,
    Refusal,
    SlidesMixChanged,
    VideoMuteChanged,
    record,
)
from bridge.rooms.gallery import arranged
from bridge.rooms.layouts import ROUND, Layouts, following
from bridge.rooms.participant import Pictures, Role
from config.model import RoomKind
from mixer.layout import NAMES, tiles
from mixer.scene import SLIDES, Camera, Card, View, Voice
from tests.rooms.scene import Scene, room

BOTH = Pictures(camera=True, watches=True)
BROWSER = Pictures(camera=True, slides=True, watches=True, watches_slides=True)
WATCHER = Pictures(watches=True)
PHONE = Pictures()


def cast(count: int, layout: str = "4:0", **values: object) -> Scene:
    """A host "a" and guests "b", "c" and so on, who send and see pictures."""
    scene = Scene(room(RoomKind.HOST_PIN, layout=layout, **values))
    scene.host("a", pictures=BOTH)
    for number in range(1, count):
        scene.join(chr(ord("a") + number), pictures=BOTH)
    return scene


def sees(scene: Scene, sink: str) -> View:
    """What somebody sees."""
    return scene.conference.scene.views[scene.conference.scene.watchers[sink]]


def faces(scene: Scene, sink: str) -> list[str]:
    """Whom somebody sees, in the order of seats."""
    return [face.source for face in sees(scene, sink).faces]


def talk(scene: Scene, *legs: str) -> None:
    """Let these talk for three seconds."""
    scene.do(commands.Talk(legs))
    scene.wait(3.0)


# -- who sees whom --------------------------------------------------------------------------------------------------


def test_each_of_four_sees_the_three_others() -> None:
    scene = cast(4)
    assert faces(scene, "a") == ["b", "c", "d"]
    assert faces(scene, "c") == ["a", "b", "d"]
    assert {sees(scene, leg).layout for leg in "abcd"} == {"4:0"}
    assert all(sees(scene, leg).more == 0 for leg in "abcd")
    names = [face.name for face in sees(scene, "d").faces]
    assert names == ["name of a", "name of b", "name of c"]


def test_the_fifth_sees_four_and_so_do_all_others() -> None:
    scene = cast(5)
    assert faces(scene, "e") == ["a", "b", "c", "d"]
    assert faces(scene, "b") == ["a", "c", "d", "e"]
    assert all(sees(scene, leg).more == 0 for leg in "abcde")


def test_the_rest_share_one_picture_and_are_counted() -> None:
    scene = cast(9)
    watchers = scene.conference.scene.watchers
    assert len({watchers[leg] for leg in "efghi"}) == 1
    assert faces(scene, "i") == ["a", "b", "c", "d"] and sees(scene, "i").more == 4
    assert faces(scene, "a") == ["b", "c", "d", "e"] and sees(scene, "a").more == 4
    assert len(scene.conference.scene.views) == 5


def test_a_picture_of_ones_own_names_the_one_that_may_stand_for_it() -> None:
    scene = cast(4)
    own = [sees(scene, leg) for leg in "abcd"]
    shared = scene.conference.scene.views[own[0].common]
    assert [face.source for face in shared.faces] == ["a", "b", "c", "d"]
    assert len({view.common for view in own}) == 1 and shared.common == -1


def test_the_talker_is_large_and_sees_the_one_before_him_large() -> None:
    scene = cast(3, "1:7")
    talk(scene, "b")
    talk(scene, "c")
    assert faces(scene, "a") == ["c", "b"]
    assert faces(scene, "c") == ["b", "a"]
    assert [face.talking for face in sees(scene, "a").faces] == [True, False]
    assert scene.conference.stage(Role.HOST) == ("c", "a", "b")


def test_hosts_and_guests_have_layouts_of_their_own() -> None:
    scene = cast(3, "4:0", guest_layout="1:0")
    talk(scene, "c")
    assert sees(scene, "a").layout == "4:0" and faces(scene, "a") == ["b", "c"]
    assert sees(scene, "b").layout == "1:0" and faces(scene, "b") == ["c"]
    assert faces(scene, "c") in (["a"], ["b"])


def test_who_has_no_camera_is_a_voice_unless_he_has_a_spotlight() -> None:
    scene = cast(2)
    scene.join("phone", pictures=PHONE)
    scene.join("watcher", pictures=WATCHER)
    assert faces(scene, "watcher") == ["a", "b"]
    assert sees(scene, "a").voices == (Voice("name of phone"), Voice("name of watcher"))
    scene.do(commands.Talk(("phone",)))
    assert sees(scene, "a").voices[0].talking
    scene.do(commands.Spotlight("a", "phone", True))
    (_, face) = sees(scene, "a").faces
    assert (face.source, face.camera) == ("phone", Camera.NONE)
    assert sees(scene, "a").voices == (Voice("name of watcher"),)


def test_of_many_voices_only_those_who_talk_are_told() -> None:
    """Each view tells all of them: hundreds with long names would not fit a message, and their worker be lost."""
    scene = cast(25, "25:0")
    for n in range(40):
        scene.join(f"phone{n}", pictures=PHONE)
    scene.do(commands.Talk(("phone7", "phone9")))
    seen = sees(scene, "a")
    assert seen.voices == (Voice("name of phone7", True), Voice("name of phone9", True))
    assert (seen.quiet, len(seen.faces)) == (38, 24)
    scene.do(commands.Talk(tuple(f"phone{n}" for n in range(40))))
    seen = sees(scene, "a")
    assert (len(seen.voices), seen.quiet) == (8, 32)


def test_signs_on_a_face() -> None:
    scene = cast(2)
    scene.do(commands.Mute("a", "b", True))
    assert sees(scene, "a").faces[0].muted and sees(scene, "a").faces[0].host_muted
    scene.do(commands.Mute("a", "b", False))
    scene.do(commands.MuteSelf("b", True))
    assert sees(scene, "a").faces[0].muted and not sees(scene, "a").faces[0].host_muted
    scene.do(commands.VideoMuteSelf("b", True))
    assert sees(scene, "a").faces[0].camera is Camera.OFF
    scene.do(commands.VideoMute("a", "b", True))
    assert sees(scene, "a").faces[0].camera is Camera.MUTED
    scene.do(commands.SetOverlay("a", "b", "Dr. B"))
    assert sees(scene, "a").faces[0].name == "Dr. B"


def test_the_lock_and_who_knocks_are_shown_to_hosts_only() -> None:
    scene = cast(3)
    scene.do(commands.Lock("a", True))
    scene.join("knocker", pictures=BOTH)
    assert (sees(scene, "a").locked, sees(scene, "a").knocking) == (True, 1)
    assert (sees(scene, "b").locked, sees(scene, "b").knocking) == (False, 0)
    assert sees(scene, "knocker") == View(card=Card.WAITING_TO_BE_LET_IN)
    assert (
        len(scene.conference.scene.views) == 3 + 1 + 2
    )  # own, the card, and one shared for hosts and for guests


# -- cards ----------------------------------------------------------------------------------------------------------


def test_who_waits_or_is_on_hold_sees_a_card_and_is_seen_by_nobody() -> None:
    scene = Scene(room(layout="4:0"))
    scene.join("guest", pictures=BOTH)
    assert sees(scene, "guest") == View(card=Card.WAITING_FOR_HOST)
    scene.host("a", pictures=BOTH)
    assert faces(scene, "a") == ["guest"]
    scene.do(commands.Hold("guest", True))
    assert sees(scene, "guest") == View(card=Card.HELD)
    assert sees(scene, "a") == View(card=Card.NO_PICTURES)
    scene.leave("guest")
    assert sees(scene, "a") == View(card=Card.ALONE)


def test_the_only_one_with_a_camera_sees_that_there_are_no_others() -> None:
    scene = Scene(room())
    scene.host("a", pictures=BOTH)
    scene.join("phone")
    assert sees(scene, "a") == View(card=Card.NO_PICTURES, voices=(Voice("name of phone"),))


def test_nothing_is_drawn_while_nobody_watches_or_where_there_are_no_pictures() -> None:
    scene = Scene(room())
    scene.host("a", pictures=Pictures(camera=True))
    assert scene.conference.scene.views == () and scene.conference.plan().seats[0].seen == 0
    scene = cast(2, video=False)
    assert scene.conference.scene.views == ()


# -- what media is told -----------------------------------------------------------------------------------------------


def test_wanted_is_the_height_of_the_largest_tile() -> None:
    scene = cast(3, "1:7")
    seen = {seat.leg: seat.seen for seat in scene.conference.plan().seats}
    assert seen == {"a": 612, "b": 612, "c": 100}
    scene.do(commands.VideoMute("a", "b", True))
    seen = {seat.leg: seat.seen for seat in scene.conference.plan().seats}
    assert seen["b"] == 0, "what is not shown is not asked for"
    assert seen["a"] == seen["c"] == 612


def test_who_stands_on_no_canvas_is_not_wanted() -> None:
    scene = cast(9)
    seen = {seat.leg for seat in scene.conference.plan().seats if seat.seen}
    assert seen == set("abcde")


def test_in_a_fixed_grid_few_get_tiles_as_small_as_many() -> None:
    scene = cast(2, "9:0", fixed_grid=True)
    assert scene.conference.scene.fixed_grid
    assert {seat.seen for seat in scene.conference.plan().seats} == {240}
    scene = cast(2, "9:0")
    assert not scene.conference.scene.fixed_grid
    assert {seat.seen for seat in scene.conference.plan().seats} == {720}


def test_in_a_fixed_grid_of_small_tiles_the_interpreter_is_large_from_the_start() -> None:
    scene = cast(3, "16:0", fixed_grid=True)
    scene.do(commands.MarkInterpreter("a", "c", True))
    assert sees(scene, "a").layout == "1:21" and faces(scene, "a") == ["c", "b"]


# -- interpreters -----------------------------------------------------------------------------------------------------


def test_in_a_grid_all_three_are_equal_whoever_talks() -> None:
    scene = cast(3)
    scene.do(commands.MarkInterpreter("a", "c", True))
    before = [faces(scene, leg) for leg in "abc"]
    for talker in ("a", "b", "c", "b"):
        talk(scene, talker)
        assert [faces(scene, leg) for leg in "abc"] == before
        for leg in "abc":
            view = sees(scene, leg)
            assert view.layout == "4:0"
            assert {(tile.width, tile.height) for tile in tiles("4:0", len(view.faces))} == {(640, 360)}
    assert [face.guaranteed for face in sees(scene, "a").faces] == [False, True]


@pytest.mark.parametrize("layout", ["1:0", "1:7", "1:21", "2:21", "1:33"])
def test_beside_a_large_one_the_interpreter_is_as_large(layout: str) -> None:
    scene = cast(8, layout)
    scene.do(commands.MarkInterpreter("a", "h", True))
    for talker in "bcahb":
        talk(scene, talker)
        for leg in "abcdefg":
            view = sees(scene, leg)
            places = tiles(view.layout, len(view.faces), view.more > 0)
            place = next(tile for tile, face in zip(places, view.faces, strict=False) if face.source == "h")
            assert (place.width, place.height) == (640, 360)
            assert place.height == max(tile.height for tile in places)
        assert "h" not in faces(scene, "h")
    assert faces(scene, "d")[:2] == ["b", "h"]


def test_what_is_told_of_the_picture_is_what_is_drawn() -> None:
    scene = cast(4, "1:7")
    scene.join("watcher", pictures=WATCHER)
    for change in (
        commands.MarkInterpreter("a", "c", True),
        commands.Spotlight("a", "d", True),
        commands.SetLayout("a", "25:0"),
        commands.MarkInterpreter("a", "c", False),
    ):
        scene.do(change)
        view = sees(scene, "watcher")
        assert scene.conference.picture_layout(Role.GUEST) == view.layout
        assert scene.conference.stage(Role.GUEST) == tuple(face.source for face in view.faces)


def test_in_a_large_grid_the_interpreter_alone_is_large() -> None:
    scene = cast(14, "16:0")
    scene.do(commands.MarkInterpreter("a", "e", True))
    view = sees(scene, "b")
    assert (view.layout, view.faces[0].source, len(view.faces)) == ("1:21", "e", 13)


def test_of_two_interpreters_the_last_one_marked_is_large_and_the_other_has_a_seat() -> None:
    scene = cast(12, "1:7")
    scene.do(commands.MarkInterpreter("a", "k", True))
    scene.now += 1
    scene.do(commands.MarkInterpreter("a", "l", True))
    assert faces(scene, "b")[1] == "l" and "k" in faces(scene, "b")
    scene.now += 1
    scene.do(commands.MarkInterpreter("a", "k", False))
    scene.do(commands.MarkInterpreter("a", "k", True))
    assert faces(scene, "b")[1] == "k" and "l" in faces(scene, "b")


def test_an_interpreter_may_come_as_one() -> None:
    scene = cast(2)
    scene.join("i", pictures=BOTH, interpreter=True)
    assert sees(scene, "a").faces[-1].guaranteed
    (event,) = scene.do(commands.MarkInterpreter("a", "i"))
    assert event == InterpreterChanged("i", False, event.origin)
    assert scene.do(commands.MarkInterpreter("a", "i", False)) == ()
    (event,) = scene.do(commands.MarkInterpreter("a", "nobody"))
    assert isinstance(event, NotDone) and event.why is Refusal.NOT_THERE


# -- slides -----------------------------------------------------------------------------------------------------------


def presenting(layout: str = "4:0", **values: object) -> Scene:
    """Of three, "b" shows slides; "c" has a second picture for them."""
    scene = cast(2, layout, **values)
    scene.join("c", pictures=BROWSER)
    scene.do(commands.Video("b", BROWSER))
    scene.do(commands.Present("b", True))
    return scene


def test_slides_are_shown_as_soon_as_they_come() -> None:
    scene = presenting()
    assert faces(scene, "a") == ["b", "c"]
    assert {seat.leg: seat.slides for seat in scene.conference.plan().seats} == {"a": 0, "b": 720, "c": 0}
    scene.do(commands.Seen("b", True, True))
    assert faces(scene, "a") == [f"b{SLIDES}", "b", "c"] and sees(scene, "a").layout == "1:7"
    assert sees(scene, "a").faces[0].slides
    scene.do(commands.Seen("b", True, False))  # a slide that stands still
    assert faces(scene, "a")[0] == f"b{SLIDES}"
    (event,) = scene.do(commands.Present("b", False))
    assert event == PresenterChanged("b", False, event.origin)
    assert faces(scene, "a") == ["b", "c"] and sees(scene, "a").layout == "4:0"
    assert not any(seat.slides for seat in scene.conference.plan().seats)


def test_who_has_a_second_picture_sees_them_there_unless_he_wants_both() -> None:
    scene = presenting()
    scene.do(commands.Seen("b", True, True))
    assert faces(scene, "c") == ["a", "b"]
    assert faces(scene, f"c{SLIDES}") == [f"b{SLIDES}"] and sees(scene, f"c{SLIDES}").layout == "1:0"
    assert f"b{SLIDES}" not in scene.conference.scene.watchers
    assert faces(scene, "b") == ["a", "c"], "his own slides are shown to nobody"
    (event,) = scene.do(commands.MixSlides("c"))
    assert event == SlidesMixChanged("c", True, event.origin)
    assert faces(scene, "c") == [f"b{SLIDES}", "a", "b"]
    (event,) = scene.do(commands.MixSlides("a"))
    assert event == SlidesMixChanged("a", False, event.origin)
    assert faces(scene, "a") == ["b", "c"]
    assert isinstance(scene.do(commands.MixSlides("c", True, "a"))[0], NotAllowed)
    assert scene.do(commands.MixSlides("a", True, "c")) == ()


def test_the_interpreter_keeps_his_place_beside_slides() -> None:
    scene = presenting()
    scene.do(commands.Seen("b", True, True))
    scene.do(commands.MarkInterpreter("a", "c", True))
    assert sees(scene, "a").layout == "2:21" and faces(scene, "a") == [f"b{SLIDES}", "c", "b"]


def test_whoever_comes_later_shows_his_and_hosts_may_stop_anybody() -> None:
    scene = presenting()
    stopped, begun = scene.do(commands.Present("a", True))
    assert (stopped, begun) == (
        PresenterChanged("b", False, stopped.origin),
        PresenterChanged("a", True, begun.origin),
    )
    scene.do(commands.Present("b", True))
    assert isinstance(scene.do(commands.Present("c", False, "b"))[0], NotAllowed)
    (event,) = scene.do(commands.Present("a", False, "b"))
    assert event == PresenterChanged("b", False, event.origin)
    (event,) = scene.do(commands.Present("a", True, "b"))
    assert isinstance(event, NotDone)
    assert scene.do(commands.Present("a", False)) == ()


def test_guests_show_slides_only_where_they_may() -> None:
    scene = presenting(guests_can_present=False)
    assert scene.conference.presenter is None
    assert isinstance(scene.do(commands.Present("b", True))[-1], NotAllowed)
    scene.do(commands.AllowGuestsPresent("a", True))
    scene.do(commands.Present("b", True))
    changed, stopped = scene.do(commands.AllowGuestsPresent("a", False))
    assert changed == GuestsPresentChanged(False, changed.origin)
    assert stopped == PresenterChanged("b", False, stopped.origin)


def test_where_there_are_no_pictures_there_are_no_slides() -> None:
    scene = cast(2, video=False)
    (event,) = scene.do(commands.Present("a", True))
    assert isinstance(event, NotDone) and event.why is Refusal.OFF
    assert not scene.conference.shows


def test_whoever_loses_his_media_or_his_slides_shows_them_no_more() -> None:
    scene = presenting()
    scene.do(commands.Seen("b", True, True))
    scene.do(commands.Video("b", BOTH))
    assert scene.conference.presenter is None
    scene.do(commands.Present("b", True))
    scene.do(commands.Media("b", False))
    assert scene.conference.presenter is None


def test_the_presenter_stands_large_where_he_is_to() -> None:
    scene = presenting("1:7", presenter_in_main=True)
    scene.do(commands.Seen("b", True, True))
    talk(scene, "a")
    assert faces(scene, "c") == ["b", "a"]


@pytest.mark.parametrize("count", [1, 7, 8, 22, 40])
def test_slides_with_any_number_of_people(count: int) -> None:
    people = [str(number) for number in range(count)]
    name, shown = arranged("25:0", people, "", "slides")
    assert shown[0] == "slides" and len(shown) == min(count + 1, 34) and name in NAMES
    name, shown = arranged("25:0", people, "0", "slides")
    assert (name, shown[:2]) == ("2:21", ("slides", "0"))


# -- what hosts set ---------------------------------------------------------------------------------------------------


def test_a_key_goes_through_all_layouts_and_says_their_names() -> None:
    scene = cast(2, "1:7")
    assert set(ROUND) == set(NAMES)
    spoken = {"1:21": ["number-1", "number-20", "number-1"], "4:0": ["number-4"], "1:0": ["number-1"]}
    for name in (*ROUND[1:], ROUND[0]):
        scene.quiet()
        (event,) = scene.do(commands.NextLayout("a"))
        assert event == LayoutChanged(name, name, event.origin)
        assert scene.conference.layouts == Layouts(name, name)
        if name in spoken:
            assert scene.hears("a") == [f"{each}" for each in spoken[name]]
        assert scene.hears("b") == []
    assert following("1:33") == "1:7"


def test_names_and_frames_are_drawn_or_not_until_the_run_ends() -> None:
    scene = cast(2)
    (event,) = scene.do(commands.SetLabels("a", names=False))
    assert event == LabelsChanged(False, True, event.origin)
    assert (scene.conference.scene.names, scene.conference.scene.frames) == (False, True)
    (event,) = scene.do(commands.SetLabels("a", frames=False))
    assert event == LabelsChanged(False, False, event.origin)
    assert scene.do(commands.SetLabels("a", frames=False)) == ()
    scene.do(commands.End("a", at_once=True))
    assert scene.conference.names


def test_a_camera_is_shown_when_neither_lock_is_shut() -> None:
    scene = cast(2)
    (event,) = scene.do(commands.VideoMute("a", "b"))
    assert event == VideoMuteChanged("b", True, True, False, event.origin)
    (event,) = scene.do(commands.VideoMuteSelf("b", True))
    assert event == VideoMuteChanged("b", True, False, False, event.origin)
    (event,) = scene.do(commands.VideoMute("a", "b", False))
    assert event == VideoMuteChanged("b", False, True, False, event.origin)
    (event,) = scene.do(commands.VideoMuteSelf("b"))
    assert record(event)["seen"] is True
    assert scene.do(commands.VideoMuteSelf("b", False)) == ()
    assert isinstance(scene.do(commands.VideoMute("a", "nobody"))[0], NotDone)
