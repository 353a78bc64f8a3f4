"""The formats of an audio section: rtpmap and fmtp lines joined to codecs of the bridge (RFC 8866 section 6.6)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from bridge.codec.table import COMFORT_NOISE, OPUS, TELEPHONE_EVENT, AudioCodec
from bridge.sdp.description import Attribute, number

# Formats that need no rtpmap (RFC 3551 section 6), as far as they concern us.
_STATIC = {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "13": "CN/8000"}

# DTMF digits (RFC 4733 section 3.2), which is all that we send and understand.
_EVENTS = "0-15"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One format that the bridge speaks. `parameters`: the fmtp parameters, names in lower case."""

    payload_type: int
    codec: AudioCodec
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudioFormats:
    """What of an audio section's m-line is of use, in its order.

    `audio`: the codecs. `events`: clock rate [Hz] -> payload type of telephone-event. `noise`: payload type of
    comfort noise at 8 kHz, or None.
    """

    audio: tuple[AudioFormat, ...]
    events: dict[int, int]
    noise: int | None

    def event_for(self, codec: AudioCodec) -> tuple[int, int] | None:
        """Give clock rate and payload type of telephone-event beside a codec (RFC 4733 section 2.1: its clock).

        Where that is not on offer: at 8000 Hz, else what there is.
        """
        for clock_rate in (codec.clock_rate, 8000, *self.events):
            if clock_rate in self.events:
                return clock_rate, self.events[clock_rate]
        return None


def read_formats(
    formats: Collection[str], attributes: dict[str, list[str]], codecs: Collection[AudioCodec]
) -> AudioFormats:
    """Read an audio m-line with its rtpmap and fmtp lines; what is broken or unknown is skipped.

    Of a codec that is listed twice the first format counts. `attributes`: the section's, from `by_name`. `codecs`:
    those that may be used.
    """
    wanted = {codec.name.lower(): codec for codec in codecs}
    maps = by_format(attributes.get("rtpmap", ()))
    parameters = by_format(attributes.get("fmtp", ()))
    audio: dict[str, AudioFormat] = {}
    events: dict[int, int] = {}
    noise: int | None = None
    for text in dict.fromkeys(formats):
        payload_type = number(text, 127)
        encoding = encoding_of(maps.get(text, "")) or encoding_of(_STATIC.get(text, ""))
        if payload_type is None or encoding is None:
            continue
        name, clock_rate = encoding
        if name == TELEPHONE_EVENT:
            events.setdefault(clock_rate, payload_type)
        elif name == COMFORT_NOISE.lower():
            noise = payload_type if clock_rate == 8000 and noise is None else noise
        elif name in wanted and wanted[name].clock_rate == clock_rate and name not in audio:
            audio[name] = AudioFormat(payload_type, wanted[name], read_parameters(parameters.get(text, "")))
    return AudioFormats(tuple(audio.values()), events, noise)


def format_attributes(formats: AudioFormats, opus_dtx: bool) -> list[Attribute]:
    """Write rtpmap and fmtp lines. `opus_dtx`: ask the peer to stop sending while silent."""
    lines: list[Attribute] = []
    for each in formats.audio:
        codec = each.codec
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        lines.append(("rtpmap", f"{each.payload_type} {codec.name}/{codec.clock_rate}{channels}"))
        if codec is OPUS:
            silence = ";usedtx=1" if opus_dtx else ""
            lines.append(("fmtp", f"{each.payload_type} useinbandfec=1;stereo=0;sprop-stereo=0{silence}"))
    if formats.noise is not None:
        lines.append(("rtpmap", f"{formats.noise} {COMFORT_NOISE}/8000"))
    for clock_rate, payload_type in formats.events.items():
        lines.append(("rtpmap", f"{payload_type} {TELEPHONE_EVENT}/{clock_rate}"))
        lines.append(("fmtp", f"{payload_type} {_EVENTS}"))
    return lines


def by_format(values: Collection[str]) -> dict[str, str]:
    """Split "FORMAT rest" values; of several for one format the first counts."""
    found: dict[str, str] = {}
    for value in values:
        name, *rest = value.split(None, 1)[:2] or ("",)
        found.setdefault(name, rest[0] if rest else "")
    return found


def encoding_of(text: str) -> tuple[str, int] | None:
    """Read "name/clock[/channels]" as name in lower case and clock rate [Hz]; None for what cannot be ours.

    The channels of Opus are always 2 and tell nothing (some devices leave them out); all else we speak with one.
    """
    name, *rest = text.strip().lower().split("/")
    clock_rate = number(rest[0], 192_000) if rest else None
    if not name or not clock_rate or (rest[1:] not in ([], ["1"]) and name != OPUS.name):
        return None
    return name, clock_rate


def read_parameters(text: str) -> dict[str, str]:
    """Read "a=1; B = 2;" into {"a": "1", "b": "2"}; blanks and an empty end are forgiven, the first of two wins."""
    parameters: dict[str, str] = {}
    for pair in text.split(";"):
        name, _, value = pair.partition("=")
        if name := name.strip().lower():
            parameters.setdefault(name, value.strip())
    return parameters


@dataclass(frozen=True, slots=True)
class OpusWish:
    """What a peer asks of the Opus stream it receives (RFC 7587 section 6.1); 0 bit/s = no limit said."""

    fec: bool = False
    dtx: bool = False
    bitrate: int = 0
    max_rate: int = 48_000


def opus_wish(formats: Collection[AudioFormat]) -> OpusWish:
    """Read the wishes from the first Opus among formats; values out of range are brought into it."""
    parameters = next((each.parameters for each in formats if each.codec is OPUS), {})
    bitrate = number(parameters.get("maxaveragebitrate", ""), 10**9) or 0
    rate = number(parameters.get("maxplaybackrate", ""), 10**9) or OPUS.clock_rate
    return OpusWish(
        fec=parameters.get("useinbandfec") == "1",
        dtx=parameters.get("usedtx") == "1",
        bitrate=min(max(bitrate, 6_000), 510_000) if bitrate else 0,
        max_rate=min(max(rate, 8_000), 48_000),
    )
