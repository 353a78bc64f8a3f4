"""The formats of a video section: rtpmap and fmtp lines joined to codecs of the bridge, with what each side can take.

H.264 is RFC 6184, VP8 RFC 7741, VP9 RFC 9628, AV1 the payload format of the Alliance for Open Media, retransmissions
RFC 4588.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

from bridge.codec.table import H264, RETRANSMISSION, VIDEO_CLOCK_RATE, VP8, VideoCodec
from bridge.sdp.description import Attribute, number
from bridge.sdp.formats import by_format, encoding_of, read_parameters
from bridge.sdp.profile_level import (
    CONSTRAINED_BASELINE,
    ProfileLevel,
    level_for,
    parse_profile_level,
)
from bridge.sdp.video import VideoFormat, VideoLimits

_MAX_PARAMETER_SETS: Final = 8
_MAX_PARAMETER_SET_BYTES: Final = 512
# No level is below these: less is a slip of the pen, not a limit.
_LEAST_MACROBLOCKS: Final = 99
_LEAST_MACROBLOCKS_A_SECOND: Final = 1_485
_LEAST_KILOBITS: Final = 64
# Codecs of several profiles, of which the first is the one of ordinary pictures that everybody has.
_PROFILED: Final = {"VP9": "profile-id", "AV1": "profile"}


@dataclass(frozen=True, slots=True)
class ListedFormat:
    """One format that the bridge can use. `parameters`: the fmtp parameters, names in lower case. `rtx`: payload type
    of its retransmissions.

    `level`: None with other codecs than H.264. `mode`: packetization-mode. `asymmetric`: levels may differ between
    directions.
    """

    payload_type: int
    codec: VideoCodec
    parameters: dict[str, str] = field(default_factory=dict)
    rtx: int | None = None
    level: ProfileLevel | None = None
    mode: int = 1
    asymmetric: bool = False

    def matches(self, other: ListedFormat) -> bool:
        """Tell whether both are the same format, whatever its number and level (RFC 6184 section 8.2.2)."""
        return (self.codec, self.mode) == (other.codec, other.mode)

    @property
    def agreed(self) -> VideoFormat:
        """Give it as media wants it."""
        profile = 0 if self.level is None else self.level.profile
        return VideoFormat(self.codec.name, self.payload_type, self.rtx, self.mode, profile)

    @property
    def parameter_sets(self) -> tuple[bytes, ...]:
        """Give H.264's SPS and PPS of sprop-parameter-sets, without start codes; none where one is broken."""
        texts = self.parameters.get("sprop-parameter-sets", "").split(",")[:_MAX_PARAMETER_SETS]
        try:
            found = [b64decode(text + "=" * (-len(text) % 4), validate=True) for text in texts if text]
        except (binascii.Error, ValueError):
            return ()
        return tuple(each for each in found if 0 < len(each) <= _MAX_PARAMETER_SET_BYTES)


def read_video_formats(
    formats: Collection[str], attributes: dict[str, list[str]], codecs: Collection[VideoCodec]
) -> tuple[ListedFormat, ...]:
    """Read a video m-line with its rtpmap and fmtp lines, in its order; what is broken or unknown is skipped.

    `attributes`: the section's, from `by_name`. `codecs`: those that may be used.
    """
    wanted = {codec.name.lower(): codec for codec in codecs}
    maps = by_format(attributes.get("rtpmap", ()))
    said = by_format(attributes.get("fmtp", ()))
    listed: dict[int, ListedFormat] = {}
    repairs: dict[int, int] = {}
    for text in dict.fromkeys(formats):
        payload_type, encoding = number(text, 127), encoding_of(maps.get(text, ""))
        if payload_type is None or encoding is None or encoding[1] != VIDEO_CLOCK_RATE:
            continue
        parameters = read_parameters(said.get(text, ""))
        if encoding[0] == RETRANSMISSION:
            repaired = number(parameters.get("apt", ""), 127)
            if repaired is not None:
                repairs.setdefault(repaired, payload_type)
        elif (codec := wanted.get(encoding[0])) is not None:
            known = _listed(payload_type, codec, parameters)
            if known is not None:
                listed[payload_type] = known
    return tuple(replace(each, rtx=repairs.get(number_)) for number_, each in listed.items())


def _listed(payload_type: int, codec: VideoCodec, parameters: dict[str, str]) -> ListedFormat | None:
    """Read one format; None for a profile that we cannot decode."""
    if codec is not H264:
        profile = parameters.get(_PROFILED.get(codec.name, ""), "0")
        return ListedFormat(payload_type, codec, parameters) if profile == "0" else None
    level = parse_profile_level(parameters.get("profile-level-id", ""))
    mode = number(parameters.get("packetization-mode", "0"), 1)
    if level is None or mode is None:
        return None
    asymmetric = parameters.get("level-asymmetry-allowed") == "1"
    return ListedFormat(payload_type, codec, parameters, None, level, mode, asymmetric)


def choose(
    formats: Collection[ListedFormat], order: Collection[VideoCodec] | None = None
) -> ListedFormat | None:
    """Choose the format to agree on: of the first codec that we send and receive; else the first one there is.

    Of H.264 rather in mode 1, where pictures are cut as packets need it. `order`: of our own preference, None = what
    counts is theirs.
    """
    candidates = [each for each in formats if each.codec.sent] or list(formats)
    if order is not None:
        ranks = {codec: rank for rank, codec in enumerate(order)}
        candidates.sort(key=lambda each: ranks[each.codec])
    if not candidates:
        return None
    same = [each for each in candidates if each.codec is candidates[0].codec]
    return next((each for each in same if each.mode == 1), same[0])


# -- what each side can take --------------------------------------------------------------------------------------


def send_limits(theirs: ListedFormat, own_level: ProfileLevel | None) -> VideoLimits:
    """Tell what the peer can take of a format, as far as the format says.

    `own_level`: that of our description, which bounds both directions unless both sides let levels differ (RFC 6184
    section 8.2.2); None = it does not.
    """
    said = {name: number(theirs.parameters.get(name, ""), 10**9) or 0 for name in _RECEIVER}
    if theirs.level is None:
        max_fs = said["max-fs"] if said["max-fs"] >= _LEAST_MACROBLOCKS else 0
        return VideoLimits(max_fs=max_fs, max_fps=said["max-fr"])
    level = theirs.level if own_level is None else theirs.level.least(own_level)
    limits = level.limits
    # A value below that of the level is against RFC 6184; who writes one means it all the same.
    if said["max-fs"] >= _LEAST_MACROBLOCKS:
        limits = replace(limits, max_fs=said["max-fs"])
    if said["max-mbps"] >= _LEAST_MACROBLOCKS_A_SECOND:
        limits = replace(limits, max_mbps=said["max-mbps"])
    if said["max-br"] >= _LEAST_KILOBITS:
        limits = replace(limits, bitrate=1000 * said["max-br"])
    return limits


_RECEIVER: Final = ("max-fs", "max-mbps", "max-br", "max-fr")


def own_level(offered: ListedFormat | None, limits: VideoLimits) -> ProfileLevel:
    """Choose the profile and level that our description says; `offered`: what it answers, None = nothing.

    The profile is said back. Unless levels may differ, ours is not above theirs.
    """
    ours = ProfileLevel(CONSTRAINED_BASELINE, level_for(limits))
    if offered is None or offered.level is None:
        return ours
    theirs = offered.level
    return theirs.at(ours.level) if offered.asymmetric else theirs.least(ours)


# -- writing ------------------------------------------------------------------------------------------------------


def own_format_attributes(listed: ListedFormat, limits: VideoLimits) -> list[Attribute]:
    """Write the lines of one format of ours; `listed.level` is what we say of it, with `limits` of what we take."""
    payload_type = listed.payload_type
    lines: list[Attribute] = [("rtpmap", f"{payload_type} {listed.codec.name}/{VIDEO_CLOCK_RATE}")]
    if parameters := _own_parameters(listed, limits):
        lines.append(("fmtp", f"{payload_type} {parameters}"))
    if listed.rtx is not None:
        lines.append(("rtpmap", f"{listed.rtx} {RETRANSMISSION}/{VIDEO_CLOCK_RATE}"))
        lines.append(("fmtp", f"{listed.rtx} apt={payload_type}"))
    return lines


def _own_parameters(listed: ListedFormat, limits: VideoLimits) -> str:
    if listed.level is not None:
        return ";".join(
            (
                *(("level-asymmetry-allowed=1",) if listed.asymmetric else ()),
                f"packetization-mode={listed.mode}",
                f"profile-level-id={listed.level.serialise()}",
                *_beyond(listed.level.limits, limits),
            )
        )
    if listed.codec is VP8:
        sizes = (("max-fs", limits.max_fs), ("max-fr", limits.max_fps))
        return ";".join(f"{name}={value}" for name, value in sizes if value)
    profile = _PROFILED.get(listed.codec.name, "")
    # What is only received is said back as it was offered, as far as it is about the profile.
    return f"{profile}={listed.parameters[profile]}" if profile in listed.parameters else ""


def _beyond(level: VideoLimits, limits: VideoLimits) -> list[str]:
    """Say what we take beyond a level that is not ours (RFC 6184 section 8.1)."""
    pairs = (
        ("max-mbps", level.max_mbps, limits.max_mbps),
        ("max-fs", level.max_fs, limits.max_fs),
        ("max-br", level.bitrate // 1000, limits.bitrate // 1000),
    )
    return [f"{name}={most}" for name, said, most in pairs if most > said]
