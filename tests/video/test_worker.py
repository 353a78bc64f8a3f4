"""Each view is made once and encoded once for all who may see it, key frames come once a second, nobody sees more."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bridge.codec.video_encoder import EncoderError, Quality, VideoEncoder
from bridge.sdp.video import VideoLimits
from bridge.ticker import Tick
from bridge.video.contract import CloseSink, EncodedPicture, OpenSink, SourceGone, WantKeyFrame
from mixer.scene import Camera, Card, Face, View
from tests.video.control_room import FPS, ControlRoom, faces, scene

SHARED = View("4:0", faces("a", "b"))


def words(picture: EncodedPicture) -> list[str]:
    """What the encoder was asked for: codec, height, key, luma."""
    return b"".join(picture.payloads)[-40:].decode("latin-1").split("8 ", 1)[-1].split()


def test_a_hundred_sinks_of_one_kind_are_one_encode() -> None:
    room = ControlRoom()
    names = [f"sink{number}" for number in range(100)]
    room.worker.show(scene(SHARED, **dict.fromkeys(names, 0)))
    for name in names:
        room.sink(name)
    pictures = room.ticks(10, ("a", "b"))
    assert len(pictures) == 10
    assert len(room.opened) == 1
    assert all(len(picture.sinks) == 100 for picture in pictures)
    assert [picture.key for picture in pictures] == [True] + [False] * 9


def test_another_codec_mode_or_size_is_an_encode_more_of_the_same_canvas() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, a=0, b=0, c=0, d=0, e=0))
    room.sink("a", "VP8")
    room.sink("b", "H264")
    room.sink("c", "H264", mode=0)
    room.sink("d", "H264", bitrate=300_000)
    room.sink("e", "H264", max_fs=396)
    room.ticks(5, ("a", "b"))
    assert sorted((one.codec, one.quality.height, one.quality.slices) for one in room.opened) == [
        ("H264", 180, False), ("H264", 360, False), ("H264", 720, False), ("H264", 720, True), ("VP8", 720, False),
    ]  # fmt: skip
    assert room.worker.scene.views[0] == SHARED
    assert sum(1 for _ in room.got("c")) == 5


def test_a_joiner_waits_for_a_key_frame_that_comes_once_a_second() -> None:
    room = ControlRoom()
    names = [f"sink{number}" for number in range(20)]
    room.worker.show(scene(SHARED, **dict.fromkeys(names, 0)))
    for name in names:
        room.ticks(2, ("a", "b"))
        room.sink(name)
    room.ticks(2 * FPS, ("a", "b"))
    keys = [when for when, picture in room.out if picture.key]
    assert all(later - sooner > 0.99 for sooner, later in pairwise(keys))
    assert len(keys) <= 4
    for name in names:
        first = room.got(name)[0][1]
        assert first.key


def test_a_storm_of_requests_costs_one_key_frame_a_second() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, a=0, b=0))
    room.sink("a")
    room.sink("b")
    for _ in range(4 * FPS):
        for _ in range(50):
            room.worker.take(WantKeyFrame("a"))
        room.ticks(1, ("a", "b"))
    keys = [when for when, picture in room.out if picture.key]
    assert len(keys) == 4
    assert len(room.got("b")) == 4 * FPS


def test_who_changes_size_keeps_the_old_pictures_until_the_key_frame_and_others_notice_nothing() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, a=0, b=0))
    room.sink("a")
    room.sink("b")
    room.ticks(FPS // 2, ("a", "b"))
    room.sink("b", bitrate=200_000)
    room.ticks(FPS, ("a", "b"))
    times = [when for when, _ in room.got("b")]
    assert len(times) == len(set(times)) == FPS // 2 + FPS
    assert sum(picture.key for _, picture in room.got("a")) == 1
    changes = [picture.key for _, picture in room.got("b")]
    assert changes.count(True) == 2
    assert words(room.got("b")[-1][1])[0:1] == ["360"]


def test_a_new_scene_that_shows_others_the_same_way_needs_no_key_frame() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, a=0, b=0))
    room.sink("a")
    room.sink("b")
    room.ticks(5, ("a", "b"))
    room.worker.show(scene(View("1:0", faces("c")), View("4:0", faces("b", "c")), a=1, b=1))
    room.ticks(5, ("b", "c"))
    assert sum(picture.key for _, picture in room.out) == 1
    assert len(room.opened) == 1


def test_no_more_is_sent_than_a_peer_has_said_that_he_takes() -> None:
    room = ControlRoom()
    room.worker.show(scene(View("1:0", faces("a")), x=0))
    room.worker.take(OpenSink("x", "VP8", 0, VideoLimits(bitrate=400_000), 2_000_000))
    room.ticks(3)
    assert [(one.quality.height, one.rates[-1]) for one in room.opened] == [(360, 400_000)]
    room.worker.take(OpenSink("x", "VP8", 0, VideoLimits(), 2_000_000))
    room.ticks(8 * FPS)
    assert [one.quality.height for one in room.opened] == [360, 720]


def test_own_pictures_merge_when_they_would_be_too_dear() -> None:
    people = [f"p{number}" for number in range(25)]
    own = [View("25:0", faces(*(one for one in people if one != name)), common=25) for name in people]
    room = ControlRoom()
    room.worker.show(
        scene(*own, View("25:0", faces(*people)), **{name: at for at, name in enumerate(people)})
    )
    for name in people:
        room.sink(name, "H264")
    room.ticks(3)
    assert len(room.opened) == 1
    few = people[:9]
    own = [View("9:0", faces(*(one for one in few if one != name)), common=9) for name in few]
    room = ControlRoom()
    room.worker.show(scene(*own, View("9:0", faces(*few)), **{name: at for at, name in enumerate(few)}))
    for name in few:
        room.sink(name, "H264")
    room.ticks(3)
    assert [one.quality.height for one in room.opened] == [360] * 9


@pytest.mark.parametrize("codec", ["H264", "VP8"])
@pytest.mark.parametrize(("count", "height"), [(3, 720), (4, 360)])
def test_three_have_large_pictures_of_their_own_and_more_have_small_ones(
    codec: str, count: int, height: int
) -> None:
    people = [f"p{number}" for number in range(count)]
    own = [View("4:0", faces(*(one for one in people if one != name)), common=count) for name in people]
    room = ControlRoom()
    room.worker.show(scene(*own, View("4:0", faces(*people)), **{name: at for at, name in enumerate(people)}))
    for name in people:
        room.sink(name, codec)
    room.ticks(3)
    assert [one.quality.height for one in room.opened] == [height] * count


def test_a_picture_is_never_shown_before_it_is_due() -> None:
    room = ControlRoom()
    room.worker.show(scene(View("1:0", faces("a")), x=0))
    room.sink("x")
    room.ticks(3)
    dark = words(room.out[-1][1])[-1]
    room.feed("a", due=room.now + 0.2)
    room.ticks(4)
    assert words(room.out[-1][1])[-1] == dark
    room.ticks(2)
    assert words(room.out[-1][1])[-1] != dark


@pytest.mark.parametrize("wait_ms", range(3, 290, 7))
def test_a_picture_leaves_within_45_ms_after_it_is_due(wait_ms: int) -> None:
    room = ControlRoom()
    room.worker.show(scene(View("1:0", faces("a")), x=0))
    room.sink("x")
    room.ticks(3)
    dark = words(room.out[-1][1])[-1]
    due = room.now + wait_ms / 1000
    room.feed("a", due=due)
    room.ticks(10)
    left = next(when for when, picture in room.out if words(picture)[-1] != dark)
    assert 0.0 <= left - due <= 0.045


def test_nobody_holds_a_picture_back_for_long() -> None:
    room = ControlRoom()
    room.worker.show(scene(View("1:0", faces("a")), x=0))
    room.sink("x")
    room.ticks(3)
    dark = words(room.out[-1][1])[-1]
    room.feed("a", due=room.now + 60)
    room.ticks(9)
    assert words(room.out[-1][1])[-1] != dark


def test_a_source_that_stops_turns_grey_after_two_seconds_and_comes_back() -> None:
    room = ControlRoom()
    room.worker.show(scene(View("1:0", faces("a")), x=0))
    room.sink("x")
    room.ticks(2, ("a",))
    room.feed("a")
    room.ticks(5)
    live = int(words(room.out[-1][1])[-1])
    room.ticks(2 * FPS - 7)
    assert int(words(room.out[-1][1])[-1]) == live
    room.ticks(FPS)
    assert int(words(room.out[-1][1])[-1]) < live * 0.7
    room.feed("a")
    room.ticks(1)
    assert int(words(room.out[-1][1])[-1]) == live


def test_what_does_not_change_is_sent_five_times_a_second() -> None:
    room = ControlRoom()
    room.worker.show(scene(View(card=Card.ALONE), x=0))
    room.sink("x")
    assert len(room.ticks(4 * FPS)) == pytest.approx(20, abs=1)
    room.sink("y")
    room.worker.show(scene(View(card=Card.ALONE), x=0, y=0))
    room.ticks(1)
    assert room.got("y")[0][1].key


def test_a_source_that_is_no_face_is_not_decoded() -> None:
    room = ControlRoom()
    off = Face("b", "b", camera=Camera.OFF)
    unseen = View("1:0", faces("c"))
    room.worker.show(scene(View("4:0", (*faces("a"), off)), unseen, x=0))
    room.sink("x")
    room.ticks(FPS, ("a", "b", "c", "d"))
    assert room.figures[-1].decoded == FPS
    assert room.figures[-1].drops["video-off-stage"] == 3 * FPS
    assert {source for _, source in room.asked} == {"a"}


def test_a_key_frame_is_asked_for_when_somebody_comes_on_stage_and_twice_a_second_until_it_comes() -> None:
    room = ControlRoom()
    room.worker.show(scene(View("1:0", faces("a")), x=0))
    assert room.asked == [(1000.0, "a")]
    for number in range(1, FPS):
        room.feed("a", 1 + number % 9)
        room.ticks(1)
    assert 2 <= len(room.asked) <= 3
    room.feed("a", 0)
    room.ticks(1)
    asked = len(room.asked)
    for number in range(1, FPS):
        room.feed("a", number % 10)
        room.ticks(1)
    assert len(room.asked) == asked


def test_a_source_that_is_gone_shows_nothing_until_it_begins_anew() -> None:
    room = ControlRoom()
    room.worker.show(scene(View("1:0", faces("a")), x=0))
    room.sink("x")
    room.ticks(1)
    dark = words(room.out[-1][1])[-1]
    room.feed("a")
    room.ticks(1)
    assert words(room.out[-1][1])[-1] != dark
    room.worker.take(SourceGone("a"))
    room.feed("a", 3)
    room.ticks(1)
    assert words(room.out[-1][1])[-1] == dark


def test_a_sink_in_no_view_gets_nothing() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, a=0))
    for name in ("a", "waiting", "held"):
        room.sink(name)
    room.ticks(FPS, ("a", "b"))
    assert room.got("a")
    assert not room.got("waiting") and not room.got("held")
    room.worker.show(scene(SHARED))
    before = len(room.out)
    room.ticks(FPS, ("a", "b"))
    assert len(room.out) == before
    room.worker.take(CloseSink("a"))
    room.ticks(2)
    assert len(room.out) == before


def test_who_is_to_see_a_card_gets_no_picture_of_people_that_was_under_way() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, a=0))
    room.sink("a")
    room.ticks(3, ("a", "b"))
    room.begin("a", "b")
    room.worker.show(scene(View(card=Card.HELD), a=0))
    before = len(room.out)
    room.threads.release()
    assert len(room.out) == before
    room.ticks(1)
    assert room.out[-1][1].key
    assert room.worker.drops["video-outdated"] == 1


def test_who_moves_to_a_card_gets_nothing_of_the_others_meanwhile() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, a=0, b=0))
    room.sink("a")
    room.sink("b")
    room.ticks(3, ("a", "b"))
    room.worker.show(scene(SHARED, View(card=Card.HELD), a=0, b=1))
    before = len(room.got("b"))
    room.ticks(FPS, ("a",))
    cards = room.got("b")[before:]
    assert cards[0][1].key
    assert all(picture.sinks == ("b",) for _, picture in cards)
    assert sum(picture.key for _, picture in room.got("a")) == 1


def test_a_tick_that_finds_the_last_picture_under_way_is_left_out_and_counted() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, x=0))
    room.sink("x")
    room.ticks(1, ("a", "b"))
    room.begin("a", "b")
    room.ticks(3, ("a", "b"))
    assert room.threads.held is not None
    assert len(room.threads.held) == 3  # both sources' decoding, one drawing
    room.threads.release()
    room.ticks(FPS, ("a", "b"))
    assert room.figures[-1].ticks_skipped == 3


def test_while_sources_are_behind_few_pictures_are_made_so_that_they_catch_up() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, x=0))
    room.sink("x")
    room.ticks(FPS, ("a", "b"))
    room.threads.later = []
    pictures = room.ticks(FPS, ("a", "b"))
    assert 2 <= len(pictures) <= 6
    assert room.figures[-1].busy == 1.0
    room.threads.catch_up()
    assert len(room.ticks(FPS, ("a", "b"))) == FPS


def test_pressure_makes_the_pictures_fewer_step_by_step_and_never_the_guaranteed_ones() -> None:
    guaranteed = View("1:7", (Face("i", "i", guaranteed=True), *faces("a")))
    own = View("4:0", faces("b"), common=1)
    room = ControlRoom()
    room.worker.show(scene(own, View("4:0", faces("a", "b")), guaranteed, a=0, b=1, g=2))
    for name in ("a", "b", "g"):
        room.sink(name)
    levels = []
    for _ in range(12):
        # What is begun at a tick takes until just before the next.
        for _ in range(FPS):
            room.begin("a", "b", "i")
            room.now += 0.038
            room.threads.release()
            room.now -= 0.038
        levels.append(room.figures[-1].shortness)
    assert levels == sorted(levels) and levels[-1] == 3
    at = len(room.out)
    room.ticks(FPS, ("a", "b", "i"))
    last = [picture for _, picture in room.out[at:]]
    shared = [picture for picture in last if "b" in picture.sinks]
    assert all(picture.sinks == ("a", "b") for picture in shared)
    assert len(shared) == 20
    assert words(shared[-1])[0] == "360"
    kept = [picture for picture in last if picture.sinks == ("g",)]
    assert len(kept) == FPS and words(kept[-1])[0] == "720"


def test_pictures_that_take_a_little_longer_than_a_tick_are_pressure_too() -> None:
    room = ControlRoom()
    room.worker.show(scene(View("4:0", faces("b"), common=1), SHARED, a=0, b=1))
    room.sink("a")
    room.sink("b")
    room.ticks(2, ("a", "b"))
    for _ in range(3 * FPS):
        room.begin("a", "b")
        room.now += 1 / FPS
        room.number += 1
        room.feed("a")
        room.worker.tick(Tick(room.number, 0.0, 0), room.now)
        room.now += 0.002
        room.threads.release()
        room.now -= 0.002
    assert room.figures[-1].busy == 1.0
    assert room.figures[-1].shortness >= 1


def test_an_encoder_that_fails_is_replaced_and_costs_only_its_own_sinks() -> None:
    broken = ControlRoom()

    class Failing:
        """Gives one picture and then none."""

        def __init__(self, encoder: VideoEncoder) -> None:
            self.encoder = encoder
            self.left = 1
            self.set_bitrate, self.wants_key = encoder.set_bitrate, encoder.wants_key

        def encode(self, picture: object, composed: float, key: bool) -> object:
            """Once."""
            if not self.left:
                raise EncoderError("no more")
            self.left -= 1
            return self.encoder.encode(picture, composed, key)  # type: ignore[arg-type]

    def opener(codec: str, quality: Quality, bitrate: int) -> VideoEncoder:
        encoder = broken._open(codec, quality, bitrate)
        return Failing(encoder) if codec == "H264" else encoder  # type: ignore[return-value]

    room = ControlRoom(opener=opener)
    room.worker.show(scene(SHARED, a=0, b=0))
    room.sink("a", "H264")
    room.sink("b", "VP8")
    room.ticks(3 * FPS, ("a", "b"))
    assert len(room.got("b")) == 3 * FPS
    assert 2 <= len(room.got("a")) <= 4
    assert all(picture.key for _, picture in room.got("a"))
    assert room.worker.drops["video-not-encoded"] >= 2


def test_figures_come_every_second() -> None:
    room = ControlRoom()
    room.worker.show(scene(SHARED, x=0))
    room.sink("x")
    room.ticks(5 * FPS, ("a", "b"))
    assert len(room.figures) == 5
    for _ in range(5):
        room.now += 1.0
        room.number += 25 + 1  # late: the very tick at which figures used to come is left out
        room.ticks(1)
    assert len(room.figures) == 10
    room.ticks(FPS, ("a", "b"))
    last = room.figures[-1]
    assert (last.views, last.encoders, last.shortness) == (1, 1, 0)
    assert last.fps == pytest.approx(FPS)
    assert last.encoded == pytest.approx(6 * FPS, abs=6)
    assert last.decoded == 12 * FPS
