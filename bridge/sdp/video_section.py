"""The video section of offers and answers: ours is written, theirs is read, both together give NegotiatedVideo.

An answer takes one format, the best of those on offer: what a peer may change to at any time must all be decoded, and
old room systems open the first one whatever else an answer lists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bridge.codec.table import H264
from bridge.errors import ProtocolError
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.bandwidth import bandwidth_lines
from bridge.sdp.bundle import mid_attributes, mid_of
from bridge.sdp.description import Attribute, Description, Section, by_name
from bridge.sdp.extensions import (
    FEEDBACK,
    LEVEL,
    MID,
    ORIENTATION,
    REPAIRED_RID,
    RID,
    Extension,
    common_extensions,
    extension_attributes,
    read_extensions,
)
from bridge.sdp.feedback import (
    Feedback,
    answered_feedback,
    feedback_for,
    offered_feedback,
    read_feedback,
)
from bridge.sdp.keying import Before, KeyPair, accept_keys, answer_keys, first_profile, offered_keys
from bridge.sdp.local import Local, PicturePolicy, Preference
from bridge.sdp.profile_level import ProfileLevel
from bridge.sdp.simulcast import layer_attributes
from bridge.sdp.terms import direction_name
from bridge.sdp.transport_terms import (
    TransportOutcome,
    answer_attributes,
    offer_attributes,
    own_place,
    track_attributes,
)
from bridge.sdp.video import Content, NegotiatedVideo, VideoLimits
from bridge.sdp.video_formats import (
    ListedFormat,
    choose,
    own_format_attributes,
    own_level,
    read_video_formats,
    send_limits,
)
from bridge.sdp.video_terms import VideoTerms, content_of, read_video_terms

_DYNAMIC_PAYLOAD_TYPES: Final = range(96, 128)
# What our tracks are called (RFC 8830): the picture of the room belongs to the same stream as its sound.
_TRACKS: Final = {Content.MAIN: "samrom video", Content.SLIDES: "samrom-slides slides"}
# In our offers: what room systems know. In a running dialog also what the peer is known to know.
_OFFERED: Final = (Feedback.NACK, Feedback.PLI, Feedback.FIR, Feedback.TMMBR)
# Of keys, the suite that everybody has: an offer that answers a short INVITE is sent again and again until the ACK
# comes, to whatever address that INVITE named, and must not be long.
_OFFERED_SUITES: Final = 1


@dataclass(frozen=True, slots=True)
class VideoOutcome:
    """What negotiating one video section gave. `generation`: of our SRTP key, see `crypto.derive_key`."""

    section: Section
    video: NegotiatedVideo
    generation: int


# -- answering ----------------------------------------------------------------------------------------------------


def answer_section(
    offer: Description,
    section: Section,
    local: Local,
    policy: PicturePolicy,
    transport: TransportOutcome,
    before: Before | None,
    beside: NegotiatedAudio | None,
) -> VideoOutcome:
    """Answer a video section (RFC 3264 section 6.1). `before`: of a re-offer, what stood until now.

    `local`: our side with the ports of this stream. `beside`: the sound in the same bundle, None = it has a transport
    of its own. Raises ProtocolError 488 when nothing fits.
    """
    terms = read_video_terms(offer, section, policy.codecs)
    listed = choose(terms.formats, policy.codecs if local.preference is Preference.OURS else None)
    if listed is None:
        raise ProtocolError("sdp-no-codec", status=488)
    keys, generation = None, 0 if before is None else before.generation
    if transport.negotiated.dtls is None:
        keys, generation = answer_keys(terms.stream, local, before)
    mid = mid_of(section)
    wanted = feedback_for(terms.feedback, listed.payload_type)
    agreed = _answered_extensions(terms, wanted, mid, beside)
    layers = _answered_layers(terms, listed, agreed)
    level = own_level(listed, policy.limits) if listed.level is not None else None
    video = _negotiated(
        send=listed if listed.codec.sent else None,
        receive=[listed],
        terms=terms,
        limits=(send_limits(listed, _bound(listed, listed, level)), policy.limits),
        transport=transport,
        flow=(terms.stream.receives, terms.stream.sends),
        feedback=wanted,
        extensions=agreed,
        rids=layers,
        mid=mid,
        keys=keys,
    )
    content = content_of(section)
    attributes = (
        *own_format_attributes(replace(listed, level=level), policy.limits),
        *answered_feedback(terms.feedback, [listed.payload_type], _kept(wanted, agreed)),
        *(() if keys is None else (("crypto", keys.own.serialise()),)),
        *answer_attributes(transport, local),
        *((("rtcp-rsize", None),) if video.rtcp_reduced_size else ()),
        *extension_attributes(agreed.items()),
        *mid_attributes(mid),
        *track_attributes(transport, _TRACKS[content], video.sends),
        *_content_attributes(section, content),
        *layer_attributes(layers, "recv"),
        (direction_name(video.sends, video.receives), None),
    )
    return VideoOutcome(_section(local, section.proto, [listed], policy, attributes), video, generation)


def _answered_extensions(
    terms: VideoTerms, wanted: Collection[Feedback], mid: str, beside: NegotiatedAudio | None
) -> dict[str, Extension]:
    """Choose the header extensions to agree on, each where the peer does its part of it.

    In a bundle an id means one thing, and a thing has one id (RFC 9143 section 9.2).
    """
    taken: dict[str, int] = {}
    if beside is not None:
        ids = {LEVEL: beside.level_id, FEEDBACK: beside.feedback_id, MID: beside.mid_id}
        taken = {uri: identifier for uri, identifier in ids.items() if identifier}
    return {
        uri: each
        for uri, each in terms.stream.extensions.items()
        if _is_useful(uri, each, wanted, mid) and _is_free(uri, each.identifier, taken)
    }


def _is_useful(uri: str, offered: Extension, wanted: Collection[Feedback], mid: str) -> bool:
    """Tell whether the peer does its part of an extension: what it sends we read, the name we send."""
    if uri == MID:
        return offered.receives and mid != ""
    if uri == FEEDBACK:
        return offered.sends and offered.receives and Feedback.TRANSPORT in wanted
    return offered.sends


def _is_free(uri: str, identifier: int, taken: Mapping[str, int]) -> bool:
    return taken.get(uri, identifier) == identifier and all(
        other == uri for other, each in taken.items() if each == identifier
    )


def _answered_layers(terms: VideoTerms, listed: ListedFormat, agreed: Collection[str]) -> tuple[str, ...]:
    """List the layers that we take: they need their names in packets, and must be of the format chosen."""
    if RID not in agreed or not terms.stream.sends:
        return ()
    fitting = (rid for rid, bound in terms.layers_sent.items() if not bound or listed.payload_type in bound)
    return tuple(fitting)


def _bound(ours: ListedFormat, theirs: ListedFormat, level: ProfileLevel | None) -> ProfileLevel | None:
    """Tell our level where it bounds what we send, too: unless both sides let levels differ."""
    return None if ours.asymmetric and theirs.asymmetric else level


def _kept(wanted: Collection[Feedback], agreed: Collection[str]) -> list[Feedback]:
    """List the feedback that an answer says: all of it, but transport-wide only with its extension."""
    return [each for each in wanted if each is not Feedback.TRANSPORT or FEEDBACK in agreed]


def _content_attributes(section: Section, content: Content) -> tuple[Attribute, ...]:
    """Say what the stream shows where the peer does (RFC 4796)."""
    return (("content", content.value),) if any(name == "content" for name, _ in section.attributes) else ()


# -- offering -----------------------------------------------------------------------------------------------------


def offer_section(
    local: Local,
    policy: PicturePolicy,
    before: Section | None,
    running: TransportOutcome | None,
    generation: int,
) -> Section:
    """Write a video section that offers all we have (RFC 3264 section 5.1): H.264 and VP8, each as we prefer it.

    `before`, `running`: what stands in a running dialog. Our section there keeps its profile, its name and the ids of
    header extensions, and payload types keep their meaning (RFC 3264 section 8.3.2). Retransmissions are offered only
    where the peer has them: they make a first offer longer than a datagram, for peers that never do.
    """
    formats = _own_formats(policy, before)
    old = {} if before is None else by_name(before.attributes)
    profile = first_profile(local) if before is None else before.proto
    extensions = {
        uri: Extension(each.identifier, True, True, "")
        for uri, each in read_extensions(old.get("extmap", ())).items()
    }
    known = {each for found in read_feedback(old.get("rtcp-fb", ())).values() for each in found}
    attributes = (
        *(line for each in formats for line in own_format_attributes(each, policy.limits)),
        *offered_feedback(each for each in Feedback if each in _OFFERED or each in known),
        *offered_keys(local, profile, generation, _OFFERED_SUITES),
        *offer_attributes(local, running, generation),
        *extension_attributes(extensions.items()),
        *mid_attributes("" if before is None else mid_of(before)),
        *(() if before is None else _content_attributes(before, content_of(before))),
        (direction_name(True, True), None),
    )
    return _section(local, profile, formats, policy, attributes)


def _own_formats(policy: PicturePolicy, before: Section | None) -> list[ListedFormat]:
    """List our formats with payload types, those of `before` where it has them: H.264 rather in mode 1."""
    old: tuple[ListedFormat, ...] = ()
    if before is not None:
        old = read_video_formats(before.formats, by_name(before.attributes), policy.codecs)
    used = {each.payload_type for each in old} | {each.rtx for each in old if each.rtx is not None}

    def assign(default: int) -> int:
        free = default if default not in used else min(set(_DYNAMIC_PAYLOAD_TYPES) - used)
        used.add(free)
        return free

    ours: list[ListedFormat] = []
    for fresh in _fresh_formats(policy):
        known = next((each for each in old if each.matches(fresh)), None)
        if known is None:
            ours.append(replace(fresh, payload_type=assign(fresh.payload_type)))
        else:
            level = None if fresh.level is None or known.level is None else known.level.at(fresh.level.level)
            ours.append(replace(fresh, payload_type=known.payload_type, rtx=known.rtx, level=level))
    return ours


def _fresh_formats(policy: PicturePolicy) -> list[ListedFormat]:
    """List what we offer to somebody new."""
    level = own_level(None, policy.limits)
    sent = [codec for codec in policy.codecs if codec.sent]
    first = [
        ListedFormat(
            codec.payload_types[0], codec, level=level if codec is H264 else None, asymmetric=codec is H264
        )
        for codec in sent
    ]
    whole = [
        replace(each, payload_type=H264.payload_types[1], mode=0) for each in first if each.codec is H264
    ]
    return [*first, *whole]


# -- accepting an answer ------------------------------------------------------------------------------------------


def accept_section(
    offer: Description,
    offered: Section,
    answer: Description,
    section: Section,
    local: Local,
    policy: PicturePolicy,
    transport: TransportOutcome,
    generation: int,
) -> VideoOutcome:
    """Join our offered section with its answer (RFC 3264 section 7). Raises ProtocolError 488 when they do not fit."""
    ours = read_video_terms(offer, offered, policy.codecs)
    theirs = read_video_terms(answer, section, policy.codecs)
    pairs = [(mine, yours) for yours in theirs.formats for mine in ours.formats if mine.matches(yours)]
    if not pairs:
        raise ProtocolError("sdp-no-codec", status=488)
    mine, yours = pairs[0]
    sides = ours.stream, theirs.stream
    extensions = common_extensions(sides[0].extensions, sides[1].extensions)
    video = _negotiated(
        send=next((each for _, each in pairs if each.codec.sent), None),
        # By our payload types, and by the peer's, which some send in spite of RFC 3264.
        receive=[*(each for each, _ in pairs), *(each for _, each in pairs)],
        terms=theirs,
        limits=(send_limits(yours, _bound(mine, yours, mine.level)), policy.limits),
        transport=transport,
        flow=(sides[0].sends and sides[1].receives, sides[0].receives and sides[1].sends),
        feedback=feedback_for(ours.feedback, mine.payload_type)
        & feedback_for(theirs.feedback, yours.payload_type),
        extensions=extensions,
        rids=tuple(rid for rid in ours.layers_received if rid in theirs.layers_sent and RID in extensions),
        mid=mid_of(offered),
        keys=None if transport.negotiated.dtls is not None else accept_keys(*sides, local),
    )
    return VideoOutcome(offered, video, generation)


# -- both ---------------------------------------------------------------------------------------------------------


def _negotiated(
    *,
    send: ListedFormat | None,
    receive: Collection[ListedFormat],
    terms: VideoTerms,
    limits: tuple[VideoLimits, VideoLimits],
    transport: TransportOutcome,
    flow: tuple[bool, bool],
    feedback: Collection[Feedback],
    extensions: Mapping[str, Extension],
    rids: tuple[str, ...],
    mid: str,
    keys: KeyPair | None,
) -> NegotiatedVideo:
    """Put the outcome together.

    `send`: what we send, with the payload type of the peer; `receive`: what we receive, the first of one payload type
    counts. `limits`: of what we send and of what we receive. `flow`: whether we send and receive as far as the
    direction attributes go.
    """
    targets = transport.targets
    ids = {uri: each.identifier for uri, each in extensions.items()}
    formats: dict[int, ListedFormat] = {}
    for each in receive:
        formats.setdefault(each.payload_type, each)
    bitrates = [each for each in (terms.bitrate, limits[0].bitrate) if each]
    return NegotiatedVideo(
        receive={payload_type: each.agreed for payload_type, each in formats.items()},
        remote=targets.rtp,
        remote_rtcp=targets.rtcp,
        send=None if send is None else send.agreed,
        repairs={
            each.rtx: each.payload_type
            for each in receive
            if each.rtx is not None and each.rtx not in formats
        },
        repair_sources=terms.repair_sources,
        sends=flow[0] and send is not None and not targets.parked,
        receives=flow[1],
        held=targets.parked or not terms.stream.receives,
        rtcp_mux=transport.rtcp_mux,
        rtcp_reduced_size=terms.stream.rtcp_reduced_size,
        send_limits=replace(limits[0], bitrate=min(bitrates, default=0)),
        receive_limits=limits[1],
        nack=Feedback.NACK in feedback,
        pli=Feedback.PLI in feedback,
        fir=Feedback.FIR in feedback,
        tmmbr=Feedback.TMMBR in feedback,
        remb=Feedback.REMB in feedback,
        transport_cc=Feedback.TRANSPORT in feedback and FEEDBACK in ids,
        feedback_id=ids.get(FEEDBACK, 0) if Feedback.TRANSPORT in feedback else 0,
        mid=mid,
        mid_id=ids.get(MID, 0),
        rid_id=ids.get(RID, 0),
        repaired_rid_id=ids.get(REPAIRED_RID, 0),
        orientation_id=ids.get(ORIENTATION, 0),
        rids=rids,
        parameter_sets=() if send is None else send.parameter_sets,
        srtp_send=None if keys is None else keys.own.key,
        srtp_receive=None if keys is None else keys.theirs.key,
    )


def _section(
    local: Local,
    proto: str,
    formats: Collection[ListedFormat],
    policy: PicturePolicy,
    attributes: tuple[Attribute, ...],
) -> Section:
    payload_types = [each.payload_type for each in formats]
    payload_types += [each.rtx for each in formats if each.rtx is not None]
    address, port = own_place(local)
    bandwidths = bandwidth_lines(policy.limits.bitrate)
    return Section("video", port, proto, tuple(map(str, payload_types)), address, bandwidths, attributes)
