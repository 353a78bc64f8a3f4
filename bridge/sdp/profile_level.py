"""H.264's profile-level-id (RFC 6184 section 8.1): which profile, which level, and what a level can carry.

The bridge sends constrained baseline, which decoders of baseline, main and high all decode; of profiles on offer it
takes these three with whatever constraints they name, and says the same ones back (RFC 6184 section 8.2.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bridge.sdp.video import VideoLimits

CONSTRAINED_BASELINE: Final = 0x42E0

_BASELINE, _MAIN, _HIGH = 0x42, 0x4D, 0x64
_PROFILES: Final = frozenset((_BASELINE, _MAIN, _HIGH))
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_1B: Final = 9  # what level 1b is called in profiles that have no flag for it
_FLAG_1B: Final = 0x10  # constraint_set3, with level_idc 11

# What each level can carry, from the lowest to the highest (H.264 table A-1): macroblocks a second, macroblocks of a
# picture, bit rate [kbit/s].
_LEVELS: Final = {
    10: (1_485, 99, 64),
    _1B: (1_485, 99, 128),
    11: (3_000, 396, 192),
    12: (6_000, 396, 384),
    13: (11_880, 396, 768),
    20: (11_880, 396, 2_000),
    21: (19_800, 792, 4_000),
    22: (20_250, 1_620, 4_000),
    30: (40_500, 1_620, 10_000),
    31: (108_000, 3_600, 14_000),
    32: (216_000, 5_120, 20_000),
    40: (245_760, 8_192, 20_000),
    41: (245_760, 8_192, 50_000),
    42: (522_240, 8_704, 50_000),
    50: (589_824, 22_080, 135_000),
    51: (983_040, 36_864, 240_000),
    52: (2_073_600, 36_864, 240_000),
}
_RANKS: Final = {level: rank for rank, level in enumerate(_LEVELS)}


@dataclass(frozen=True, slots=True)
class ProfileLevel:
    """A profile with a level. `profile`: profile_idc and the constraint flags, without that of level 1b.

    `level`: level_idc, 9 = level 1b.
    """

    profile: int
    level: int

    def at(self, level: int) -> ProfileLevel:
        """Give the same profile at another level."""
        return replace(self, level=level)

    def least(self, other: ProfileLevel) -> ProfileLevel:
        """Give this profile at the lower one of both levels."""
        return self.at(min(self.level, other.level, key=_RANKS.__getitem__))

    @property
    def limits(self) -> VideoLimits:
        """Tell what the level can carry."""
        max_mbps, max_fs, kilobits = _LEVELS[self.level]
        return VideoLimits(max_fs=max_fs, max_mbps=max_mbps, bitrate=1000 * kilobits)

    def serialise(self) -> str:
        """Write the six digits."""
        if self.level == _1B and self.profile >> 8 != _HIGH:
            return f"{self.profile | _FLAG_1B:04x}0b"
        return f"{self.profile:04x}{self.level:02x}"


# RFC 6184 section 8.1 says level 1 where nothing is said, which is a stamp of 176x144. Who says nothing today is a
# simple device that decodes what a telephone with a screen does.
UNSAID: Final = ProfileLevel(CONSTRAINED_BASELINE, 30)


def parse_profile_level(text: str) -> ProfileLevel | None:
    """Read the six digits, "" = not said; None for what is broken, or a profile that is not ours."""
    if not text:
        return UNSAID
    if len(text) != 6 or not _HEX.issuperset(text):
        return None
    number = int(text, 16)
    profile, level = number >> 8, number & 0xFF
    if profile >> 8 not in _PROFILES:
        return None
    if profile >> 8 != _HIGH:
        if level == 11 and profile & _FLAG_1B:
            level = _1B
        profile &= ~_FLAG_1B
    known = [each for each in _LEVELS if each == level or (each != _1B and each <= level)]
    return ProfileLevel(profile, level if level in _LEVELS else known[-1]) if known else None


def level_for(limits: VideoLimits) -> int:
    """Choose the level that says what can be received: the lowest of those that carry most without being too much."""

    def within(level: int) -> bool:
        max_mbps, max_fs, _ = _LEVELS[level]
        return (not limits.max_fs or max_fs <= limits.max_fs) and (
            not limits.max_mbps or max_mbps <= limits.max_mbps
        )

    fitting = [level for level in _LEVELS if within(level)]
    return max(fitting, key=lambda level: (_LEVELS[level][:2], -level), default=10)
