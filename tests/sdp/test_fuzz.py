"""Whatever comes as a session description parses or raises ProtocolError, and answers keep their promises."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ProtocolError
from tests.sdp.fuzz import SEEDS, TARGETS

LINES = sorted({line for seed in SEEDS for line in seed.split(b"\r\n") if len(line) < 300})
SOUP = st.lists(st.sampled_from(LINES), max_size=30).map(lambda lines: b"v=0\r\n" + b"\r\n".join(lines))
HEADS = [
    b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0 96\r\n",
    b"v=0\r\nc=IN IP4 127.0.0.1\r\na=group:BUNDLE 1 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:1\r\n"
    b"m=audio 4000 UDP/TLS/RTP/SAVPF 0 96\r\na=mid:0\r\na=rtcp-mux\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\n"
    b"a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 " + b":".join([b"AA"] * 32) + b"\r\n",
    b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 96 97 98\r\n"
    b"a=rtpmap:96 H264/90000\r\na=rtpmap:97 rtx/90000\r\n",
]
VALUES = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.sampled_from(["+0", "1_0", "٣", "9" * 30, "/", ";=;", "|"]),
)
NAMES = ["rtpmap", "fmtp", "ptime", "maxptime", "crypto", "rtcp", "extmap", "candidate", "ssrc", "x"]
NAMES += ["rid", "simulcast", "ssrc-group", "content", "framerate", "imageattr"]
NAMES += ["ice-ufrag", "ice-pwd", "fingerprint", "setup", "tls-id", "mid", "group", "rtcp-fb", "bundle-only"]
STARTS = [
    "",
    "96 ",
    "1 ",
    "sha-256 ",
    "BUNDLE 0 ",
    "97 apt=",
    "96 profile-level-id=42e0",
    "96 nack ",
    "FID 1 ",
]
STARTS += ["a send ", "send a;", "96 max-fs=", "96 sprop-parameter-sets=", "96 H264/", "* ccm "]
LINES_OF_ONE = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(STARTS), VALUES), max_size=8).map(
    lambda lines: b"".join(f"a={n}:{p}{v}\r\n".encode(errors="replace") for n, p, v in lines)
)
ATTRIBUTES = st.tuples(st.sampled_from(HEADS), LINES_OF_ONE).map(b"".join)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200, deadline=None)
@given(body=st.one_of(SOUP, ATTRIBUTES, st.binary(max_size=200)))
def test_parses_or_raises_protocol_error(name: str, body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        TARGETS[name][0](body)
