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
HEAD = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0 96\r\n"
VALUES = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.sampled_from(["+0", "1_0", "٣", "9" * 30, "/", ";=;", "|"]),
)
NAMES = ["rtpmap", "fmtp", "ptime", "maxptime", "crypto", "rtcp", "extmap", "candidate", "ssrc", "x"]
ATTRIBUTES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["", "96 ", "1 "]), VALUES), max_size=8
).map(lambda lines: HEAD + b"".join(f"a={n}:{p}{v}\r\n".encode(errors="replace") for n, p, v in lines))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200, deadline=None)
@given(body=st.one_of(SOUP, ATTRIBUTES, st.binary(max_size=200)))
def test_parses_or_raises_protocol_error(name: str, body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        TARGETS[name][0](body)
