"""Keeps: all legs of a conference are on one media process, new conferences go where there is least to do."""

from __future__ import annotations

import random

import pytest

from bridge.media.placement import Placement
from bridge.media.settings import MediaSettings, part_of_range

UP = [True, True]


def test_a_conference_stays_on_one_process() -> None:
    placement = Placement(2)
    assert {placement.place(f"a{n}", "1001", UP) for n in range(10)} == {0}
    assert placement.place("b", "1002", UP) == 1
    assert placement.place("c", "1002", UP) == 1
    assert placement.of_legs(["a1", "a2"]) == (0,)
    assert placement.of_legs(["a1", "b", "nobody"]) == (0, 1)


def test_a_conference_that_ended_may_go_elsewhere() -> None:
    placement = Placement(2)
    placement.place("a", "1001", UP)
    placement.place("b", "1002", UP)
    placement.place("c", "1002", UP)
    placement.forget("b")
    placement.forget("c")
    placement.forget("c")
    placement.place("d", "1003", UP)
    assert placement.place("e", "1002", [True, True]) in (0, 1)
    assert placement.of_legs(["c"]) == ()


def test_the_last_plan_still_finds_its_process() -> None:
    placement = Placement(1)
    assert placement.plan("1001", ends=False) == ()
    placement.place("a", "1001", [True])
    assert placement.plan("1001", ends=False) == (0,)
    placement.forget("a")
    assert placement.plan("1001", ends=True) == (0,)
    assert placement.plan("1001", ends=True) == ()


def test_only_processes_that_are_up_get_new_conferences() -> None:
    placement = Placement(2)
    assert placement.place("a", "1001", [False, True]) == 1
    assert placement.place("b", "1002", [False, True]) == 1
    assert placement.place("c", "1003", [False, False]) == 0


def test_a_lost_process_takes_exactly_its_legs() -> None:
    placement = Placement(2)
    for n in range(6):
        placement.place(f"leg{n}", f"100{n % 3}", UP)
    placement.plan("1001", ends=False)
    lost = placement.forget_all(1)
    assert set(lost) == {"leg1", "leg4"}
    assert placement.plan("1001", ends=False) == ()
    assert placement.of_legs([f"leg{n}" for n in range(6)]) == (0,)


def test_a_leg_that_changes_conference_takes_the_new_one_along() -> None:
    placement = Placement(2)
    placement.place("x", "1000", UP)
    assert placement.place("a", "reception", UP) == 1
    assert placement.place("a", "1001", UP) == 1
    assert placement.place("b", "1001", UP) == 1
    assert placement.plan("reception", ends=False) == ()


def test_an_open_leg_moves_where_its_ports_can_stay() -> None:
    placement = Placement(2)
    assert placement.place("a", "1001", UP) == 0
    assert placement.place("b", "1002", UP) == 1
    assert placement.move("a", "1003"), "a conference that is nowhere yet"
    assert placement.place("c", "1003", UP) == 0
    assert not placement.move("a", "1002") and not placement.move("stranger", "1001")
    assert placement._conference_of["a"] == "1003"
    placement.place("d", "1002", UP)
    assert placement.move("d", "1004") and placement.of_legs(["d"]) == (1,)


def test_nothing_is_left_when_all_are_gone() -> None:
    rng = random.Random(7)
    placement = Placement(3)
    present: set[str] = set()
    for n in range(3000):
        if present and rng.random() < 0.5:
            leg = rng.choice(sorted(present))
            present.discard(leg)
            placement.forget(leg)
        else:
            present.add(f"leg{n}")
            placement.place(f"leg{n}", str(rng.randrange(20)), [True] * 3)
    for leg in present:
        placement.forget(leg)
    assert placement._load == [0, 0, 0]
    assert not (placement._members or placement._pinned or placement._conference_of or placement._process_of)


def test_processes_share_the_port_range() -> None:
    settings = MediaSettings(port_first=20000, port_last=20099)
    parts = [part_of_range(settings, index, 3) for index in range(3)]
    assert parts == [(20000, 20031), (20032, 20063), (20064, 20095)]
    with pytest.raises(ValueError, match="too few"):
        part_of_range(MediaSettings(port_first=20000, port_last=20003), 0, 3)


def test_a_conference_is_at_home_where_its_legs_are() -> None:
    placement = Placement(2)
    assert placement.home("42") is None
    process = placement.place("leg", "42", [True, True])
    assert placement.home("42") == process
    placement.forget("leg")
    assert placement.home("42") is None
