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
from bridge.sdp.pictures import Stream
from bridge.sdp.simulcast import MAX_LAYERS
from bridge.sdp.terms import PACKET_LENGTHS_MS, PLAIN_PROFILES
from bridge.sdp.video import NegotiatedVideo
from tests.sdp.samples import (
    BROWSER,
    DATA,
    FINGERPRINT,
    LOOPBACK,
    PICTURES,
    SEEING_BROWSER,
    SHARED,
    read,
)

SEEN = replace(LOOPBACK, pictures=PICTURES, video_port=40_002, video_rtcp_port=40_003)
PLAIN = tuple(replace(each, srtp=policy) for policy in SrtpPolicy for each in (LOOPBACK, SEEN))
WITH_DTLS = tuple(replace(each, fingerprint=FINGERPRINT) for each in (LOOPBACK, SEEN))
LOCALS = (*PLAIN, *WITH_DTLS, SHARED, replace(SHARED, pictures=PICTURES), BROWSER, SEEING_BROWSER)
OFFERS = tuple(offer(local) for local in LOCALS)
BEFORE = tuple(
    answer(read("device-webrtc-browser-wss" if local.candidates else "baresip-offer-video-srtp"), local)
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
    for stream in (agreed.main, agreed.second):
        if stream is not None and stream.video is not None:
            check_pictures(agreed, stream, stream.video, local)


def check_pictures(agreed: Agreed, stream: Stream, video: NegotiatedVideo, local: Local) -> None:
    """Hold pictures that were agreed on against what is promised."""
    assert local.pictures is not None
    section = agreed.description.sections[stream.index]
    transport = agreed.transport if stream.own is None else stream.own.negotiated
    keyed = video.srtp_send is not None or transport.dtls is not None
    assert (section.kind, section.port > 0) == ("video", True)
    assert section.proto in PLAIN_PROFILES or keyed
    assert local.srtp is not SrtpPolicy.REQUIRED or keyed
    assert (video.srtp_send is None) == (video.srtp_receive is None)
    assert (stream.own is None) == bool(local.candidates)
    assert video.srtp_send is None or video.srtp_send != agreed.audio.srtp_send
    assert video.receive
    assert {str(each) for each in video.receive} & set(section.formats)
    assert set(video.repairs.values()) <= set(video.receive)
    assert not set(video.repairs) & set(video.receive)
    assert video.send is None or video.send.codec in ("H264", "VP8")
    assert not video.sends or (
        video.send is not None and (video.remote != ("", 0) or transport.ice is not None)
    )
    assert video.send_limits.max_fs == 0 or video.send_limits.max_fs >= 99
    assert video.send_limits.bitrate == 0 or video.send_limits.bitrate > 0
    assert len(video.rids) <= MAX_LAYERS
    for target in (video.remote, video.remote_rtcp):
        assert target not in LOOPBACK.forbidden
        assert target[0] not in ("0.0.0.0", "255.255.255.255")
        assert target not in [(local.address, port) for port in (40_000, 40_001, 40_002, 40_003)]


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
    for theirs, ours in zip(description.sections, agreed.description.sections, strict=True):
        assert set(ours.formats) <= set(theirs.formats), "payload types are theirs"
    assert answer(description, local, agreed) == agreed
    made = offer(local, agreed, anew=True)
    grown = made.main is not None and made.main.index == len(description.sections)
    assert len(made.description.sections) == len(description.sections) + grown


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
