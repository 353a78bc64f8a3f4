"""What one side says of a stream, read from its section: direction, keys, extensions; of sound also formats, timing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bridge.codec.table import OPUS, AudioCodec
from bridge.errors import ProtocolError
from bridge.sdp import crypto
from bridge.sdp.crypto import Crypto
from bridge.sdp.description import Description, Section, by_name, number
from bridge.sdp.extensions import FEEDBACK, LEVEL, MID, Extension, read_extensions
from bridge.sdp.formats import AudioFormats, read_formats
from bridge.sdp.transport_terms import DTLS_PROFILES

PLAIN_PROFILES: Final = ("RTP/AVP", "RTP/AVPF")
SECURE_PROFILES: Final = ("RTP/SAVP", "RTP/SAVPF")
PACKET_LENGTHS_MS: Final = (10, 20, 30, 40, 60)

_DIRECTIONS: Final = {
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}
_NAMES: Final = {flags: name for name, flags in _DIRECTIONS.items()}


def direction_name(sends: bool, receives: bool) -> str:
    """Name a direction as its attribute (RFC 8866 section 6.7)."""
    return _NAMES[sends, receives]


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """One side's terms for a stream of any kind, seen from that side.

    `secure`: its profile promises SDES. `sends`, `receives`: its direction attribute. `cryptos`: its usable keys.
    `extensions`: by URI, those that we know (RFC 8285).
    """

    secure: bool
    sends: bool
    receives: bool
    rtcp_reduced_size: bool
    cryptos: tuple[Crypto, ...]
    extensions: dict[str, Extension]


@dataclass(frozen=True, slots=True)
class Terms:
    """One side's terms for an audio stream, seen from that side.

    `ptime_ms`, `max_ptime_ms`: 0 = not said. `feedback`: the payload types for which transport-wide feedback is
    wanted, "*" for all.
    """

    stream: StreamTerms
    formats: AudioFormats
    ptime_ms: int
    max_ptime_ms: int
    feedback: frozenset[str]

    def feedback_for(self, formats: AudioFormats) -> list[str]:
        """List those of the payload types for which transport-wide feedback is wanted."""
        payload_types = (str(each.payload_type) for each in formats.audio)
        return [each for each in payload_types if not self.feedback.isdisjoint((each, "*"))]

    def packet_ms(self, codec: AudioCodec, default_ms: int) -> int:
        """Choose the length of the packets sent to this side: what it asks for, as far as we make such packets.

        Always one of PACKET_LENGTHS_MS, and not over its maxptime unless that is under 10 ms. Opus has no frames of
        30 ms (RFC 6716 section 2.1.4).
        """
        wanted = self.ptime_ms or default_ms
        if self.max_ptime_ms:
            wanted = min(wanted, self.max_ptime_ms)
        lengths = [
            each for each in PACKET_LENGTHS_MS if each <= wanted and not (codec is OPUS and each == 30)
        ]
        return lengths[-1] if lengths else PACKET_LENGTHS_MS[0]


def read_stream(description: Description, section: Section, known: Collection[str]) -> StreamTerms:
    """Read what sections of all kinds say. `known`: URIs of the extensions that may be used.

    Raises ProtocolError 488 for profiles we lack.
    """
    if section.proto not in (*PLAIN_PROFILES, *SECURE_PROFILES, *DTLS_PROFILES):
        raise ProtocolError("sdp-profile", section.proto[:40], 488)
    own = by_name(section.attributes)
    shared = by_name(description.attributes)
    sends, receives = _direction(own) or _direction(shared) or (True, True)
    return StreamTerms(
        secure=section.proto in SECURE_PROFILES,
        sends=sends,
        receives=receives,
        rtcp_reduced_size="rtcp-rsize" in own,
        cryptos=tuple(filter(None, map(crypto.parse, own.get("crypto", ())))),
        extensions={
            uri: each
            for uri, each in read_extensions((*own.get("extmap", ()), *shared.get("extmap", ()))).items()
            if uri in known
        },
    )


def read_terms(description: Description, section: Section, codecs: Collection[AudioCodec]) -> Terms:
    """Read an audio section. `codecs`: those that may be used. Raises ProtocolError 488 for profiles we lack."""
    own = by_name(section.attributes)
    return Terms(
        stream=read_stream(description, section, (LEVEL, MID, FEEDBACK)),
        formats=read_formats(section.formats, own, codecs),
        ptime_ms=_milliseconds(own.get("ptime", ())),
        max_ptime_ms=_milliseconds(own.get("maxptime", ())),
        feedback=_feedback(section.proto, own.get("rtcp-fb", ())),
    )


def _direction(attributes: dict[str, list[str]]) -> tuple[bool, bool] | None:
    """Find the direction at one level; of several the first counts."""
    return next((_DIRECTIONS[name] for name in attributes if name in _DIRECTIONS), None)


def _milliseconds(values: Collection[str]) -> int:
    """Read ptime or maxptime lines: the smallest sensible one of several, 0 for none. Fractions are cut."""
    sensible = [number(value.strip().partition(".")[0], 1_000) or 0 for value in values]
    return min(filter(None, sensible), default=0)


def _feedback(proto: str, values: Collection[str]) -> frozenset[str]:
    """Find what is to have transport-wide feedback; only the AVPF profiles have any (RFC 4585 section 4)."""
    if not proto.endswith("F"):
        return frozenset()
    wanted = (value.split() for value in values)
    return frozenset(each[0] for each in wanted if each[1:] == ["transport-cc"])
