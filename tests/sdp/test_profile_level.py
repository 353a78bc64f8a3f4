"""A profile-level-id means what H.264 says: its level is never taken for more than it can carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sdp.profile_level import UNSAID, ProfileLevel, level_for, parse_profile_level
from bridge.sdp.video import VideoLimits


@given(st.integers(0, 2**24 - 1))
def test_whatever_is_read_can_be_said_again(number: int) -> None:
    read = parse_profile_level(f"{number:06x}")
    if read is None:
        return
    said = read.serialise()
    assert parse_profile_level(said) == read
    assert int(said[:2], 16) == number >> 16
    assert read.limits.max_fs >= 99
    assert read.least(read) == read


@given(st.text(max_size=8))
def test_whatever_is_said_is_read_or_refused(text: str) -> None:
    assert parse_profile_level(text) is None or len(text) in (0, 6)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", UNSAID),
        ("42E01F", ProfileLevel(0x42E0, 31)),
        ("64000b", ProfileLevel(0x6400, 11)),
        ("420009", ProfileLevel(0x4200, 9)),
        ("42f00b", ProfileLevel(0x42E0, 9)),  # level 1b
        ("42f01f", ProfileLevel(0x42E0, 31)),
        ("640c2a", ProfileLevel(0x640C, 42)),
        ("42e022", ProfileLevel(0x42E0, 32)),  # a level that there is not
        ("42e0ff", ProfileLevel(0x42E0, 52)),
        ("42e008", None),
        ("42e000", None),
        ("580020", None),
        ("6e0020", None),
        ("f40020", None),
        ("42e01", None),
        ("42e01f0", None),
        ("42 01f", None),
        ("٤2e01f", None),
    ],
)
def test_single_ones(text: str, read: ProfileLevel | None) -> None:
    assert parse_profile_level(text) == read


@pytest.mark.parametrize(
    ("limits", "level"),
    [
        (VideoLimits(8192, 245_760), 40),
        (VideoLimits(8160, 245_760), 32),
        (VideoLimits(3600, 108_000), 31),
        (VideoLimits(3600, 90_000), 30),
        (VideoLimits(1620, 40_500), 30),
        (VideoLimits(50, 1_000), 10),
        (VideoLimits(0, 0), 52),
        (VideoLimits(0, 108_000), 31),
    ],
)
def test_our_level_promises_no_more_than_we_take(limits: VideoLimits, level: int) -> None:
    assert level_for(limits) == level


def test_the_lower_of_two_levels() -> None:
    one, other = ProfileLevel(0x42E0, 9), ProfileLevel(0x6400, 10)
    assert one.least(other) == ProfileLevel(0x42E0, 10), "1b is above 1"
    assert other.least(one) == other
