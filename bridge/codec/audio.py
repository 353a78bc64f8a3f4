"""The audio codecs by name: what kind of work each is for the mixer."""

from __future__ import annotations

from enum import Enum

from bridge.codec.g711 import Law
from bridge.codec.table import COMFORT_NOISE, G722, OPUS, PCMA, PCMU


class Kind(Enum):
    """How a codec is worked with: tables over many streams at once, 16 kHz by PyAV, or libopus."""

    TELEPHONE = "G.711"
    WIDE = "G.722"
    OPUS = "Opus"
    NOISE = "CN"  # RFC 3389: says how silence sounds; we make our own


_KINDS = {
    PCMU.name.lower(): Kind.TELEPHONE,
    PCMA.name.lower(): Kind.TELEPHONE,
    G722.name.lower(): Kind.WIDE,
    OPUS.name.lower(): Kind.OPUS,
    COMFORT_NOISE.lower(): Kind.NOISE,
}


def kind(codec: str) -> Kind | None:
    """The kind of a codec by its SDP name, or None for one we do not speak."""
    return _KINDS.get(codec.lower())


def law(codec: str) -> Law:
    """Which law a `Kind.TELEPHONE` codec is."""
    return Law(codec.upper())
