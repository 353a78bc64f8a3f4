"""Everybody's list is what he may know, no more and no less, whatever happens (reliability.md G-06):

- the events that a viewer gets add up to exactly those whom `visible` names, in any order of changes and absences;
- who waits, knocks or is on hold is told of nobody but himself, and never gets an event that is about a list;
- who sees less than before is marked, so that nothing of before is told again.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rooms.participant import Participant, Place, Role
from bridge.web.protocol import participant
from bridge.web.roster import Events, Rosters, View, view_of, visible

EPOCH = 1_700_000_000.0
LEGS = [f"leg{number}" for number in range(5)]

people_now = st.lists(
    st.builds(
        Participant,
        st.sampled_from(LEGS),
        st.just("name"),
        st.sampled_from(Role),
        st.sampled_from([Place.INSIDE, Place.INSIDE, Place.WAITING, Place.KNOCKING]),
        st.integers(0, 3).map(float),
        held=st.integers(0, 6).map(lambda n: n == 0),
        host_muted=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda person: person.leg,
)
"""Anybody anywhere: more than a conference would ever do at once."""

absent = st.sets(st.sampled_from(LEGS), max_size=2)


class Reader:
    """A client that keeps its list by the events alone, as the API's users do."""

    def __init__(self, viewer: str) -> None:
        self.viewer = viewer
        self.people: dict[str, dict[str, Any]] = {}

    def read(self, events: Events) -> None:
        for name, data in events:
            value = json.loads(data)
            match name:
                case "participant_sync_begin":
                    self.people = {}
                case "participant_sync_end":
                    assert value is None
                case "participant_delete":
                    del self.people[value["uuid"]]
                case "participant_create":
                    assert value["uuid"] not in self.people
                    self.people[value["uuid"]] = value
                case "participant_update":
                    assert value["uuid"] in self.people or value["uuid"] == self.viewer
                    self.people[value["uuid"]] = value
                case _:
                    raise AssertionError(name)


def expected(people: list[Participant], viewer: str) -> dict[str, dict[str, Any]]:
    return {person.leg: participant(person, EPOCH, "") for person in visible(people, viewer)}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(people_now, absent), max_size=12))
def test_events_add_up_to_what_may_be_known(steps: list[tuple[list[Participant], set[str]]]) -> None:
    rosters = Rosters(EPOCH)
    readers = {leg: Reader(leg) for leg in LEGS}
    saw: dict[str, View] = dict.fromkeys(LEGS, View.NONE)
    for people, away in steps:
        rosters.take(people, {})
        for leg, reader in readers.items():
            if leg in away:
                continue  # asks the next time
            me = next((person for person in people if person.leg == leg), None)
            changes = rosters.changes(leg)
            assert changes.view is view_of(me)
            if changes.view is View.NONE:
                assert not changes.events
                readers[leg], saw[leg] = Reader(leg), View.NONE
                continue
            if changes.view is View.ALONE and saw[leg] in (View.ALONE, View.NONE):
                assert all(name == "participant_update" for name, _ in changes.events)
            reader.read(changes.events)
            assert reader.people == expected(people, leg)
            less = (
                (saw[leg] in (View.HOST, View.GUEST) and changes.view is View.ALONE)
                or (saw[leg], changes.view) == (View.HOST, View.GUEST)
            )  # fmt: skip
            assert changes.narrowed == less
            saw[leg] = changes.view
            beginner = Reader(leg)
            beginner.read(rosters.whole_for(leg))
            assert beginner.people == reader.people


@settings(max_examples=100, deadline=None)
@given(people_now, st.sampled_from(LEGS))
def test_who_is_outside_sees_himself_alone(people: list[Participant], viewer: str) -> None:
    me = next((person for person in people if person.leg == viewer), None)
    seen = visible(people, viewer)
    if me is None:
        assert seen == ()
    elif not me.inside or me.held:
        assert seen == (me,)
    elif me.role is Role.GUEST:
        assert all(person.inside for person in seen) and me in seen
    else:
        assert seen == tuple(people)


def person(leg: str, role: Role = Role.GUEST, place: Place = Place.INSIDE, **more: Any) -> Participant:
    return Participant(leg, leg.title(), role, place, 5.0, **more)


def names(events: Events) -> list[str]:
    return [name for name, _ in events]


def test_who_is_let_in_gets_the_whole_list_and_himself_last() -> None:
    rosters = Rosters(EPOCH)
    rosters.take([person("host", Role.HOST), person("ola", place=Place.KNOCKING)], {})
    assert names(rosters.changes("ola").events) == ["participant_update"]
    rosters.take([person("host", Role.HOST), person("ola")], {})
    changes = rosters.changes("ola")
    assert changes.entered
    assert names(changes.events) == [
        "participant_sync_begin", "participant_create", "participant_create", "participant_sync_end",
        "participant_update",
    ]  # fmt: skip
    assert json.loads(changes.events[-1][1])["uuid"] == "ola"


def test_only_hosts_see_who_knocks_and_forget_it_with_their_role() -> None:
    rosters = Rosters(EPOCH)
    room = [person("host", Role.HOST), person("kari"), person("ola", place=Place.KNOCKING)]
    rosters.take(room[:2], {})
    for leg in ("host", "kari"):
        rosters.changes(leg)
    rosters.take(room, {})
    assert names(rosters.changes("host").events) == ["participant_create"]
    assert rosters.changes("kari").events == ()
    rosters.take([person("host"), person("kari", Role.HOST), room[2]], {})
    assert [json.loads(data)["uuid"] for _, data in rosters.changes("host").events] == ["ola", "host", "kari"]
    assert names(rosters.changes("kari").events) == [
        "participant_update",
        "participant_update",
        "participant_create",
    ]


def test_nothing_is_told_when_nothing_has_changed() -> None:
    rosters = Rosters(EPOCH)
    for _ in range(2):
        rosters.take([person("host", Role.HOST), person("kari")], {"kari": "tag"})
        rosters.changes("host")
    assert rosters.changes("host").events == ()
    assert rosters.inside() == ("host", "kari")


def test_a_mark_is_shown_and_its_change_told() -> None:
    rosters = Rosters(EPOCH)
    rosters.take([person("kari")], {})
    rosters.changes("kari")
    rosters.take([person("kari")], {"kari": "bed 7"})
    ((name, data),) = rosters.changes("kari").events
    assert name == "participant_update"
    assert json.loads(data)["call_tag"] == "bed 7"
