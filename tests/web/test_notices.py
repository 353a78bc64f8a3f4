"""What is told beside the state: to whom it is meant for, and to nobody who sees nothing of the room."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import Reason
from bridge.rooms import events
from bridge.rooms.commands import How
from bridge.rooms.events import Event, Origin
from bridge.rooms.participant import Place, Role
from bridge.web.notices import NOTED, Notice, notice
from bridge.web.roster import View

BY = Origin("a", Role.HOST, How.API)


def told(event: Event | events.TalkersChanged, view: View, me: str = "me") -> list[Notice]:
    return list(notice(event, me, view, {"a": "Anna"}.get))  # type: ignore[arg-type]


CASES: list[tuple[Event, dict[str, Any]]] = [
    (
        events.Knocking("k", "Kari", "", "web", BY),
        {"what": "knock", "uuid": "k", "display_name": "Kari", "again": False},
    ),
    (events.KnocksReported("me", 2), {"what": "knocks", "count": 2}),
    (events.HandChanged("a", True, BY), {"what": "hand", "uuid": "a", "raised": True}),
    (events.EndAnnounced(3.0, BY), {"what": "ending", "after_s": 3.0}),
    (events.EndCancelled(BY), {"what": "ending-cancelled"}),
    (events.HostsGone(60.0), {"what": "hosts-gone", "ends_after_s": 60.0}),
    (events.Alone("me"), {"what": "alone"}),
]


@pytest.mark.parametrize(("event", "expected"), CASES)
def test_hosts_are_told(event: Event, expected: dict[str, Any]) -> None:
    assert told(event, View.HOST) == [("notice", expected)]
    assert isinstance(event, NOTED)


@pytest.mark.parametrize("view", [View.ALONE, View.NONE])
def test_who_is_outside_is_told_nothing(view: View) -> None:
    said = events.Said("a", "secret", None, BY)
    for event in (said, *(event for event, _ in CASES)):
        assert told(event, view) == []


def test_guests_hear_of_no_knock_and_nobody_of_his_own_doing() -> None:
    knock = events.Knocking("k", "Kari", "", "web", BY)
    assert told(knock, View.GUEST) == []
    assert told(knock, View.HOST, me="k") == []
    assert told(events.HandChanged("me", True, BY), View.HOST) == []


def test_a_repeated_knock_and_one_that_only_moved_disturb_nobody() -> None:
    for more in ({"again": True}, {"moved": True}):
        ((_, data),) = told(events.Knocking("k", "Kari", "", "web", BY, **more), View.HOST)
        assert data["again"] is True


def test_messages_say_who_wrote_them_and_whether_to_one_alone() -> None:
    ((name, data),) = told(events.Said("a", "hi", "me", BY), View.GUEST)
    assert (name, data) == (
        "message_received",
        {"origin": "Anna", "uuid": "a", "type": "text/plain", "payload": "hi", "direct": True},
    )


@pytest.mark.parametrize(
    "event",
    [
        events.TalkersChanged(("a",)), events.LockChanged(True, BY), events.Started(False, BY),
        events.Left("a", "Anna", Role.GUEST, Place.INSIDE, Reason.NORMAL, False, 1, True, BY),
    ],
)  # fmt: skip
def test_other_events_only_change_the_state(event: Event | events.TalkersChanged) -> None:
    assert told(event, View.HOST) == []
    assert not isinstance(event, NOTED)
