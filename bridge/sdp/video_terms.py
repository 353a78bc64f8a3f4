"""What one side says of a video stream, read from its section."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from bridge.codec.table import VideoCodec
from bridge.sdp.bandwidth import video_bitrate
from bridge.sdp.description import Description, Section, by_name, number
from bridge.sdp.extensions import FEEDBACK, MID, ORIENTATION, REPAIRED_RID, RID
from bridge.sdp.feedback import Wanted, read_feedback
from bridge.sdp.simulcast import read_layers
from bridge.sdp.terms import StreamTerms, read_stream
from bridge.sdp.video import Content
from bridge.sdp.video_formats import ListedFormat, read_video_formats

_EXTENSIONS: Final = (MID, RID, REPAIRED_RID, FEEDBACK, ORIENTATION)
_HIGHEST_SSRC: Final = 2**32 - 1
_MAX_REPAIRS: Final = 8


@dataclass(frozen=True, slots=True)
class VideoTerms:
    """One side's terms for a video stream, seen from that side.

    `feedback`: what it wants. `bitrate`: what it takes [bit/s], 0 = not said. `layers_sent`, `layers_received`: of
    simulcast, name -> payload types they are bound to. `repair_sources`: SSRC of retransmissions -> SSRC repaired.
    """

    stream: StreamTerms
    formats: tuple[ListedFormat, ...]
    feedback: Wanted
    bitrate: int
    layers_sent: dict[str, frozenset[int]]
    layers_received: dict[str, frozenset[int]]
    repair_sources: dict[int, int]


def read_video_terms(
    description: Description, section: Section, codecs: Collection[VideoCodec]
) -> VideoTerms:
    """Read a video section. `codecs`: those that may be used. Raises ProtocolError 488 for profiles we lack."""
    own = by_name(section.attributes)
    return VideoTerms(
        stream=read_stream(description, section, _EXTENSIONS),
        formats=read_video_formats(section.formats, own, codecs),
        feedback=read_feedback(own.get("rtcp-fb", ())),
        bitrate=video_bitrate(description, section),
        layers_sent=read_layers(own, "send"),
        layers_received=read_layers(own, "recv"),
        repair_sources=_repair_sources(own.get("ssrc-group", ())),
    )


def content_of(section: Section) -> Content:
    """Tell what a section shows (RFC 4796); whatever is not slides is whoever stands before a camera."""
    values = by_name(section.attributes).get("content", ())
    words = {word.strip().lower() for value in values for word in value.split(",")}
    return Content.SLIDES if words & {"slides", "alt"} else Content.MAIN


def _repair_sources(values: Iterable[str]) -> dict[int, int]:
    """Read ssrc-group lines of the kind FID (RFC 5576 section 4.2)."""
    found: dict[int, int] = {}
    for value in values:
        kind, *rest = value.split()[:4] or ("",)
        sources = [number(each, _HIGHEST_SSRC) for each in rest]
        match sources:
            case [int(repaired), int(repair)] if kind == "FID" and len(found) < _MAX_REPAIRS:
                found.setdefault(repair, repaired)
            case _:
                pass
    return found
