"""What one side says of an audio stream, read from its section: formats, direction, addresses, timing, keys."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bridge.codec.table import OPUS, AudioCodec
from bridge.errors import ProtocolError
from bridge.sdp import crypto
from bridge.sdp.address import NOWHERE, Reach, is_unspecified
from bridge.sdp.crypto import Crypto
from bridge.sdp.description import Description, Section, by_name, number
from bridge.sdp.formats import AudioFormats, read_formats

PLAIN_PROFILES: Final = ("RTP/AVP", "RTP/AVPF")
SECURE_PROFILES: Final = ("RTP/SAVP", "RTP/SAVPF")
AUDIO_LEVEL_URI: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
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
class Terms:
    """One side's terms for an audio stream, seen from that side.

    `sends`, `receives`: its direction attribute. `ptime_ms`, `max_ptime_ms`: 0 = not said. `cryptos`: its usable
    keys. `level_id`: header extension id of the audio level (RFC 6464), 0 = none. `wants_ice`: it named ICE
    credentials or a DTLS fingerprint.
    """

    secure: bool
    formats: AudioFormats
    sends: bool
    receives: bool
    ptime_ms: int
    max_ptime_ms: int
    rtcp_mux: bool
    rtcp_reduced_size: bool
    cryptos: tuple[Crypto, ...]
    level_id: int
    wants_ice: bool
    rtcp: str | None

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


def read_terms(description: Description, section: Section, codecs: Collection[AudioCodec]) -> Terms:
    """Read an audio section. `codecs`: those that may be used. Raises ProtocolError 488 for profiles we lack."""
    if section.proto not in PLAIN_PROFILES and section.proto not in SECURE_PROFILES:
        raise ProtocolError("sdp-dtls" if "TLS" in section.proto else "sdp-profile", section.proto[:40], 488)
    own = by_name(section.attributes)
    shared = by_name(description.attributes)
    sends, receives = _direction(own) or _direction(shared) or (True, True)
    return Terms(
        secure=section.proto in SECURE_PROFILES,
        formats=read_formats(section.formats, own, codecs),
        sends=sends,
        receives=receives,
        ptime_ms=_milliseconds(own.get("ptime", ())),
        max_ptime_ms=_milliseconds(own.get("maxptime", ())),
        # RFC 8858 section 4.3: "only" comes with rtcp-mux, but says enough without it.
        rtcp_mux="rtcp-mux" in own or "rtcp-mux-only" in own,
        rtcp_reduced_size="rtcp-rsize" in own,
        cryptos=tuple(filter(None, map(crypto.parse, own.get("crypto", ())))),
        level_id=_level_id((*own.get("extmap", ()), *shared.get("extmap", ()))),
        wants_ice=any(name in level for level in (own, shared) for name in ("ice-ufrag", "fingerprint")),
        rtcp=own.get("rtcp", [None])[0],
    )


def _direction(attributes: dict[str, list[str]]) -> tuple[bool, bool] | None:
    """Find the direction at one level; of several the first counts."""
    return next((_DIRECTIONS[name] for name in attributes if name in _DIRECTIONS), None)


def _milliseconds(values: Collection[str]) -> int:
    """Read ptime or maxptime lines: the smallest sensible one of several, 0 for none. Fractions are cut."""
    sensible = [number(value.strip().partition(".")[0], 1_000) or 0 for value in values]
    return min(filter(None, sensible), default=0)


def _level_id(values: Collection[str]) -> int:
    """Find the id under which the peer may send audio levels (RFC 8285 section 5): one-byte ids, 1 to 14."""
    for value in values:
        entry, *rest = value.split()[:2] or ("",)
        text, _, direction = entry.partition("/")
        identifier = number(text, 14)
        if identifier and rest == [AUDIO_LEVEL_URI] and direction in ("", "sendrecv", "sendonly"):
            return identifier
    return 0


@dataclass(frozen=True, slots=True)
class Targets:
    """Where to send to. `parked`: old-style hold, there is no address at all (RFC 3264 section 8.4)."""

    rtp: tuple[str, int]
    rtcp: tuple[str, int]
    parked: bool


def read_targets(
    description: Description, section: Section, terms: Terms, reach: Reach, mux: bool
) -> Targets:
    """Find where a side receives RTP and RTCP. `mux`: both on one port.

    Raises ProtocolError 488 when RTP cannot be sent there. An RTCP address of no use only means no RTCP.
    """
    address = description.address_of(section)
    if address is None:
        raise ProtocolError("sdp-connection", "none", 488)
    if is_unspecified(address):
        # A browser without candidates writes this with the discard port and means: wait for ICE, which plain legs
        # do not speak.
        if terms.wants_ice and section.port == 9:
            raise ProtocolError("sdp-ice-only", status=488)
        return Targets(NOWHERE, NOWHERE, parked=True)
    rtp = reach.usable(address, section.port)
    if mux:
        return Targets(rtp, rtp, parked=False)
    return Targets(rtp, _rtcp_target(terms.rtcp, address, section.port, reach), parked=False)


def _rtcp_target(attribute: str | None, address: str, rtp_port: int, reach: Reach) -> tuple[str, int]:
    """Follow a=rtcp (RFC 3605 section 2.1), or else take the next port (RFC 3550 section 11)."""
    tokens = (attribute or "").split()
    port = number(tokens[0], 65_535) if tokens else rtp_port + 1
    if not port or port > 65_535:
        return NOWHERE
    try:
        return reach.usable(tokens[3] if len(tokens) >= 4 else address, port)
    except ProtocolError:
        return NOWHERE
