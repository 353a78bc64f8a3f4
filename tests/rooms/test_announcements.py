"""Numbers are spoken from few pieces, and every prompt that can be asked for is one that the project has."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.rooms.announcements import FAREWELLS, REFUSALS, number
from bridge.rooms.events import Refusal

PROMPTS = {
    "welcome-silence", "ask-pin", "ask-pin-or-hash", "pin-wrong", "pin-last-try", "pin-failed", "pin-timeout",
    "wait-host", "knocking", "admitted", "declined", "full", "alone", "muted", "unmuted", "muted-by-host",
    "unmuted-by-host", "all-muted", "all-unmuted", "locked", "unlocked", "somebody-knocks", "nobody-knocks",
    "not-allowed", "ending", "ending-cancelled", "ended", "removed", "host-gone", "hand-raised", "hand-lowered",
    "hand-raised-host", "help-host", "help-guest", "you-are-host", "you-are-guest", "not-available", "people-here",
    "overloaded", "transferred", "tone-join", "tone-leave", "tone-knock", "music",
    *(f"number-{count}" for count in (*range(21), *range(30, 101, 10))),
}  # fmt: skip


@pytest.mark.parametrize(
    ("count", "pieces"),
    [
        (0, "0"), (1, "1"), (20, "20"), (21, "20 1"), (30, "30"), (99, "90 9"), (100, "100"), (101, "100 1"),
        (121, "100 20 1"), (200, "2 100"), (345, "3 100 40 5"),
    ],
)  # fmt: skip
def test_numbers(count: int, pieces: str) -> None:
    assert number(count) == tuple(f"number-{piece}" for piece in pieces.split())


def test_every_number_is_spoken_from_known_pieces() -> None:
    for count in range(1000):
        assert set(number(count)) <= PROMPTS
    for wrong in (-1, 1000):
        with pytest.raises(ValueError, match="no prompts"):
            number(wrong)


def test_all_prompts_are_known() -> None:
    for prompts in (*FAREWELLS.values(), *REFUSALS.values()):
        assert set(prompts) <= PROMPTS
    assert set(REFUSALS) == set(Refusal)


@pytest.mark.parametrize("file", ["announcements.py", "entry.py", "keypad.py"])
def test_the_code_names_no_other_prompts(file: str) -> None:
    """Every word in quotes with a hyphen in it is a prompt; so are those in the tables above."""
    text = (Path(__file__).parents[2] / "bridge" / "rooms" / file).read_text()
    words = {
        word for word in text.split('"') if "-" in word and word.replace("-", "").isalpha() and word.islower()
    }
    assert {word for word in words if not word.startswith("-")} <= PROMPTS
