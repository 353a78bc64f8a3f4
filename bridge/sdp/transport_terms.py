"""The transport of a section in offers and answers: ours is written, theirs is read, both give NegotiatedTransport.

Whatever the kind of media: sections of a bundle share one transport (RFC 9143). SDES is not here; its keys belong to
each section.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.errors import ProtocolError
from bridge.sdp.address import NOWHERE, Reach, is_unspecified
from bridge.sdp.bundle import carrier_of
from bridge.sdp.description import Attribute, Description, Section, by_name, number
from bridge.sdp.dtls import (
    DtlsTerms,
    Setup,
    derive_tls_id,
    fingerprint_attributes,
    read_dtls,
    role_by_answer,
    role_in_answer,
)
from bridge.sdp.ice import (
    candidate_attributes,
    credential_attributes,
    derive_credentials,
    occasion_of,
    read_credentials,
)
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.transport import (
    Credentials,
    DtlsRole,
    Fingerprint,
    NegotiatedDtls,
    NegotiatedIce,
    NegotiatedTransport,
)

# The last two: RTP over ICE-TCP, which a peer names while its default candidate is one (RFC 7850, RFC 8839 4.2).
DTLS_PROFILES: Final = (
    "UDP/TLS/RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "TCP/DTLS/RTP/SAVPF",
    "TCP/DTLS/RTP/SAVP",
)
DISCARD: Final = 9  # the port of those who have no address yet


@dataclass(frozen=True, slots=True)
class Targets:
    """Where to send to. `parked`: old-style hold, there is no address at all (RFC 3264 section 8.4)."""

    rtp: tuple[str, int]
    rtcp: tuple[str, int]
    parked: bool


@dataclass(frozen=True, slots=True)
class TransportTerms:
    """What one side says of a section's transport. `carrier`: the section that says it.

    `credentials`: None = no ICE. `lite`: it makes no checks either. `dtls`: None = no fingerprint at all. `rtcp`: the
    value of a=rtcp.
    """

    carrier: Section
    profile: str
    credentials: Credentials | None
    lite: bool
    dtls: DtlsTerms | None
    rtcp_mux: bool
    rtcp_mux_only: bool
    rtcp: str | None


@dataclass(frozen=True, slots=True)
class TransportOutcome:
    """What negotiating one transport gave.

    `fingerprint`, `setup`: ours, None = no DTLS. `tls_id`: the peer's name for the association, "" = it has none.
    """

    negotiated: NegotiatedTransport
    targets: Targets
    rtcp_mux: bool
    fingerprint: Fingerprint | None = None
    setup: Setup | None = None
    tls_id: str = ""


def read_transport(description: Description, section: Section) -> TransportTerms:
    """Read what a side says of a section's transport. Raises ProtocolError 488 where that is broken."""
    carrier = carrier_of(description, section)
    own, shared = by_name(carrier.attributes), by_name(description.attributes)
    return TransportTerms(
        carrier=carrier,
        profile=section.proto,
        credentials=read_credentials(own, shared),
        lite="ice-lite" in shared,
        dtls=read_dtls(own, shared),
        # RFC 8858 section 4.3: "only" comes with rtcp-mux, but says enough without it.
        rtcp_mux="rtcp-mux" in own or "rtcp-mux-only" in own,
        rtcp_mux_only="rtcp-mux-only" in own,
        rtcp=own.get("rtcp", [None])[0],
    )


def suits_shared_port(description: Description, section: Section) -> bool:
    """Tell whether a section can be served on a port where nothing but ICE is spoken.

    The peer must check, as we are lite; and it must take RTCP on the same port, as we have one component only. Others
    get an answer without ICE, from ports of their own, and fall back to plain addresses (RFC 8839 section 4.2.5).
    """
    try:
        terms = read_transport(description, section)
    except ProtocolError:
        return False
    return terms.credentials is not None and not terms.lite and terms.rtcp_mux


# -- answering ----------------------------------------------------------------------------------------------------


# We begin: our hello is small, nobody else's is waited for, and a stranger's means nothing.
_ROLE_WITHOUT_ICE: Final = DtlsRole.CLIENT
# Nothing can be sent before a check of the peer's has come, so its hello is as early as ours would be, and no
# stranger's gets through. As the server we choose the suite: browsers put AES-CM first, AES-GCM costs less.
_ROLE_WITH_ICE: Final = DtlsRole.SERVER


def answer_transport(
    offer: Description, section: Section, local: Local, before: TransportOutcome | None, association: int
) -> TransportOutcome:
    """Answer what an offer says of a section's transport. Raises ProtocolError 488 when nothing fits.

    `before`: what stood until now in a re-offer. `association`: number of the first DTLS association.
    """
    terms = read_transport(offer, section)
    if terms.rtcp_mux_only and not local.rtcp_mux:
        raise ProtocolError("sdp-rtcp-mux-only", status=488)
    mux = terms.rtcp_mux and local.rtcp_mux
    ice = _paired(terms, local, mux, before)
    wanted = _wanted_dtls(terms, local)
    targets = _targets(offer, terms, local.reach, mux, ice is not None)
    if wanted is None:
        return TransportOutcome(NegotiatedTransport(ice), targets, mux)
    role, setup = role_in_answer(
        wanted.setup, _role_of(before), _ROLE_WITHOUT_ICE if ice is None else _ROLE_WITH_ICE
    )
    dtls = _next_association(role, wanted, local.fingerprint, before, association)
    negotiated = NegotiatedTransport(ice, dtls)
    return TransportOutcome(negotiated, targets, mux, local.fingerprint, setup, wanted.tls_id)


def answer_attributes(outcome: TransportOutcome, local: Local) -> list[Attribute]:
    """Write what our answer says of a section's transport."""
    ice, dtls = outcome.negotiated.ice, outcome.negotiated.dtls
    lines = _rtcp_lines(outcome.rtcp_mux, local)
    if ice is not None:
        lines = [*_ice_lines(ice.local, local), *lines]
    if dtls is not None and outcome.fingerprint is not None and outcome.setup is not None:
        named = dtls.association if outcome.tls_id else None
        lines += _dtls_lines(local, outcome.fingerprint, outcome.setup, named)
    return lines


def _paired(
    terms: TransportTerms, local: Local, mux: bool, before: TransportOutcome | None
) -> NegotiatedIce | None:
    """Pair the peer's credentials with ours, new ones for new ones, or give None on a leg without ICE."""
    if not local.candidates:
        return None
    remote = _checked(terms, mux)
    running = None if before is None else before.negotiated.ice
    if running is not None and running.remote == remote:
        return running
    return renewed_ice(remote, local)


def _checked(terms: TransportTerms, mux: bool) -> Credentials:
    """Give the peer's credentials, or raise ProtocolError 488 when it cannot be served on a shared port."""
    if terms.lite:
        raise ProtocolError("sdp-ice-lite", status=488)
    if terms.credentials is None:
        raise ProtocolError("sdp-no-ice", status=488)
    if not mux:
        raise ProtocolError("sdp-no-rtcp-mux", status=488)
    return terms.credentials


def _wanted_dtls(terms: TransportTerms, local: Local) -> DtlsTerms | None:
    """Decide whether DTLS protects the section; None = it does not. Raises ProtocolError 488 where it must and cannot.

    It goes before SDES where both are on offer: its keys are never in signalling.
    """
    due = terms.profile in DTLS_PROFILES or local.require_dtls
    able = local.fingerprint is not None and (local.srtp is not SrtpPolicy.OFF or local.require_dtls)
    if due and not able:
        raise ProtocolError("sdp-dtls", terms.profile, 488)
    if able and terms.dtls is not None and terms.dtls.fingerprints:
        return terms.dtls
    if due:
        raise ProtocolError("sdp-fingerprint", "none of use", 488)
    return None


def _next_association(
    role: DtlsRole, theirs: DtlsTerms, own: Fingerprint | None, before: TransportOutcome | None, first: int
) -> NegotiatedDtls:
    """Say what the handshake is to prove; a new association is due when either end has changed (RFC 8842 section 4)."""
    running = None if before is None else before.negotiated.dtls
    if before is None or running is None:
        return NegotiatedDtls(role, theirs.fingerprints, first)
    same = (
        role is running.role
        and set(theirs.fingerprints) == set(running.fingerprints)
        and (theirs.tls_id, own) == (before.tls_id, before.fingerprint)
    )
    return NegotiatedDtls(role, theirs.fingerprints, running.association + (0 if same else 1))


def _role_of(before: TransportOutcome | None) -> DtlsRole | None:
    return None if before is None or before.negotiated.dtls is None else before.negotiated.dtls.role


# -- offering and accepting an answer -----------------------------------------------------------------------------


def offer_attributes(local: Local, before: TransportOutcome | None, generation: int) -> list[Attribute]:
    """Write what an offer that begins anew says of a section's transport; ICE restarts with each `generation`.

    DTLS is offered where nothing else will do, and to peers that have it running already.
    """
    lines = _offered_rtcp_lines(local)
    if local.candidates:
        credentials = derive_credentials(local.secret, b"offer" + generation.to_bytes(4, "big"))
        lines = [*_ice_lines(credentials, local), *lines]
    running = None if before is None else before.negotiated.dtls
    if local.fingerprint is None or (running is None and not local.require_dtls):
        return lines
    association = None
    if before is not None and running is not None and before.tls_id:
        association = running.association + (before.fingerprint != local.fingerprint)
    return [*lines, *_dtls_lines(local, local.fingerprint, Setup.EITHER, association)]


def accept_transport(
    offer: Description,
    offered: Section,
    answer: Description,
    section: Section,
    local: Local,
    before: TransportOutcome | None,
) -> TransportOutcome:
    """Join what our offer and its answer say of a section's transport. Raises ProtocolError 488 for a misfit."""
    ours, theirs = read_transport(offer, offered), read_transport(answer, section)
    mux = ours.rtcp_mux and theirs.rtcp_mux
    ice = None if ours.credentials is None else NegotiatedIce(ours.credentials, _checked(theirs, mux))
    targets = _targets(answer, theirs, local.reach, mux, ice is not None)
    if ours.dtls is None:
        if theirs.profile in DTLS_PROFILES:
            raise ProtocolError("sdp-dtls", theirs.profile, 488)
        return TransportOutcome(NegotiatedTransport(ice), targets, mux)
    if theirs.dtls is None or not theirs.dtls.fingerprints:
        raise ProtocolError("sdp-fingerprint", "none of use", 488)
    role = _role_by(ours.dtls.setup, theirs.dtls.setup, _role_of(before))
    own = ours.dtls.fingerprints[0]
    dtls = _next_association(role, theirs.dtls, own, before, 0)
    negotiated = NegotiatedTransport(ice, dtls)
    return TransportOutcome(negotiated, targets, mux, own, ours.dtls.setup, theirs.dtls.tls_id)


def _role_by(ours: Setup | None, theirs: Setup | None, before: DtlsRole | None) -> DtlsRole:
    """Tell our role; an offer that repeated what stood leaves it as it was (RFC 8842 section 5.5)."""
    if ours is not Setup.EITHER and before is not None:
        return before
    return role_by_answer(theirs, before)


def renewed_ice(remote: Credentials, local: Local) -> NegotiatedIce:
    """Pair new credentials of the peer's with new ones of ours."""
    return NegotiatedIce(derive_credentials(local.secret, occasion_of(remote)), remote)


# -- both ---------------------------------------------------------------------------------------------------------


def own_place(local: Local) -> tuple[str | None, int]:
    """Tell the c= line of its own that a section of ours needs (None = none), and its port.

    With ICE both are those of the default candidate (RFC 8839 section 4.2.1.2).
    """
    if not local.candidates:
        return None, local.port
    default = local.candidates[0]
    return None if default.address == local.address else default.address, default.port


def track_attributes(outcome: TransportOutcome, track: str, sends: bool) -> list[Attribute]:
    """Name a track of ours, "STREAM TRACK" (RFC 8830), where the peer is, by all signs, a browser."""
    negotiated = outcome.negotiated
    browser = negotiated.ice is not None and negotiated.dtls is not None
    return [("msid", track)] if browser and sends else []


def _targets(description: Description, terms: TransportTerms, reach: Reach, mux: bool, ice: bool) -> Targets:
    """Find where a side receives RTP and RTCP: nowhere yet with `ice`, else where it says.

    Raises ProtocolError 488 when RTP cannot be sent there. An RTCP address of no use only means no RTCP.
    """
    carrier = terms.carrier
    if ice:
        return Targets(NOWHERE, NOWHERE, parked=False)
    if terms.profile.startswith("TCP/"):
        raise ProtocolError("sdp-profile", terms.profile, 488)
    # A browser without candidates names the discard port and means: wait for ICE.
    if carrier.port == DISCARD and (terms.credentials is not None or terms.dtls is not None):
        raise ProtocolError("sdp-ice-only", status=488)
    address = description.address_of(carrier)
    if address is None:
        raise ProtocolError("sdp-connection", "none", 488)
    if is_unspecified(address):
        return Targets(NOWHERE, NOWHERE, parked=True)
    rtp = reach.usable(address, carrier.port)
    if mux:
        return Targets(rtp, rtp, parked=False)
    return Targets(rtp, _rtcp_target(terms.rtcp, address, carrier.port, reach), parked=False)


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


def _ice_lines(credentials: Credentials, local: Local) -> list[Attribute]:
    return [*credential_attributes(credentials), *candidate_attributes(local.candidates)]


def _rtcp_lines(mux: bool, local: Local) -> list[Attribute]:
    """Write rtcp-mux (RFC 5761), or the RTCP port where it is not the next one (RFC 3605)."""
    beside = local.rtcp_port != local.port + 1
    mapping: list[Attribute] = [("rtcp", str(local.rtcp_port))] if beside else []
    return [("rtcp-mux", None)] if mux else mapping


def _offered_rtcp_lines(local: Local) -> list[Attribute]:
    """Write both ways to do RTCP, or with ICE the one that there is (RFC 8858)."""
    if local.candidates:
        return [("rtcp-mux", None), ("rtcp-mux-only", None)]
    return [*_rtcp_lines(False, local), *([("rtcp-mux", None)] if local.rtcp_mux else [])]


def _dtls_lines(local: Local, own: Fingerprint, setup: Setup, association: int | None) -> list[Attribute]:
    lines = [*fingerprint_attributes(own), ("setup", setup.value)]
    if association is not None:
        lines.append(("tls-id", derive_tls_id(local.secret, association)))
    return lines
