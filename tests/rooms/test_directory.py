"""A room is found by its number and its aliases; what is unknown and what is disabled are the same nothing."""

from __future__ import annotations

import pytest

from bridge.rooms.directory import Directory
from config.model import Room, RoomKind

CLINIC = Room("1001", RoomKind.OPEN, aliases=("Clinic@Video.example", "22", "1002@other.example"))
WARD = Room("1002", RoomKind.OPEN)
CLOSED = Room("1003", RoomKind.OPEN, disabled=True, aliases=("closed@video.example",))
DIRECTORY = Directory((CLINIC, WARD, CLOSED))


@pytest.mark.parametrize(
    ("user", "domain", "found"),
    [
        ("1001", "", CLINIC),
        ("1001", "anything.example", CLINIC),
        ("+1001", "", CLINIC),
        ("22", "", CLINIC),
        ("clinic", "video.example", CLINIC),
        ("CLINIC", "VIDEO.EXAMPLE", CLINIC),
        ("clinic", "elsewhere.example", None),
        ("clinic", "", None),
        ("1002", "other.example", CLINIC),
        ("1002", "video.example", WARD),
        ("1003", "", None),
        ("closed", "video.example", None),
        ("", "", None),
        ("", "video.example", None),
        ("9999", "", None),
        ("++1001", "", None),
        ("1001 ", "", None),
        ("١٠٠١", "", None),
        ("1" * 5000, "", None),
        ("1001", "x" * 5000, None),
    ],
)
def test_lookups(user: str, domain: str, found: Room | None) -> None:
    assert DIRECTORY.find(user, domain) is found


def test_interpreters_come_by_names_of_their_own_or_by_who_they_are() -> None:
    room = Room(
        "1001", RoomKind.OPEN, aliases=("22",), interpreters=("Ola@example.org",), interpreter_aliases=("23",)
    )
    directory = Directory((room, WARD))
    assert directory.find("23") is room
    assert directory.interprets(room, "23", "", "") and directory.interprets(room, "+23", "video.example", "")
    assert directory.interprets(room, "22", "", "ola@Example.org")
    assert not directory.interprets(room, "22", "", "kari@example.org")
    assert not directory.interprets(room, "1001", "", "") and not directory.interprets(WARD, "1002", "", "")
