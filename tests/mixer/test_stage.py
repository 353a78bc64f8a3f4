"""Who stands where (behaviours.md C5): claims in their order, seats that stay as they are, large seats that follow the
talker with patience, grids that never do, interpreters who are always there; and nobody who sees himself."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.stage import PACE_S, QUIET_S, TAKE_S, Claim, Speakers, Stage, Standing

GRID = (0, 4)


def people(names: str, **more: Claim) -> list[Claim]:
    """Everybody in the order of coming, one letter each."""
    return [more.get(name, Claim(name)) for name in names]


class Play:
    """One stage, its speakers and its clock."""

    def __init__(self, mains: int = 1, seats: int = 8) -> None:
        self.stage = Stage(mains, seats)
        self.speakers = Speakers()
        self.now = 100.0

    def look(self, claims: Sequence[Claim]) -> Standing:
        """Who stands there now."""
        self.speakers.settle([claim.who for claim in claims if claim.live], self.now)
        return self.stage.settle(claims, self.speakers, self.now)

    def talk(self, who: str, claims: Sequence[Claim], seconds: float = 3.0) -> Standing:
        """Let these talk for a while, and look whenever something is due."""
        self.speakers.talk(who, self.now)
        standing = self.look(claims)
        until = self.now + seconds
        while (at := self.deadline()) is not None and at <= until:
            assert at > self.now, "what is due stays due"
            self.now = at
            standing = self.look(claims)
        self.now = until
        return standing

    def deadline(self) -> float | None:
        dues = [each for each in (self.speakers.deadline(), self.stage.deadline()) if each is not None]
        return min(dues, default=None)


def test_all_stand_in_the_order_of_coming() -> None:
    assert Play(*GRID).look(people("abc")) == Standing((), ("a", "b", "c"), ("a", "b", "c"))
    standing = Play().look(people("abc"))
    assert (standing.mains, standing.rest) == (("a",), ("b", "c"))


def test_the_fifth_of_five_sees_four_and_the_four_see_him() -> None:
    standing = Play(*GRID).look(people("abcde"))
    assert standing.order == tuple("abcd") and standing.understudy == "e"
    assert standing.seen_by("e") == tuple("abcd")
    assert standing.seen_by("a") == tuple("bcde")
    assert standing.seen_by("c") == tuple("abde")


def test_a_grid_does_not_move_for_speech() -> None:
    play = Play(*GRID)
    for talker in ("c", "d", "a", "cd", "b"):
        assert play.talk(talker, people("abcd")).rest == tuple("abcd")


def test_a_talker_without_a_seat_takes_that_of_who_was_silent_longest() -> None:
    play = Play(*GRID)
    everybody = people("abcdef")
    for talker in "abd":
        play.talk(talker, everybody)
    assert play.talk("e", everybody).rest == tuple("abed")  # c has never talked
    assert play.talk("f", everybody).rest == tuple("fbed")
    assert play.talk("ab", everybody).rest == tuple("fbea")


def test_nobody_is_replaced_more_often_than_once_a_second() -> None:
    play = Play(*GRID)
    everybody = people("abcdefgh")
    play.look(everybody)
    play.speakers.talk("efgh", play.now)
    changes = []
    before = play.look(everybody).rest
    while (at := play.deadline()) is not None:
        play.now = at
        after = play.look(everybody).rest
        changes.append(play.now)
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
        before = after
    assert set(before) == set("efgh")
    assert all(later - earlier >= PACE_S for earlier, later in itertools.pairwise(changes))


def test_a_cough_takes_neither_seat_nor_floor() -> None:
    play = Play()
    play.talk("a", people("abc"))
    assert play.talk("b", people("abc"), TAKE_S / 2).mains == ("a",)
    assert play.talk("", people("abc")).mains == ("a",)


def test_the_large_seat_follows_the_talker_who_changes_places() -> None:
    play = Play()
    everybody = people("abcd")
    assert play.look(everybody).order == tuple("abcd")
    assert play.talk("c", everybody).order == tuple("cbad")
    assert play.talk("", everybody).order == tuple("cbad")
    assert play.talk("d", everybody).order == tuple("dbac")


def test_whoever_has_the_floor_keeps_it_until_he_is_quiet() -> None:
    play = Play()
    everybody = people("ab")
    play.talk("b", everybody)
    assert play.talk("ab", everybody, 60.0).mains == ("b",)
    play.speakers.talk("a", play.now)
    assert play.look(everybody).mains == ("b",)
    play.now += QUIET_S
    assert play.look(everybody).mains == ("a",)


def test_two_large_seats_hold_the_last_two_talkers() -> None:
    play = Play(2, 23)
    everybody = people("abcd")
    assert play.talk("c", everybody).mains in (("c", "a"), ("a", "c"), ("c", "b"), ("b", "c"))
    play.talk("d", everybody)
    mains = play.talk("c", everybody).mains
    assert set(mains) == {"c", "d"}
    assert set(play.talk("a", everybody).mains) == {"a", "c"}


def test_a_talker_sees_the_one_who_talked_before_him_large() -> None:
    play = Play()
    everybody = people("abcdefghijk")
    play.talk("b", everybody)
    standing = play.talk("i", everybody)
    assert standing.mains == ("i",)
    assert standing.seen_by("i")[0] == "b" and len(standing.seen_by("i")) == 8
    assert standing.seen_by("k") == standing.order


def test_in_a_picture_of_one_the_talker_sees_the_next_one() -> None:
    play = Play(1, 1)
    standing = play.talk("a", people("ab"))
    assert (standing.order, standing.seen_by("a"), standing.seen_by("b")) == (("a",), ("b",), ("a",))
    standing = play.talk("b", people("ab"))
    assert (standing.order, standing.seen_by("a"), standing.seen_by("b")) == (("b",), ("b",), ("a",))
    assert Play(1, 1).look(people("a")).seen_by("a") == ()


def test_spotlights_stand_large_the_oldest_first() -> None:
    play = Play(2, 9)
    lit = people("abcd", c=Claim("c", spotlight=5.0), d=Claim("d", spotlight=3.0))
    assert play.talk("a", lit).mains in (("c", "d"), ("d", "c"))
    play = Play(1, 8)
    assert play.talk("a", lit).mains == ("d",)
    assert play.talk("a", people("abcd", c=Claim("c", spotlight=5.0))).mains == ("c",)


def test_who_shows_slides_stands_large_where_he_is_to() -> None:
    play = Play()
    assert play.talk("a", people("abc", c=Claim("c", presents=True))).mains == ("c",)
    lit = people("abc", c=Claim("c", presents=True), b=Claim("b", spotlight=1.0))
    assert play.talk("a", lit).mains == ("b",)


def test_spotlights_and_interpreters_cannot_be_talked_away() -> None:
    play = Play(*GRID)
    claims = people("abcdefg", a=Claim("a", interprets=True), b=Claim("b", spotlight=1.0))
    for talker in "cdefgcdefg":
        assert {"a", "b"} <= set(play.talk(talker, claims).order)


def test_whoever_becomes_interpreter_or_lit_gets_a_seat_at_once() -> None:
    play = Play(*GRID)
    play.look(people("abcdefg"))
    assert "g" in play.look(people("abcdefg", g=Claim("g", interprets=True))).order
    assert {"f", "g"} <= set(
        play.look(people("abcdefg", g=Claim("g", interprets=True), f=Claim("f", spotlight=1.0))).order
    )


def test_interpreters_never_take_a_large_seat() -> None:
    play = Play()
    claims = people("abc", a=Claim("a", interprets=True))
    assert play.talk("a", claims).mains == ("b",)
    assert play.talk("c", claims).mains == ("c",)
    assert play.talk("a", claims).mains == ("c",)


def test_who_has_no_picture_makes_room_for_who_has() -> None:
    play = Play(*GRID)
    assert play.look(people("abcde")).rest == tuple("abcd")
    assert play.look(people("abcde", b=Claim("b", live=False))).rest == tuple("aecd")
    assert (
        play.look(people("abcd", b=Claim("b", live=False))).rest
        == tuple("acdb")[:0] + play.stage.standing.rest
    )
    assert set(play.stage.standing.rest) == set("abcd")  # seats are free, so he has one
    play = Play()
    play.talk("a", people("ab"))
    assert play.look(people("ab", a=Claim("a", live=False))).mains == ("b",)


def test_who_leaves_leaves_no_gap_and_who_comes_back_comes_last() -> None:
    play = Play(*GRID)
    play.look(people("abcd"))
    assert play.look(people("acd")).rest == tuple("acd")
    assert play.look(people("acdb")).rest == tuple("acdb")


# -- lives of a stage -----------------------------------------------------------------------------------------------

NAMES = "abcdefghijkl"
claims = st.builds(
    Claim,
    st.just(""),
    interprets=st.integers(0, 9).map(lambda n: n == 0),
    spotlight=st.none() | st.none() | st.none() | st.floats(0, 9),
    presents=st.integers(0, 9).map(lambda n: n == 0),
    live=st.integers(0, 4).map(bool),
)
rooms = st.lists(st.tuples(st.sampled_from(NAMES), claims), max_size=12, unique_by=lambda each: each[0])
talkers = st.sets(st.sampled_from(NAMES), max_size=4)
pauses = st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0, 5.0])
layouts = st.sampled_from([(1, 1), (1, 8), (2, 5), (0, 4), (0, 9), (1, 3)])
Step = tuple[list[tuple[str, Claim]] | None, set[str], float]
lives = st.lists(st.tuples(st.none() | rooms, talkers, pauses), max_size=30)


def named(room: Sequence[tuple[str, Claim]]) -> list[Claim]:
    return [Claim(who, each.interprets, each.spotlight, each.presents, each.live) for who, each in room]


@given(layouts, lives)
@settings(max_examples=300, deadline=None)
def test_any_life_of_a_stage(layout: tuple[int, int], life: list[Step]) -> None:
    large, seats = layout
    play = Play(large, seats)
    there: list[Claim] = []
    for room, talking, pause in life:
        there = there if room is None else named(room)
        before = play.stage.standing.order
        standing = play.talk("".join(sorted(talking)), there, pause)
        check(standing, there, large, seats)
        if large == 0 and room is None:
            moved = [(one, other) for one, other in zip(before, standing.order, strict=True) if one != other]
            assert len(moved) <= pause / PACE_S + 1
            assert all(other not in before for _, other in moved), "a grid has moved for speech"


def check(standing: Standing, there: list[Claim], large: int, seats: int) -> None:
    order, names = standing.order, {claim.who for claim in there}
    assert len(order) == len(set(order)) == min(seats, len(there)), "two seats, or a free one"
    assert set(order) <= names
    assert len(standing.mains) <= large
    assert standing.understudy not in order
    assert bool(standing.understudy) is (len(there) > seats)
    interpreters = [claim.who for claim in there if claim.interprets]
    assert set(interpreters[:seats]) <= set(order), "an interpreter has no seat"
    assert not set(interpreters) & set(standing.mains)
    if large:
        able = len(order) - len(set(interpreters) & set(order))
        assert len(standing.mains) == min(large, able)
    for viewer in (*names, "nobody"):
        seen = standing.seen_by(viewer)
        assert viewer not in seen, "somebody sees himself"
        assert len(seen) == len(set(seen)) == min(seats, len(names - {viewer}))
        assert set(interpreters[:seats]) - {viewer} <= set(seen)


def test_a_voice_that_cannot_be_seen_is_nobody_on_a_stage() -> None:
    play = Play()
    assert play.talk("xy", people("ab")).mains == ("a",)
    assert play.speakers.floor == "" and play.speakers.talked("a") == -math.inf


@pytest.mark.parametrize("layout", [(1, 8), (0, 9)])
def test_more_seats_than_the_layout_has(layout: tuple[int, int]) -> None:
    stage = Stage(*layout)
    claims = people(NAMES, a=Claim("a", interprets=True))
    assert len(stage.settle(claims, Speakers(), 1.0, extra=1).order) == layout[1] + 1
