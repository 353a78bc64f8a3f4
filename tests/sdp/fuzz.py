"""What fuzzing runs on session descriptions: they parse, or raise ProtocolError, and answers keep their promises."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from bridge.errors import ProtocolError
from bridge.sdp import ice_fragment
from bridge.sdp.description import MAX_KEPT, MAX_SECTIONS, parse, serialise
from bridge.sdp.ice import usable_credentials
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.negotiate import Agreed, accept, answer, offer
from bridge.sdp.terms import PACKET_LENGTHS_MS, PLAIN_PROFILES
from tests.sdp.samples import BROWSER, DATA, FINGERPRINT, LOOPBACK, SHARED, read

PLAIN = tuple(replace(LOOPBACK, srtp=policy) for policy in SrtpPolicy)
LOCALS = (*PLAIN, replace(LOOPBACK, fingerprint=FINGERPRINT), SHARED, BROWSER)
OFFERS = tuple(offer(local) for local in LOCALS)
BEFORE = tuple(
    answer(read("device-webrtc-browser-wss" if local.candidates else "baresip-offer-srtp"), local)
    for local in LOCALS
)


def fuzz_parse(body: bytes) -> None:
    """What was read can be written and is then read as the same."""
    description = parse(body)
    again = parse(serialise(description))
    assert len(again.sections) == len(description.sections)
    assert parse(serialise(again)) == again


def check(agreed: Agreed, local: Local) -> None:
    """Hold an outcome against what is promised whatever the peer says."""
    audio, ice, dtls = agreed.audio, agreed.transport.ice, agreed.transport.dtls
    keyed = audio.srtp_send is not None or dtls is not None
    sent = parse(agreed.body)
    assert sent == agreed.description
    assert (audio.srtp_send is None) == (audio.srtp_receive is None)
    assert local.srtp is not SrtpPolicy.REQUIRED or keyed
    assert not local.require_dtls or dtls is not None
    assert dtls is None or (dtls.fingerprints and local.fingerprint is not None and audio.srtp_send is None)
    assert (ice is None) == (not local.candidates)
    section = sent.sections[agreed.index]
    assert section.kind == "audio"
    assert not section.port or section.proto in PLAIN_PROFILES or keyed
    assert audio.ptime_ms in PACKET_LENGTHS_MS
    assert audio.payload_type in audio.receive
    for target in (audio.remote, audio.remote_rtcp):
        assert target not in LOOPBACK.forbidden
        assert target[0] not in ("0.0.0.0", "255.255.255.255")
    assert not audio.sends or audio.remote != ("", 0) or ice is not None
    assert ice is None or audio.remote == audio.remote_rtcp == ("", 0)


def fuzz_answer(body: bytes) -> None:
    """Answer as the first offer and as a later one; the policy goes by the length, so that every one has its turn."""
    description = parse(body)
    turn = len(body) % len(LOCALS)
    local = LOCALS[turn]
    with contextlib.suppress(ProtocolError):
        check(answer(description, local, BEFORE[turn]), local)
    agreed = answer(description, local)
    check(agreed, local)
    assert [section.kind for section in agreed.description.sections] == [
        section.kind for section in description.sections
    ]
    assert answer(description, local, agreed) == agreed
    assert len(offer(local, agreed, anew=True).description.sections) == len(description.sections)


def fuzz_accept(body: bytes) -> None:
    """Take it as the answer to an offer of ours."""
    made = OFFERS[len(body) % len(OFFERS)]
    check(accept(made, parse(body)), made.local)


def fuzz_fragment(body: bytes) -> None:
    """A fragment of ICE is read, or refused; what it gives is bounded and usable."""
    fragment = ice_fragment.parse(body)
    assert fragment.candidates <= MAX_KEPT["candidate"] * (1 + MAX_SECTIONS)
    if (found := fragment.credentials) is not None:
        assert usable_credentials(found.ufrag, found.password)


SEEDS = [path.read_bytes() for path in sorted(DATA.glob("*.sdp"))]
FRAGMENTS = [seed[seed.index(b"\nt=") + 1 :] for seed in SEEDS if b"ice-ufrag" in seed]
TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "parse": (fuzz_parse, SEEDS),
    "answer": (fuzz_answer, SEEDS),
    "accept": (fuzz_accept, SEEDS),
    "ice fragment": (fuzz_fragment, FRAGMENTS),
}
