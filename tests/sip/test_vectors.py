"""Every message of the shared vectors, and our own copy of the core, fares with the parser as it should.

What a parser can decide is checked here: "drop" and "close" must not become a valid request, a 4xx or 505 that
the parser owes must come from it, and what is to be accepted must pass. The agent's tests check the rest.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.errors import ProtocolError
from bridge.sip.framing import KeepAlive, StreamFramer
from bridge.sip.message import Request
from bridge.sip.multipart import find_body
from bridge.sip.parser import parse_message
from bridge.sip.validation import validate_request, validate_response
from tests.sip.samples import FOLDER, sample

SHARED = Path(__file__).parents[2] / ".." / "shared" / "vectors"

# What our own copies must come to: the status, or why there is nothing to answer.
CORE = {
    "ack-stray.sip": "ok",
    "authorization-no-params.sip": "ok",
    "binary-tls-on-udp.sip": "not-sip",
    "challenge-our-bye.sip": "response",
    "compact-headers.sip": "ok",
    "contact-missing.sip": "400",
    "content-length-arabic.sip": "400",
    "content-length-junk.sip": "400",
    "cseq-overflow.sip": "400",
    "fold-3000.sip": "400",
    "from-tag-missing.sip": "ok",
    "haproxy-proto-forged.bin": "not-sip",
    "headers-2000.sip": "513",
    "lf-only.sip": "ok",
    "lync-multipart-alternative.sip": "ok",
    "max-forwards-huge.sip": "400",
    "multipart-nest-200.sip": "400",
    "multipart-no-end.sip": "ok",
    "multipart-sdp-second.sip": "ok",
    "name-bidi-override.sip": "ok",
    "name-control-chars.sip": "ok",
    "name-empty-quoted.sip": "ok",
    "name-invalid-utf8.sip": "ok",
    "name-long-4k.sip": "ok",
    "name-newline-escaped.sip": "400",
    "no-content-length-tcp.sip": "ok",  # on a stream it is the framing that refuses it
    "no-empty-line.sip": "ok",
    "quotes-backslash-20k.sip": "513",
    "request-smuggle-body.sip": "ok",
    "room-fullwidth-digits.sip": "ok",
    "room-negative.sip": "ok",
    "room-percent-digits.sip": "ok",
    "room-pin-in-uri.sip": "ok",
    "room-traversal.sip": "ok",
    "slowloris-part.sip": "ok",
    "stun-on-sip.sip": "not-sip",
    "tandberg-tc.sip": "ok",
    "two-in-one-segment.sip": "ok",
    "udp-one-byte.sip": "not-sip",
    "via-100.sip": "513",
    "via-received-forged.sip": "ok",
}

# Where the manifest leaves several outcomes, or one that only the agent can give, and the parser says no already.
REFUSES = {"400", "413", "414", "416", "505", "513"}


def outcome(data: bytes) -> str:
    """What parser and validation make of one datagram: "ok", "response", a status, or the name of the drop."""
    try:
        message = parse_message(data)
    except ProtocolError as error:
        return error.name
    try:
        if not isinstance(message, Request):
            validate_response(message)
            return "response"
        validate_request(message)
        find_body(message, "application/sdp")
    except ProtocolError as error:
        return str(error.status)
    return "ok"


def fits(expect: str, found: str, transport: str) -> bool:
    """Whether what the parser made can still become what the manifest asks for."""
    allowed = set(expect.replace(" x2", "").split("|"))
    if found in REFUSES:
        return found in allowed or (transport != "udp" and "close" in allowed)
    if found in ("ok", "response"):
        # The agent goes on from here; it may not have to refuse with what is the parser's to say.
        return not allowed <= {"400", "505", "513", "close"} or found == "response"
    return bool(allowed & {"drop", "close", "pong"})


def test_the_core_is_complete() -> None:
    assert set(CORE) == {path.name for path in FOLDER.iterdir()} - {"README.md"}


@pytest.mark.parametrize("name", sorted(CORE))
def test_the_core(name: str) -> None:
    assert outcome(sample(name)) == CORE[name]


def shared(*kinds: str) -> list[dict[str, str]]:
    """The entries of the manifest that lies beside the project, if it does."""
    manifest = SHARED / "manifest.json"
    if not manifest.exists():
        return []
    return [entry for entry in json.loads(manifest.read_text()) if entry["kind"] in kinds]


present = pytest.mark.skipif(not SHARED.exists(), reason="the vectors are not beside the project")


@pytest.mark.shared
@present
def test_there_are_enough() -> None:
    assert len(shared("sip")) >= 90
    assert len(shared("stream")) >= 6


@pytest.mark.shared
@present
@pytest.mark.parametrize("entry", shared("sip", "device"), ids=lambda entry: entry["name"])
def test_shared_messages(entry: dict[str, str]) -> None:
    found = outcome((SHARED / entry["file"]).read_bytes())
    assert fits(entry["expect"], found, entry["transport"]), (
        f"{found}, not {entry['expect']}: {entry['what']}"
    )


@pytest.mark.shared
@present
@pytest.mark.parametrize("entry", shared("stream"), ids=lambda entry: entry["name"])
def test_shared_streams(entry: dict[str, str]) -> None:
    framer = StreamFramer()
    items = framer.push((SHARED / entry["file"]).read_bytes())
    messages = [item for item in items if not isinstance(item, KeepAlive)]
    expect = entry["expect"]
    if expect == "close":
        # Half of something: the peer is on the clock, and the time limit of the transport closes.
        assert (messages, framer.pending) == ([], True)
    elif "close" in expect:
        assert messages == [] and framer.fault is not None
    else:
        assert [outcome(message) for message in messages] == ["ok"] * (2 if "x2" in expect else 1)
        assert framer.fault is None and not framer.pending
