"""The audio section of offers and answers: ours is written, theirs is read, both together give NegotiatedAudio.

A kind of media has three functions, which the session-level `negotiate` calls: `answer_section`, `offer_section`
and `accept_section`. Video gets a file like this one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from bridge.codec.table import (
    COMFORT_NOISE,
    OPUS,
    TELEPHONE_EVENT,
    TELEPHONE_EVENT_PAYLOAD_TYPE,
)
from bridge.errors import ProtocolError
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.crypto import OFFERED_SUITES, Crypto, derive_key
from bridge.sdp.description import Attribute, Description, Section, by_name
from bridge.sdp.formats import AudioFormat, AudioFormats, opus_wish, read_formats
from bridge.sdp.local import Local, Preference, SrtpPolicy
from bridge.sdp.terms import (
    AUDIO_LEVEL_URI,
    PACKET_LENGTHS_MS,
    PLAIN_PROFILES,
    SECURE_PROFILES,
    Targets,
    Terms,
    direction_name,
    read_targets,
    read_terms,
)

# Payload types of telephone-event in our offers, by clock rate [Hz]; Opus wants its own (RFC 4733 section 2.1).
_EVENT_PAYLOAD_TYPES = {8000: TELEPHONE_EVENT_PAYLOAD_TYPE, 48_000: 110}
_DYNAMIC_PAYLOAD_TYPES = range(96, 128)
# DTMF digits (RFC 4733 section 3.2), which is all that we send and understand.
_EVENTS = "0-15"
_LEVEL_ID = 1  # of our offers


@dataclass(frozen=True, slots=True)
class AudioOutcome:
    """What negotiating one audio section gave. `generation`: of our SRTP key, see `crypto.derive_key`."""

    section: Section
    audio: NegotiatedAudio
    generation: int


class KeyPair(NamedTuple):
    """The keys of both directions: what we encrypt with, and what the peer does."""

    own: Crypto
    theirs: Crypto


def ended(audio: NegotiatedAudio) -> NegotiatedAudio:
    """Give what is left of a stream whose m-line got port 0: nothing goes either way until it comes back."""
    return replace(audio, sends=False, receives=False, held=True)


# -- answering ----------------------------------------------------------------------------------------------------


def answer_section(
    offer: Description, section: Section, local: Local, before: AudioOutcome | None
) -> AudioOutcome:
    """Answer an audio section (RFC 3264 section 6.1). `before`: what stood until now in a re-offer.

    Raises ProtocolError 488 when nothing fits.
    """
    terms = read_terms(offer, section, local.codecs)
    formats = _ordered(terms.formats, local)
    mux = terms.rtcp_mux and local.rtcp_mux
    if terms.rtcp_mux and not mux and "rtcp-mux-only" in dict(section.attributes):
        raise ProtocolError("sdp-rtcp-mux-only", status=488)
    targets = read_targets(offer, section, terms, local.reach, mux)
    chosen = _answered_key(terms, local)
    generation = _next_generation(before, chosen)
    keys = None if chosen is None else KeyPair(_own_key(local, chosen, generation), chosen)
    audio = _negotiated(
        theirs=formats,
        ours=formats,
        terms=terms,
        targets=targets,
        flow=(terms.receives, terms.sends),
        mux=mux,
        level_id=terms.level_id if local.audio_levels else 0,
        keys=keys,
        default_ms=local.ptime_ms,
    )
    event = formats.event_for(formats.audio[0].codec)
    spoken = AudioFormats(formats.audio, {} if event is None else dict([event]), formats.noise)
    attributes = (
        *_format_attributes(spoken, local),
        ("ptime", str(audio.ptime_ms)),
        *(() if keys is None else (("crypto", keys.own.serialise()),)),
        *(() if mux else _rtcp_attributes(local)),
        *_flags(mux, audio.rtcp_reduced_size),
        *_level_attributes(audio.level_id),
        (direction_name(audio.sends, audio.receives), None),
    )
    return AudioOutcome(_section(local, section.proto, spoken, attributes), audio, generation)


def _ordered(formats: AudioFormats, local: Local) -> AudioFormats:
    """Put the common codecs in the order of preference; raise ProtocolError 488 when there is none."""
    if not formats.audio:
        raise ProtocolError("sdp-no-codec", status=488)
    if local.preference is Preference.THEIRS:
        return formats
    audio = sorted(formats.audio, key=lambda each: local.codecs.index(each.codec))
    return AudioFormats(tuple(audio), formats.events, formats.noise)


def _answered_key(terms: Terms, local: Local) -> Crypto | None:
    """Choose the offered key to take (RFC 4568 section 7.1.2: the first that we support), or None for plain RTP."""
    usable = [each for each in terms.cryptos if each.key.suite in local.suites]
    if local.srtp is SrtpPolicy.OFF:
        usable = []
    if not usable and (terms.secure or local.srtp is SrtpPolicy.REQUIRED):
        raise ProtocolError("sdp-no-key", status=488)
    return usable[0] if usable else None


def _own_key(local: Local, chosen: Crypto, generation: int) -> Crypto:
    """Answer a key with one of ours, of the same suite under the same tag (RFC 4568 section 5.1.2)."""
    return Crypto(chosen.tag, derive_key(local.secret, chosen.key.suite, generation))


def _next_generation(before: AudioOutcome | None, chosen: Crypto | None) -> int:
    """Change our key whenever the peer's key changes, and only then.

    A peer with a new key has begun anew, and counts our packets from nothing; with our old key and a running
    roll-over counter it could not follow, and going back to a used key would repeat its key stream.
    """
    if before is None:
        return 0
    same = before.audio.srtp_receive == (None if chosen is None else chosen.key)
    return before.generation + (0 if same else 1)


# -- offering -----------------------------------------------------------------------------------------------------


def offer_section(local: Local, before: Section | None, generation: int) -> Section:
    """Write an audio section that offers all we have (RFC 3264 section 5.1).

    `before`: the section of ours that it follows in a running dialog; it keeps its profile, and payload types keep
    their meaning (RFC 3264 section 8.3.2).
    """
    formats = _own_formats(local, before)
    profile = SECURE_PROFILES[0] if local.srtp is SrtpPolicy.REQUIRED else PLAIN_PROFILES[0]
    if before is not None:
        profile = before.proto
    suites = () if local.srtp is SrtpPolicy.OFF else local.suites[:OFFERED_SUITES]
    keys = (derive_key(local.secret, suite, generation) for suite in suites)
    attributes = (
        *_format_attributes(formats, local),
        ("ptime", str(local.ptime_ms)),
        ("maxptime", str(PACKET_LENGTHS_MS[-1])),
        *(("crypto", Crypto(tag, key).serialise()) for tag, key in enumerate(keys, 1)),
        *_rtcp_attributes(local),
        *_flags(local.rtcp_mux, False),
        *_level_attributes(_LEVEL_ID if local.audio_levels else 0),
        (direction_name(True, True), None),
    )
    return _section(local, profile, formats, attributes)


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
    offer: Description, offered: Section, answer: Description, section: Section, local: Local, generation: int
) -> AudioOutcome:
    """Join our offered section with its answer (RFC 3264 section 7). Raises ProtocolError 488 when they do not fit."""
    ours = read_terms(offer, offered, local.codecs)
    theirs = read_terms(answer, section, local.codecs)
    mux = ours.rtcp_mux and theirs.rtcp_mux
    audio = _negotiated(
        theirs=_common(theirs.formats, ours.formats),
        ours=_common(ours.formats, theirs.formats),
        terms=theirs,
        targets=read_targets(answer, section, theirs, local.reach, mux),
        flow=(ours.sends and theirs.receives, ours.receives and theirs.sends),
        mux=mux,
        level_id=ours.level_id if theirs.level_id == ours.level_id else 0,
        keys=_accepted_keys(ours, theirs, local),
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


def _accepted_keys(ours: Terms, theirs: Terms, local: Local) -> KeyPair | None:
    """Pair our offered key with the answered one (RFC 4568 section 7.1.3), or give None for plain RTP."""
    offered = {(each.tag, each.key.suite): each for each in ours.cryptos}
    for each in theirs.cryptos:
        if (own := offered.get((each.tag, each.key.suite))) is not None:
            return KeyPair(own, each)
    if ours.secure or theirs.secure or local.srtp is SrtpPolicy.REQUIRED:
        raise ProtocolError("sdp-no-key", status=488)
    return None


# -- both ---------------------------------------------------------------------------------------------------------


def _negotiated(
    *,
    theirs: AudioFormats,
    ours: AudioFormats,
    terms: Terms,
    targets: Targets,
    flow: tuple[bool, bool],
    mux: bool,
    level_id: int,
    keys: KeyPair | None,
    default_ms: int,
) -> NegotiatedAudio:
    """Put the outcome together.

    `theirs`: what we may send, best first, with the payload types of the peer; `ours`: what we receive, with ours.
    `flow`: whether we send and receive as far as the direction attributes go.
    """
    chosen = theirs.audio[0]
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
        held=targets.parked or not terms.receives,
        rtcp_mux=mux,
        rtcp_reduced_size=terms.rtcp_reduced_size,
        event_send=None if send_event is None else send_event[1],
        event_receive=None if receive_event is None else receive_event[1],
        event_clock_rate=8000 if receive_event is None else receive_event[0],
        opus_fec=wish.fec,
        opus_dtx=wish.dtx,
        opus_bitrate=wish.bitrate,
        opus_max_rate=wish.max_rate,
        srtp_send=None if keys is None else keys.own.key,
        srtp_receive=None if keys is None else keys.theirs.key,
        level_id=level_id,
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
    return Section("audio", local.port, proto, tuple(map(str, payload_types)), attributes=attributes)


def _format_attributes(formats: AudioFormats, local: Local) -> list[Attribute]:
    """Write rtpmap and fmtp lines (RFC 8866 section 6.6)."""
    lines: list[Attribute] = []
    for each in formats.audio:
        codec = each.codec
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        lines.append(("rtpmap", f"{each.payload_type} {codec.name}/{codec.clock_rate}{channels}"))
        if codec is OPUS:
            silence = ";usedtx=1" if local.opus_dtx else ""
            lines.append(("fmtp", f"{each.payload_type} useinbandfec=1;stereo=0;sprop-stereo=0{silence}"))
    if formats.noise is not None:
        lines.append(("rtpmap", f"{formats.noise} {COMFORT_NOISE}/8000"))
    for clock_rate, payload_type in formats.events.items():
        lines.append(("rtpmap", f"{payload_type} {TELEPHONE_EVENT}/{clock_rate}"))
        lines.append(("fmtp", f"{payload_type} {_EVENTS}"))
    return lines


def _rtcp_attributes(local: Local) -> tuple[Attribute, ...]:
    """Name the RTCP port where it is not the next one (RFC 3605)."""
    return () if local.rtcp_port == local.port + 1 else (("rtcp", str(local.rtcp_port)),)


def _flags(mux: bool, reduced_size: bool) -> tuple[Attribute, ...]:
    """Write rtcp-mux (RFC 5761) and rtcp-rsize (RFC 5506)."""
    return ((("rtcp-mux", None),) if mux else ()) + ((("rtcp-rsize", None),) if reduced_size else ())


def _level_attributes(level_id: int) -> tuple[Attribute, ...]:
    """Write the header extension of audio levels (RFC 6464)."""
    return (("extmap", f"{level_id} {AUDIO_LEVEL_URI}"),) if level_id else ()
