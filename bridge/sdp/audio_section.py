"""The audio section of offers and answers: ours is written, theirs is read, both together give NegotiatedAudio.

A kind of media has three functions, which the session level calls: `answer_section`, `offer_section` and
`accept_section`. Pictures have a file like this one, and in a bundle the same `TransportOutcome`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bridge.codec.table import COMFORT_NOISE, TELEPHONE_EVENT_PAYLOAD_TYPE
from bridge.errors import ProtocolError
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.bundle import mid_attributes, mid_of
from bridge.sdp.description import Attribute, Description, Section, by_name
from bridge.sdp.extensions import (
    FEEDBACK,
    LEVEL,
    MAX_ID,
    MID,
    Extension,
    common_extensions,
    extension_attributes,
    read_extensions,
)
from bridge.sdp.formats import AudioFormat, AudioFormats, format_attributes, opus_wish, read_formats
from bridge.sdp.keying import Before, KeyPair, accept_keys, answer_keys, first_profile, offered_keys
from bridge.sdp.local import Local, Preference
from bridge.sdp.terms import PACKET_LENGTHS_MS, Terms, direction_name, read_terms
from bridge.sdp.transport_terms import (
    TransportOutcome,
    answer_attributes,
    offer_attributes,
    own_place,
    track_attributes,
)

# Payload types of telephone-event in our offers, by clock rate [Hz]; Opus wants its own (RFC 4733 section 2.1).
_EVENT_PAYLOAD_TYPES = {8000: TELEPHONE_EVENT_PAYLOAD_TYPE, 48_000: 110}
_DYNAMIC_PAYLOAD_TYPES = range(96, 128)
# What a track of ours is called (RFC 8830): browsers make a stream of it, and scripts ask for it.
_MSID = "samrom audio"


@dataclass(frozen=True, slots=True)
class AudioOutcome:
    """What negotiating one audio section gave. `generation`: of our SRTP key, see `crypto.derive_key`."""

    section: Section
    audio: NegotiatedAudio
    generation: int


def ended(audio: NegotiatedAudio) -> NegotiatedAudio:
    """Give what is left of a stream whose m-line got port 0: nothing goes either way until it comes back."""
    return replace(audio, sends=False, receives=False, held=True)


# -- answering ----------------------------------------------------------------------------------------------------


def answer_section(
    offer: Description,
    section: Section,
    local: Local,
    transport: TransportOutcome,
    before: AudioOutcome | None,
) -> AudioOutcome:
    """Answer an audio section (RFC 3264 section 6.1). `before`: what stood until now in a re-offer.

    Raises ProtocolError 488 when nothing fits.
    """
    terms = read_terms(offer, section, local.codecs)
    formats = _ordered(terms.formats, local)
    standing = None if before is None else Before(before.generation, before.audio.srtp_receive)
    keys, generation = None, 0 if standing is None else standing.generation
    if transport.negotiated.dtls is None:
        keys, generation = answer_keys(terms.stream, local, standing)
    mid = mid_of(section)
    agreed = _answered_extensions(terms, formats, mid, local)
    audio = _negotiated(
        theirs=formats,
        ours=formats,
        terms=terms,
        transport=transport,
        flow=(terms.stream.receives, terms.stream.sends),
        extensions=agreed,
        mid=mid,
        keys=keys,
        default_ms=local.ptime_ms,
    )
    event = formats.event_for(formats.audio[0].codec)
    spoken = AudioFormats(formats.audio, {} if event is None else dict([event]), formats.noise)
    attributes = (
        *format_attributes(spoken, local.opus_dtx),
        *(_feedback_attributes(terms.feedback_for(spoken)) if FEEDBACK in agreed else ()),
        ("ptime", str(audio.ptime_ms)),
        *(() if keys is None else (("crypto", keys.own.serialise()),)),
        *answer_attributes(transport, local),
        *((("rtcp-rsize", None),) if audio.rtcp_reduced_size else ()),
        *extension_attributes(agreed.items()),
        *mid_attributes(mid),
        *track_attributes(transport, _MSID, audio.sends),
        (direction_name(audio.sends, audio.receives), None),
    )
    return AudioOutcome(_section(local, section.proto, spoken, attributes), audio, generation)


def _answered_extensions(terms: Terms, formats: AudioFormats, mid: str, local: Local) -> dict[str, Extension]:
    """Choose the header extensions to agree on, each where the peer does its part of it."""
    level, name, feedback = (terms.stream.extensions.get(uri) for uri in (LEVEL, MID, FEEDBACK))
    agreed: dict[str, Extension] = {}
    if level is not None and level.sends and local.audio_levels:
        agreed[LEVEL] = level
    if name is not None and name.receives and mid:
        agreed[MID] = name
    if feedback is not None and feedback.sends and terms.feedback_for(formats):
        agreed[FEEDBACK] = feedback
    return agreed


def _ordered(formats: AudioFormats, local: Local) -> AudioFormats:
    """Put the common codecs in the order of preference; raise ProtocolError 488 when there is none."""
    if not formats.audio:
        raise ProtocolError("sdp-no-codec", status=488)
    if local.preference is Preference.THEIRS:
        return formats
    audio = sorted(formats.audio, key=lambda each: local.codecs.index(each.codec))
    return AudioFormats(tuple(audio), formats.events, formats.noise)


# -- offering -----------------------------------------------------------------------------------------------------


def offer_section(
    local: Local, before: AudioOutcome | None, running: TransportOutcome | None, generation: int
) -> Section:
    """Write an audio section that offers all we have (RFC 3264 section 5.1).

    `before`, `running`: what stands in a running dialog. Our section there keeps its profile, its name and the ids of
    header extensions, and payload types keep their meaning (RFC 3264 section 8.3.2).
    """
    old = None if before is None else before.section
    formats = _own_formats(local, old)
    profile = first_profile(local) if old is None else old.proto
    extensions = _offered_extensions(local, old)
    attributes = (
        *format_attributes(formats, local.opus_dtx),
        *(_feedback_attributes(["*"]) if FEEDBACK in extensions else ()),
        ("ptime", str(local.ptime_ms)),
        ("maxptime", str(PACKET_LENGTHS_MS[-1])),
        *offered_keys(local, profile, generation),
        *offer_attributes(local, running, generation),
        *extension_attributes(extensions.items()),
        *mid_attributes("" if old is None else mid_of(old)),
        (direction_name(True, True), None),
    )
    return _section(local, profile, formats, attributes)


def _offered_extensions(local: Local, before: Section | None) -> dict[str, Extension]:
    """List the header extensions to offer: those of `before` under their ids, and audio levels."""
    values = () if before is None else by_name(before.attributes).get("extmap", ())
    extensions = {
        uri: Extension(each.identifier, True, True, "") for uri, each in read_extensions(values).items()
    }
    if local.audio_levels and LEVEL not in extensions:
        free = min(set(range(1, MAX_ID + 1)) - {each.identifier for each in extensions.values()})
        extensions[LEVEL] = Extension(free, True, True, "")
    return extensions


def _own_formats(local: Local, before: Section | None) -> AudioFormats:
    """List our codecs and events with payload types, those of `before` where it has them."""
    old = AudioFormats((), {}, None)
    if before is not None:
        old = read_formats(before.formats, by_name(before.attributes), local.codecs)
    types = {each.codec: each.payload_type for each in old.audio}
    used = {*types.values(), *old.events.values(), old.noise}

    def assign(default: int) -> int:
        free = default if default not in used else min(set(_DYNAMIC_PAYLOAD_TYPES) - used)
        used.add(free)
        return free

    audio = tuple(
        AudioFormat(types[codec] if codec in types else assign(codec.payload_type), codec)
        for codec in local.codecs
    )
    clock_rates = {8000, *(codec.clock_rate for codec in local.codecs)}
    events = {
        rate: old.events[rate] if rate in old.events else assign(default)
        for rate, default in _EVENT_PAYLOAD_TYPES.items()
        if rate in clock_rates
    }
    return AudioFormats(audio, events, None)


# -- accepting an answer ------------------------------------------------------------------------------------------


def accept_section(
    offer: Description,
    offered: Section,
    answer: Description,
    section: Section,
    local: Local,
    transport: TransportOutcome,
    generation: int,
) -> AudioOutcome:
    """Join our offered section with its answer (RFC 3264 section 7). Raises ProtocolError 488 when they do not fit."""
    ours = read_terms(offer, offered, local.codecs)
    theirs = read_terms(answer, section, local.codecs)
    mine, yours = ours.stream, theirs.stream
    keys = None if transport.negotiated.dtls is not None else accept_keys(mine, yours, local)
    audio = _negotiated(
        theirs=_common(theirs.formats, ours.formats),
        ours=_common(ours.formats, theirs.formats),
        terms=theirs,
        transport=transport,
        flow=(mine.sends and yours.receives, mine.receives and yours.sends),
        extensions=common_extensions(mine.extensions, yours.extensions),
        mid=mid_of(offered),
        keys=keys,
        default_ms=local.ptime_ms,
    )
    return AudioOutcome(offered, audio, generation)


def _common(formats: AudioFormats, others: AudioFormats) -> AudioFormats:
    """Give what of `formats` the other side has too; raise ProtocolError 488 when no codec is left."""
    codecs = {each.codec for each in others.audio}
    audio = tuple(each for each in formats.audio if each.codec in codecs)
    if not audio:
        raise ProtocolError("sdp-no-codec", status=488)
    events = {rate: payload_type for rate, payload_type in formats.events.items() if rate in others.events}
    return AudioFormats(audio, events, None if others.noise is None else formats.noise)


# -- both ---------------------------------------------------------------------------------------------------------


def _negotiated(
    *,
    theirs: AudioFormats,
    ours: AudioFormats,
    terms: Terms,
    transport: TransportOutcome,
    flow: tuple[bool, bool],
    extensions: dict[str, Extension],
    mid: str,
    keys: KeyPair | None,
    default_ms: int,
) -> NegotiatedAudio:
    """Put the outcome together.

    `theirs`: what we may send, best first, with the payload types of the peer; `ours`: what we receive, with ours.
    `flow`: whether we send and receive as far as the direction attributes go.
    """
    chosen, targets = theirs.audio[0], transport.targets
    ids = {uri: each.identifier for uri, each in extensions.items()}
    wish = opus_wish(theirs.audio)
    send_event, receive_event = theirs.event_for(chosen.codec), ours.event_for(chosen.codec)
    return NegotiatedAudio(
        codec=chosen.codec.name,
        payload_type=chosen.payload_type,
        receive=_receivable(ours, theirs),
        remote=targets.rtp,
        remote_rtcp=targets.rtcp,
        ptime_ms=terms.packet_ms(chosen.codec, default_ms),
        sends=flow[0] and not targets.parked,
        receives=flow[1],
        held=targets.parked or not terms.stream.receives,
        rtcp_mux=transport.rtcp_mux,
        rtcp_reduced_size=terms.stream.rtcp_reduced_size,
        event_send=None if send_event is None else send_event[1],
        event_receive=None if receive_event is None else receive_event[1],
        event_clock_rate=8000 if receive_event is None else receive_event[0],
        opus_fec=wish.fec,
        opus_dtx=wish.dtx,
        opus_bitrate=wish.bitrate,
        opus_max_rate=wish.max_rate,
        srtp_send=None if keys is None else keys.own.key,
        srtp_receive=None if keys is None else keys.theirs.key,
        level_id=ids.get(LEVEL, 0),
        feedback_id=ids.get(FEEDBACK, 0),
        mid=mid,
        mid_id=ids.get(MID, 0),
    )


def _receivable(ours: AudioFormats, theirs: AudioFormats) -> dict[int, str]:
    """List what may come in: by our payload types, and by the peer's, which some send in spite of RFC 3264."""
    receive = {each.payload_type: each.codec.name for each in ours.audio}
    if ours.noise is not None:
        receive[ours.noise] = COMFORT_NOISE
    for each in theirs.audio:
        if each.payload_type not in ours.events.values():
            receive.setdefault(each.payload_type, each.codec.name)
    return receive


# -- writing ------------------------------------------------------------------------------------------------------


def _section(local: Local, proto: str, formats: AudioFormats, attributes: tuple[Attribute, ...]) -> Section:
    payload_types = [each.payload_type for each in formats.audio]
    payload_types += [] if formats.noise is None else [formats.noise]
    payload_types += formats.events.values()
    address, port = own_place(local)
    return Section("audio", port, proto, tuple(map(str, payload_types)), address, attributes=attributes)


def _feedback_attributes(payload_types: Iterable[str]) -> list[Attribute]:
    """Write that transport-wide feedback comes (rtcp-fb, RFC 4585 section 4.2)."""
    return [("rtcp-fb", f"{each} transport-cc") for each in payload_types]
