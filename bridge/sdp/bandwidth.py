"""How many bits a second a side takes of its pictures: b=AS, b=TIAS and b=CT (RFC 8866 section 5.8, RFC 3890)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bridge.sdp.description import Description, Section

# What sound takes of a limit for all streams together, with its headers [bit/s].
_SOUND: Final = 80_000
# The lowest that a limit for all streams leaves for pictures [bit/s].
_LEAST: Final = 64_000
# Headers of IP, UDP and RTP, which AS counts and TIAS does not, as a part of packets full of pictures.
_HEADERS: Final = 0.05


def video_bitrate(description: Description, section: Section) -> int:
    """Tell the most that a side takes of the pictures of a section [bit/s]; 0 = it does not say.

    A limit of the whole session is for sound as well. Zeros say nothing: who wants no pictures says so by direction.
    """
    limits = list(_stated(section.bandwidths))
    limits += [max(each - _SOUND, _LEAST) for each in _stated(description.bandwidths)]
    return min(limits, default=0)


def _stated(bandwidths: Iterable[tuple[str, int]]) -> Iterable[int]:
    for kind, amount in bandwidths:
        if amount and kind == "TIAS":
            yield amount
        elif amount and kind in ("AS", "CT"):
            yield round(1000 * amount / (1 + _HEADERS))


def bandwidth_lines(bitrate: int) -> tuple[tuple[str, int], ...]:
    """Write what we take, in both units; nothing for 0."""
    return (("AS", round(bitrate * (1 + _HEADERS) / 1000)), ("TIAS", bitrate)) if bitrate else ()
