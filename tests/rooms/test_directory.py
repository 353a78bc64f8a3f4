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
