"""Offer and answer (RFC 3264) for one leg: the session level, and which section is taken.

The first usable audio section carries the call; under `SrtpPolicy.PREFERRED` one with keys goes before a plain one.
Every other section is answered in its place with port 0. The values are immutable: `Agreed` is what stands after an
offer and its answer, and is handed in again as `previous` for the next pair; when that one fails, the old one still
stands (RFC 3264 section 8).

    answer(parse(body), local, previous) -> Agreed       # an offer came
    offer(local, previous) -> Offer                      # we send one: late offer, dial-out, session refresh
    accept(made, parse(body)) -> Agreed                  # and its answer came
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridge.errors import ProtocolError
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.audio_section import AudioOutcome, accept_section, answer_section, ended, offer_section
from bridge.sdp.description import Description, Origin, Section, serialise
from bridge.sdp.local import Local, SrtpPolicy

SESSION_NAME = "Samrom"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What stands between the two ends.

    `body`: the text of `description`, which is the last description that we sent, to be sent as it is. `index`:
    which of its sections is the audio. `generation`: of our SRTP key, see `crypto.derive_key`.
    """

    audio: NegotiatedAudio
    body: bytes
    description: Description
    index: int
    generation: int

    @property
    def outcome(self) -> AudioOutcome:
        """Give the audio part of it."""
        return AudioOutcome(self.description.sections[self.index], self.audio, self.generation)


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer of ours that waits for its answer. `body` is its text; the rest is for `accept`."""

    body: bytes
    description: Description
    index: int
    generation: int
    local: Local
    previous: Agreed | None


def wants_ipv6(description: Description) -> bool:
    """Tell whether the audio of a description is on IPv6, so that a leg can be opened on the right address.

    The section asked for is the first live audio section; that it is usable is not sure yet.
    """
    for section in description.sections:
        if section.kind == "audio" and section.port:
            return ":" in (description.address_of(section) or "")
    return False


def answer(offer: Description, local: Local, previous: Agreed | None = None) -> Agreed:
    """Answer an offer (RFC 3264 sections 6 and 8).

    Raises ProtocolError with status 488 when no audio can be agreed on; its name tells why.
    """
    if previous is not None and len(offer.sections) < len(previous.description.sections):
        raise ProtocolError("sdp-media-lines-removed", status=488)
    index, taken = _choose(offer, local, previous)
    sections = [_rejected(section) for section in offer.sections]
    if taken is None:
        # The peer ended the audio with port 0, which is one way to hold. The call stays, and the section may
        # come alive again.
        assert previous is not None
        taken = replace(previous.outcome, audio=ended(previous.audio))
    else:
        sections[index] = taken.section
    body, description = _describe(local, sections, previous)
    return Agreed(taken.audio, body, description, index, taken.generation)


def _choose(offer: Description, local: Local, previous: Agreed | None) -> tuple[int, AudioOutcome | None]:
    """Take the best audio section; None when a re-offer gives the stream port 0 and has no other.

    Raises the first live section's ProtocolError when none is usable.
    """
    before = previous.outcome if previous is not None else None
    fault: ProtocolError | None = None
    fallback: tuple[int, AudioOutcome] | None = None
    for index, section in _by_precedence(offer.sections, previous):
        try:
            taken = answer_section(offer, section, local, before)
        except ProtocolError as error:
            fault = fault or error
            continue
        if taken.audio.srtp_send is not None or local.srtp is not SrtpPolicy.PREFERRED:
            return index, taken
        fallback = fallback or (index, taken)
    if fallback is not None:
        return fallback
    if fault is None and previous is not None and offer.sections[previous.index].kind == "audio":
        return previous.index, None
    raise fault or ProtocolError("sdp-no-audio", status=488)


def _by_precedence(sections: Sequence[Section], previous: Agreed | None) -> list[tuple[int, Section]]:
    """List the live audio sections in order; one that carries the audio already goes first."""
    live = [(index, each) for index, each in enumerate(sections) if each.kind == "audio" and each.port]
    if previous is not None:
        live.sort(key=lambda item: item[0] != previous.index)
    return live


def _rejected(section: Section) -> Section:
    """Answer a section with port 0 (RFC 3264 section 6): same place, kind and protocol, at least one format."""
    return Section(section.kind, 0, section.proto, section.formats[:1])


def offer(local: Local, previous: Agreed | None = None, anew: bool = False) -> Offer:
    """Make an offer (RFC 3264 sections 5 and 8).

    Without `previous` it opens a dialog's media (dial-out, or an INVITE that came without an offer). With it, what
    we said last is said again, word for word: a session refresh. `anew` offers all that we have instead, for a
    re-INVITE that came without an offer (RFC 3261 section 14.2): whoever answers may be another device, so the
    SRTP keys are new as well.
    """
    if previous is None:
        body, description = _describe(local, [offer_section(local, None, 0)], None)
        return Offer(body, description, 0, 0, local, None)
    if not anew:
        return Offer(
            previous.body, previous.description, previous.index, previous.generation, local, previous
        )
    generation = previous.generation + 1
    sections = [_rejected(section) for section in previous.description.sections]
    sections[previous.index] = offer_section(local, previous.outcome.section, generation)
    body, description = _describe(local, sections, previous)
    return Offer(body, description, previous.index, generation, local, previous)


def accept(made: Offer, answer: Description) -> Agreed:
    """Take the answer to an offer of ours (RFC 3264 section 7).

    Sections that are missing behind the audio count as rejected. Raises ProtocolError when the answer gives no
    audio; the caller then ends the call, or keeps what stood before.
    """
    offered = made.description.sections[made.index]
    if len(answer.sections) <= made.index or answer.sections[made.index].kind != offered.kind:
        raise ProtocolError("sdp-answer-media-lines", status=488)
    section = answer.sections[made.index]
    if section.port and offered.port:
        taken = accept_section(made.description, offered, answer, section, made.local, made.generation)
    elif made.previous is not None:
        taken = AudioOutcome(offered, ended(made.previous.audio), made.previous.generation)
    else:
        raise ProtocolError("sdp-audio-refused", status=488)
    return Agreed(taken.audio, made.body, made.description, made.index, taken.generation)


def _describe(
    local: Local, sections: Sequence[Section], previous: Agreed | None
) -> tuple[bytes, Description]:
    """Write our description; its version goes up by one when anything else in it has changed (RFC 3264 section 8)."""
    old = None if previous is None else previous.description.origin
    version = 1 if old is None else old.version
    description = Description(
        Origin("-", local.session_id, version, local.address),
        SESSION_NAME,
        local.address,
        sections=tuple(sections),
    )
    if previous is not None and description != previous.description:
        origin = Origin("-", local.session_id, version + 1, local.address)
        description = replace(description, origin=origin)
    return serialise(description), description
