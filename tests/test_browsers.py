"""Browsers are told how others find a room, which TURN servers they may use, and never a PIN."""

from __future__ import annotations

from bridge.browsers import Surroundings
from bridge.call_record import CallRecord
from bridge.focus import Focus
from bridge.leg import Called
from bridge.rooms.participant import Role
from bridge.web.turn import TurnServers
from config.model import Room, RoomKind
from config.secret import Secret

ROOM = Room("1002", RoomKind.HOST_PIN, host_pin=Secret("246810"))


def around(turn: TurnServers | None = None) -> tuple[Surroundings, list[CallRecord]]:
    records: list[CallRecord] = []

    def call(by: str, focus: Focus, uri: str, role: Role) -> Called | str:
        return "not-allowed"

    made = Surroundings(
        lambda: "draining", turn or TurnServers(), "https://meet.example.org", "example.org", call, records.append,
        lambda: 1000.0,
    )  # fmt: skip
    return made, records


def test_how_others_find_a_room() -> None:
    invitation = around()[0].invitation(ROOM)
    assert invitation == (
        "1002", "1002@example.org", "https://meet.example.org/1002", "https://meet.example.org/whip/1002"
    )  # fmt: skip
    assert "246810" not in repr(invitation)


def test_servers_with_credentials_of_ones_own() -> None:
    assert around()[0].servers("a1") == ([], [])
    some = TurnServers(("turn:t.example",), Secret("shared with the server"), 60.0)
    (server,) = around(some)[0].servers("a1").turn
    assert server["username"] == "1060:a1"


def test_the_rest_is_passed_on() -> None:
    surroundings, records = around()
    assert surroundings.refusal() == "draining"
    record = CallRecord("a1", "1002", "web", "in", "192.0.2.1", 0.0)
    surroundings.record(record)
    assert records == [record]
