"""Offer and answer (RFC 3264) for one leg: the session level, and which section is taken.

The first usable audio section carries the call; under `SrtpPolicy.PREFERRED` an encrypted one goes before a plain one.
Beside it one section of video, and one of slides, are taken (`bridge.sdp.pictures`). Every other section is answered in
its place with port 0, outside the bundle, but for one that carries the bundle; that one is inactive. The values are
immutable: `Agreed` is what stands after an offer and its answer, and is handed in again as `previous` for the next
pair; when that one fails, the old one still stands (RFC 3264 section 8).

    answer(parse(body), local, previous) -> Agreed       # an offer came
    offer(local, previous) -> Offer                      # we send one: late offer, dial-out, session refresh
    accept(made, parse(body)) -> Agreed                  # and its answer came
    restart_ice(previous, credentials, local) -> Agreed  # ICE begins anew without an offer (WHIP)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from bridge.errors import ProtocolError
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.audio_section import AudioOutcome, accept_section, answer_section, ended, offer_section
from bridge.sdp.bundle import STREAMS, bundles, carrier_of, group_attributes, is_live, mid_attributes, mid_of
from bridge.sdp.carrier_section import carrier_section
from bridge.sdp.description import MAX_SECTIONS, Description, Origin, Section, by_name, serialise
from bridge.sdp.ice import credential_attributes, is_ice, lite_attributes
from bridge.sdp.local import Local, PicturePolicy, SrtpPolicy
from bridge.sdp.pictures import (
    Carrier,
    Sound,
    Stream,
    accept_stream,
    answer_stream,
    offer_stream,
    suits_bundle,
)
from bridge.sdp.transport import Credentials, NegotiatedTransport
from bridge.sdp.transport_terms import (
    TransportOutcome,
    accept_transport,
    answer_transport,
    renewed_ice,
    suits_shared_port,
)
from bridge.sdp.video import Content, NegotiatedVideo

SESSION_NAME = "Samrom"


class Protection(Enum):
    """How media is protected on its way: not at all, with keys from signalling, or with keys of its own."""

    NONE = "none"
    SDES = "sdes"
    DTLS = "dtls"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What stands between the two ends.

    `body`: the text of `description`, which is the last description that we sent, to be sent as it is. `index`:
    which of its sections is the audio. `generation`: of our SRTP key, see `crypto.derive_key`. `carried`: what came of
    the transport. `main`, `second`: the streams of the camera and of slides, as far as there ever were any.
    """

    audio: NegotiatedAudio
    body: bytes
    description: Description
    index: int
    generation: int
    carried: TransportOutcome
    main: Stream | None = None
    second: Stream | None = None

    @property
    def video(self) -> NegotiatedVideo | None:
        """Tell what was agreed on pictures of the camera; None = there are none."""
        return None if self.main is None else self.main.video

    @property
    def slides(self) -> NegotiatedVideo | None:
        """Tell what was agreed on slides; None = there are none."""
        return None if self.second is None else self.second.video

    @property
    def video_transport(self) -> NegotiatedTransport | None:
        """Tell how pictures travel that have ports of their own; None = there are none, or they go with the sound."""
        if self.main is None or self.main.video is None or self.main.own is None:
            return None
        return self.main.own.negotiated

    @property
    def transport(self) -> NegotiatedTransport:
        """Tell how its datagrams travel."""
        return self.carried.negotiated

    @property
    def protection(self) -> Protection:
        """Tell how it is all protected: as the worst of it."""
        found = {_protection(self.transport, self.audio)}
        if self.video is not None:
            found.add(_protection(self.video_transport or self.transport, self.video))
        return next(each for each in Protection if each in found)

    @property
    def outcome(self) -> AudioOutcome:
        """Give the audio part of it."""
        return AudioOutcome(self.description.sections[self.index], self.audio, self.generation)


def _protection(transport: NegotiatedTransport, stream: NegotiatedAudio | NegotiatedVideo) -> Protection:
    if transport.dtls is not None:
        return Protection.DTLS
    return Protection.NONE if stream.srtp_send is None else Protection.SDES


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer of ours that waits for its answer. `body` is its text; the rest is for `accept`."""

    body: bytes
    description: Description
    index: int
    generation: int
    local: Local
    previous: Agreed | None
    main: Stream | None = None
    second: Stream | None = None


def wants_ipv6(description: Description) -> bool:
    """Tell whether the audio of a description is on IPv6, so that a leg can be opened on the right address.

    The section asked for is the first live audio section; that it is usable is not sure yet.
    """
    for section in description.sections:
        if section.kind == "audio" and section.port:
            return ":" in (description.address_of(section) or "")
    return False


def wants_ice(description: Description, pictures: PicturePolicy | None = None) -> bool:
    """Tell whether an offer can be served on the port where ICE is spoken, by the looks of its sections.

    So a leg can be opened there before it is answered. No for peers that check nothing themselves (ice-lite), and for
    those that want RTCP on a port of its own: answered without ICE, they fall back to plain addresses. No also where
    `pictures` are wanted, and on offer outside of the bundle of the audio: on ports of their own they are to be had.
    """
    for section in description.sections:
        if section.kind == "audio" and is_live(description, section):
            return suits_shared_port(description, section) and (
                pictures is None or suits_bundle(description, section, pictures)
            )
    return False


def answer(offer: Description, local: Local, previous: Agreed | None = None, association: int = 0) -> Agreed:
    """Answer an offer (RFC 3264 sections 6 and 8).

    `association`: number of the first DTLS association, for a peer that begins again from nothing with a leg that had
    some already; in re-offers the count goes on by itself.

    Raises ProtocolError with status 488 when no audio can be agreed on; its name tells why.
    """
    if previous is not None and len(offer.sections) < len(previous.description.sections):
        raise ProtocolError("sdp-media-lines-removed", status=488)
    chosen = _choose(offer, local, previous, association)
    sections = [_rejected(section) for section in offer.sections]
    if chosen is None:
        # The peer ended the audio with port 0, which is one way to hold. The call stays, and the section may
        # come alive again.
        assert previous is not None
        index, carried = previous.index, previous.carried
        taken = replace(previous.outcome, audio=ended(previous.audio))
    else:
        index, taken, carried = chosen
        sections[index] = taken.section
        carrier = carrier_of(offer, offer.sections[index])
        if carrier != offer.sections[index] and carrier.kind in STREAMS:
            sections[offer.sections.index(carrier)] = carrier_section(carrier, carried, local)
    sound = Sound(offer.sections[index], taken.audio, carried)
    streams = []
    for content, before in _streams(previous):
        stream, section = answer_stream(offer, content, local, sound, before, association)
        streams.append(stream)
        if stream is not None and section is not None:
            sections[stream.index] = section
    groups = _together(bundles(offer), offer.sections, streams)
    body, description = _describe(local, sections, groups, previous)
    return Agreed(taken.audio, body, description, index, taken.generation, carried, *streams)


def _streams(previous: Agreed | None) -> tuple[tuple[Content, Stream | None], tuple[Content, Stream | None]]:
    """List the streams of pictures with what stands of each."""
    if previous is None:
        return (Content.MAIN, None), (Content.SLIDES, None)
    return (Content.MAIN, previous.main), (Content.SLIDES, previous.second)


def _together(
    groups: Sequence[Sequence[str]], sections: Sequence[Section], streams: Sequence[Stream | None]
) -> list[list[str]]:
    """Give bundles without the sections that we have moved out of them (RFC 9143 section 7.3.2)."""
    moved = {mid_of(sections[each.index]) for each in streams if each is not None and each.own is not None}
    return [[mid for mid in group if mid not in moved] for group in groups]


_Choice = tuple[int, AudioOutcome, TransportOutcome]


def _choose(offer: Description, local: Local, previous: Agreed | None, association: int) -> _Choice | None:
    """Take the best audio section; None when a re-offer gives the stream port 0 and has no other.

    Raises the first live section's ProtocolError when none is usable.
    """
    before = (None, None) if previous is None else (previous.carried, previous.outcome)
    fault: ProtocolError | None = None
    fallback: _Choice | None = None
    for index, section in _by_precedence(offer, previous):
        try:
            carried = answer_transport(offer, section, local, before[0], association)
            taken = answer_section(offer, section, local, carried, before[1])
        except ProtocolError as error:
            fault = fault or error
            continue
        protected = taken.audio.srtp_send is not None or carried.negotiated.dtls is not None
        if protected or local.srtp is not SrtpPolicy.PREFERRED:
            return index, taken, carried
        fallback = fallback or (index, taken, carried)
    if fallback is not None:
        return fallback
    if fault is None and previous is not None and offer.sections[previous.index].kind == "audio":
        return None
    raise fault or ProtocolError("sdp-no-audio", status=488)


def _by_precedence(offer: Description, previous: Agreed | None) -> list[tuple[int, Section]]:
    """List the live audio sections in order; one that carries the audio already goes first."""
    live = [
        (index, each)
        for index, each in enumerate(offer.sections)
        if each.kind == "audio" and is_live(offer, each)
    ]
    if previous is not None:
        live.sort(key=lambda item: item[0] != previous.index)
    return live


def _rejected(section: Section) -> Section:
    """Answer a section with port 0 (RFC 3264 section 6): same place, kind, protocol and name, at least one format."""
    attributes = mid_attributes(mid_of(section))
    return Section(section.kind, 0, section.proto, section.formats[:1], attributes=attributes)


def offer(local: Local, previous: Agreed | None = None, anew: bool = False) -> Offer:
    """Make an offer (RFC 3264 sections 5 and 8).

    Without `previous` it opens a dialog's media (dial-out, or an INVITE that came without an offer). With it, what
    we said last is said again, word for word: a session refresh. `anew` offers all that we have instead, for a
    re-INVITE that came without an offer (RFC 3261 section 14.2): whoever answers may be another device, so the
    SRTP keys and ICE credentials are new as well.
    """
    if previous is None:
        sections = [offer_section(local, None, None, 0)]
        main = _offer_pictures(local, sections, Content.MAIN, None, None)
        body, description = _describe(local, sections, [], None)
        return Offer(body, description, 0, 0, local, None, main)
    if not anew:
        standing = previous.index, previous.generation, local, previous, previous.main, previous.second
        return Offer(previous.body, previous.description, *standing)
    generation = previous.generation + 1
    sections = [_rejected(section) for section in previous.description.sections]
    sections[previous.index] = offer_section(local, previous.outcome, previous.carried, generation)
    carrier = Carrier(previous.carried, generation)
    main, second = (
        _offer_pictures(local, sections, content, carrier, previous) for content, _ in _streams(previous)
    )
    groups = _together(bundles(previous.description), sections, (main, second))
    body, description = _describe(local, sections, groups, previous)
    return Offer(body, description, previous.index, generation, local, previous, main, second)


def _offer_pictures(
    local: Local, sections: list[Section], content: Content, carrier: Carrier | None, previous: Agreed | None
) -> Stream | None:
    """Offer one stream of pictures, in its place among `sections`, or behind them."""
    before = dict(_streams(previous))[content]
    if content is Content.SLIDES and before is None:
        return None  # we have none of our own accord
    standing = None if before is None or previous is None else previous.description.sections[before.index]
    made = offer_stream(local, standing, before, carrier)
    if made is None:
        return None if before is None else before.ended
    stream, section = made
    if before is not None:
        sections[before.index] = section
        return replace(stream, index=before.index)
    if len(sections) == MAX_SECTIONS:
        return None
    sections.append(section)
    return replace(stream, index=len(sections) - 1)


def accept(made: Offer, answer: Description) -> Agreed:
    """Take the answer to an offer of ours (RFC 3264 section 7).

    Sections that are missing behind the audio count as rejected, and so do pictures that do not fit. Raises
    ProtocolError when the answer gives no audio; the caller then ends the call, or keeps what stood before.
    """
    offered = made.description.sections[made.index]
    if len(answer.sections) <= made.index or answer.sections[made.index].kind != offered.kind:
        raise ProtocolError("sdp-answer-media-lines", status=488)
    section = answer.sections[made.index]
    previous = made.previous
    if section.port and offered.port:
        sides = (made.description, offered, answer, section, made.local)
        carried = accept_transport(*sides, None if previous is None else previous.carried)
        taken = accept_section(*sides, carried, made.generation)
    elif previous is not None:
        taken = AudioOutcome(offered, ended(previous.audio), previous.generation)
        carried = previous.carried
    else:
        raise ProtocolError("sdp-audio-refused", status=488)
    main, second = (
        None if each is None else accept_stream(made.description, answer, made.local, each, carried)
        for each in (made.main, made.second)
    )
    return Agreed(
        taken.audio, made.body, made.description, made.index, taken.generation, carried, main, second
    )


def restart_ice(previous: Agreed, remote: Credentials, local: Local) -> Agreed:
    """Restart ICE with new credentials of the peer's that came without an offer (RFC 9725 section 4.3.3).

    `description` has our new credentials then. Raises ProtocolError 488 on a leg without ICE.
    """
    if previous.transport.ice is None:
        raise ProtocolError("sdp-no-ice", status=488)
    if previous.transport.ice.remote == remote:
        return previous
    ice = renewed_ice(remote, local)
    renewed = dict(credential_attributes(ice.local))
    carried = replace(previous.carried, negotiated=replace(previous.transport, ice=ice))
    sections = [
        replace(each, attributes=tuple((name, renewed.get(name, value)) for name, value in each.attributes))
        for each in previous.description.sections
    ]
    body, description = _describe(local, sections, bundles(previous.description), previous)
    return replace(previous, body=body, description=description, carried=carried)


def _describe(
    local: Local,
    sections: Sequence[Section],
    groups: Sequence[Sequence[str]],
    previous: Agreed | None,
) -> tuple[bytes, Description]:
    """Write our description; its version goes up by one when anything else in it has changed (RFC 3264 section 8)."""
    old = None if previous is None else previous.description.origin
    version = 1 if old is None else old.version
    ice = any(is_ice(by_name(section.attributes)) for section in sections)
    description = Description(
        Origin("-", local.session_id, version, local.address),
        SESSION_NAME,
        local.address,
        attributes=(*group_attributes(groups, sections), *(lite_attributes() if ice else ())),
        sections=tuple(sections),
    )
    if previous is not None and description != previous.description:
        origin = Origin("-", local.session_id, version + 1, local.address)
        description = replace(description, origin=origin)
    return serialise(description), description
