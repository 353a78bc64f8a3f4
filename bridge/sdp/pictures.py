"""The streams of pictures of one leg in offers and answers: the one of the camera, and slides beside it.

On a port for ICE they are in one bundle with the sound, and share its transport. On ports of their own pictures are
outside of any bundle, with keys and DTLS association of their own, and slides are not to be had. Whatever is wrong with
them, the call goes on without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bridge.errors import ProtocolError
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.bundle import bundle_of, is_live
from bridge.sdp.description import Description, Section, by_name
from bridge.sdp.keying import Before
from bridge.sdp.local import Local, PicturePolicy, SrtpPolicy
from bridge.sdp.transport_terms import TransportOutcome, accept_transport, answer_transport
from bridge.sdp.video import Content, NegotiatedVideo
from bridge.sdp.video_formats import read_video_formats
from bridge.sdp.video_section import accept_section, answer_section, offer_section
from bridge.sdp.video_terms import content_of


@dataclass(frozen=True, slots=True)
class Stream:
    """What stands of one stream of pictures. `index`: which section it is.

    `video`: None = it has ended, and may come back. `generation`: of our SRTP key, see `crypto.derive_key`. `own`: what
    came of its own transport, None = it is in the bundle of the sound.
    """

    index: int
    video: NegotiatedVideo | None
    generation: int = 0
    own: TransportOutcome | None = None

    @property
    def ended(self) -> Stream:
        """Give what is left of it when its m-line got port 0."""
        return replace(self, video=None)


@dataclass(frozen=True, slots=True)
class Sound:
    """What the pictures go with: the section of the sound as offered, and what came of it."""

    section: Section
    audio: NegotiatedAudio
    carried: TransportOutcome


# -- looking at offers --------------------------------------------------------------------------------------------


def suits_bundle(description: Description, sound: Section, policy: PicturePolicy) -> bool:
    """Tell whether all pictures of use can travel with the sound.

    They cannot outside its bundle; nor with keys of SDES, which are of one section each, whereas a bundle has one
    transport.
    """
    return all(
        _shares(description, sound, each) and not _by_sdes(description, each)
        for each in _live(description, Content.MAIN)
        if _is_usable(each, policy)
    )


def _live(description: Description, content: Content) -> list[Section]:
    return [
        each
        for each in description.sections
        if each.kind == "video" and content_of(each) is content and is_live(description, each)
    ]


def _is_usable(section: Section, policy: PicturePolicy) -> bool:
    return bool(read_video_formats(section.formats, by_name(section.attributes), policy.codecs))


def _shares(description: Description, sound: Section, section: Section) -> bool:
    return any(each is sound for each in bundle_of(description, section))


def _by_sdes(description: Description, section: Section) -> bool:
    names = {name for level in (section, description) for name, _ in level.attributes}
    return "crypto" in names and "fingerprint" not in names


def _alone(description: Description) -> Description:
    """Give a description without its bundles: each section speaks for itself."""
    return replace(
        description, attributes=tuple(each for each in description.attributes if each[0] != "group")
    )


# -- answering ----------------------------------------------------------------------------------------------------


def answer_stream(
    offer: Description,
    content: Content,
    local: Local,
    sound: Sound,
    before: Stream | None,
    association: int,
) -> tuple[Stream | None, Section | None]:
    """Answer the best section with this content, and give it; None = there is none, or it cannot be agreed on.

    `before`: what stood until now in a re-offer. Under `SrtpPolicy.PREFERRED` an encrypted section goes before a plain
    one.
    """
    fallback: tuple[Stream, Section] | None = None
    if local.pictures is not None and (content is Content.MAIN or local.pictures.slides):
        for index, section in _by_precedence(offer, content, before):
            try:
                taken = _answer_one(offer, index, section, local, local.pictures, sound, before, association)
            except ProtocolError:
                continue
            if _is_protected(taken[0], sound) or local.srtp is not SrtpPolicy.PREFERRED:
                return taken
            fallback = fallback or taken
    if fallback is not None:
        return fallback
    return (None if before is None else before.ended), None


def _by_precedence(
    offer: Description, content: Content, before: Stream | None
) -> Iterable[tuple[int, Section]]:
    """List the live sections in order; the one that carries the stream already goes first."""
    live = [
        (index, each)
        for index, each in enumerate(offer.sections)
        if each.kind == "video" and content_of(each) is content and is_live(offer, each)
    ]
    if before is not None:
        live.sort(key=lambda item: item[0] != before.index)
    return live


def _is_protected(stream: Stream, sound: Sound) -> bool:
    carried = stream.own or sound.carried
    keyed = stream.video is not None and stream.video.srtp_send is not None
    return keyed or carried.negotiated.dtls is not None


def _answer_one(
    offer: Description,
    index: int,
    section: Section,
    local: Local,
    policy: PicturePolicy,
    sound: Sound,
    before: Stream | None,
    association: int,
) -> tuple[Stream, Section]:
    """Answer one section. Raises ProtocolError 488 where it does not fit."""
    standing = None if before is None else _standing(before)
    if local.candidates:
        if not is_live(offer, sound.section) or not _shares(offer, sound.section, section):
            raise ProtocolError("sdp-video-unbundled", status=488)
        if sound.audio.srtp_send is not None:
            raise ProtocolError("sdp-video-keys", status=488)
        taken = answer_section(offer, section, local, policy, sound.carried, standing, sound.audio)
        return Stream(index, taken.video, taken.generation), taken.section
    if content_of(section) is Content.SLIDES or not local.video_port:
        raise ProtocolError("sdp-video-port", status=488)
    side, offer = local.beside(), _alone(offer)
    if not section.port:
        raise ProtocolError("sdp-video-unbundled", status=488)
    running = None if before is None else before.own
    if before is not None and before.video is None and running is not None:
        # What ended was taken down, so it begins anew.
        dtls = running.negotiated.dtls
        running, association = None, association if dtls is None else dtls.association + 1
    own = answer_transport(offer, section, side, running, association)
    taken = answer_section(offer, section, side, policy, own, standing, None)
    return Stream(index, taken.video, taken.generation, own), taken.section


def _standing(before: Stream) -> Before:
    """Tell which key of ours was used last; one of a stream that has ended is not used again."""
    if before.video is None:
        return Before(before.generation + 1, None)
    return Before(before.generation, before.video.srtp_receive)


# -- offering, and accepting an answer ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carrier:
    """What carries the sound of an offer of ours in a running dialog, and the number of the credentials it offers."""

    carried: TransportOutcome
    generation: int


def offer_stream(
    local: Local, standing: Section | None, before: Stream | None, sound: Carrier | None
) -> tuple[Stream, Section] | None:
    """Offer a stream anew, and give its section; None = this side has none to offer. The index is for the caller.

    `standing`, `before`: its section, and what stands of it, in a running dialog.
    """
    if local.pictures is None:
        return None
    if local.candidates:
        if before is None or sound is None:
            return None  # bundles are for the peer to make
        section = offer_section(local, local.pictures, standing, sound.carried, sound.generation)
        return replace(before, generation=sound.generation), section
    if not local.video_port:
        return None
    generation, running = (0, None) if before is None else (before.generation + 1, before.own)
    section = offer_section(local.beside(), local.pictures, standing, running, generation)
    return Stream(0, None, generation, running), section


def accept_stream(
    offer: Description, answer: Description, local: Local, made: Stream, sound: TransportOutcome
) -> Stream:
    """Join our offered section with its answer; a stream that has ended when the answer has none, or a misfit."""
    offered = offer.sections[made.index]
    if len(answer.sections) <= made.index or local.pictures is None:
        return made.ended
    section = answer.sections[made.index]
    if not section.port or not offered.port or section.kind != offered.kind:
        return made.ended
    try:
        if local.candidates:
            sides = (offer, offered, answer, section, local, local.pictures)
            taken = accept_section(*sides, sound, made.generation)
            return Stream(made.index, taken.video, made.generation)
        side, parts = local.beside(), (_alone(offer), offered, _alone(answer), section)
        own = accept_transport(*parts, side, made.own)
        taken = accept_section(*parts, side, local.pictures, own, made.generation)
        return Stream(made.index, taken.video, made.generation, own)
    except ProtocolError:
        return made.ended
