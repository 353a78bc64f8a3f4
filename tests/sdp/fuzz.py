"""What fuzzing runs on session descriptions: they parse, or raise ProtocolError, and answers keep their promises."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from bridge.errors import ProtocolError
from bridge.sdp.description import parse, serialise
from bridge.sdp.local import SrtpPolicy
from bridge.sdp.negotiate import Agreed, accept, answer, offer
from bridge.sdp.terms import PACKET_LENGTHS_MS, SECURE_PROFILES
from tests.sdp.samples import DATA, LOOPBACK

LOCALS = tuple(replace(LOOPBACK, srtp=policy) for policy in SrtpPolicy)
OFFERS = tuple(offer(local) for local in LOCALS)
BEFORE = tuple(answer(parse((DATA / "baresip-offer-srtp.sdp").read_bytes()), local, None) for local in LOCALS)


def fuzz_parse(body: bytes) -> None:
    """What was read can be written and is then read as the same."""
    description = parse(body)
    again = parse(serialise(description))
    assert len(again.sections) == len(description.sections)
    assert parse(serialise(again)) == again


def check(agreed: Agreed, policy: SrtpPolicy) -> None:
    """Hold an outcome against what is promised whatever the peer says."""
    audio = agreed.audio
    sent = parse(agreed.body)
    assert sent == agreed.description
    assert (audio.srtp_send is None) == (audio.srtp_receive is None)
    assert policy is not SrtpPolicy.REQUIRED or audio.srtp_send is not None
    section = sent.sections[agreed.index]
    assert section.kind == "audio"
    assert not section.port or section.proto not in SECURE_PROFILES or audio.srtp_send is not None
    assert audio.ptime_ms in PACKET_LENGTHS_MS
    assert audio.payload_type in audio.receive
    for target in (audio.remote, audio.remote_rtcp):
        assert target not in LOOPBACK.forbidden
        assert target[0] not in ("0.0.0.0", "255.255.255.255")
    assert not audio.sends or audio.remote != ("", 0)


def fuzz_answer(body: bytes) -> None:
    """Answer as the first offer and as a later one; the policy goes by the length, so that every one has its turn."""
    description = parse(body)
    turn = len(body) % len(LOCALS)
    local = LOCALS[turn]
    with contextlib.suppress(ProtocolError):
        check(answer(description, local, BEFORE[turn]), local.srtp)
    agreed = answer(description, local)
    check(agreed, local.srtp)
    assert [section.kind for section in agreed.description.sections] == [
        section.kind for section in description.sections
    ]
    assert answer(description, local, agreed) == agreed
    assert len(offer(local, agreed, anew=True).description.sections) == len(description.sections)


def fuzz_accept(body: bytes) -> None:
    """Take it as the answer to an offer of ours."""
    made = OFFERS[len(body) % len(OFFERS)]
    check(accept(made, parse(body)), made.local.srtp)


SEEDS = [path.read_bytes() for path in sorted(DATA.glob("*.sdp"))]
TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "parse": (fuzz_parse, SEEDS),
    "answer": (fuzz_answer, SEEDS),
    "accept": (fuzz_accept, SEEDS),
}
