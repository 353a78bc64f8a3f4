"""The SDP is found wherever a peer hides it, within two levels and eight parts."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.message import Request
from bridge.sip.multipart import find_body
from tests.sip.samples import request, sample, wire

SDP = "application/sdp"


def holding(body: bytes, kind: str = 'multipart/mixed;boundary="b b"', more: str = "") -> Request:
    """An INVITE with this body."""
    return request(wire("INVITE", body=body, more=f"Content-Type: {kind}\r\n{more}"))


def test_a_plain_body() -> None:
    assert find_body(holding(b"v=0", "Application / SDP;charset=utf-8"), SDP) == b"v=0"
    assert find_body(holding(b"v=0", "text/plain"), SDP) is None
    assert find_body(holding(b"", SDP), SDP) is None
    assert find_body(request(wire(body=b"v=0")), SDP) is None


def test_encoded_bodies_are_not_taken() -> None:
    assert find_body(holding(b"v=0", SDP, "e: gzip\r\n"), SDP) is None
    assert find_body(holding(b"v=0", SDP, "Content-Encoding: Identity\r\n"), SDP) == b"v=0"


def test_the_second_part() -> None:
    body = find_body(request(sample("multipart-sdp-second.sip")), SDP)
    assert body is not None and body.startswith(b"v=0\r\n") and body.endswith(b"a=sendrecv\r\n")


def test_of_alternatives_the_last_one_wins() -> None:
    body = find_body(request(sample("lync-multipart-alternative.sip")), SDP)
    assert body is not None and b"o=- 0 1 IN" in body
    two = b"".join(b"--b\r\nContent-Type: application/sdp\r\n\r\n%d\r\n" % n for n in (1, 2)) + b"--b--\r\nx"
    assert find_body(holding(two, "multipart/alternative;boundary=b"), SDP) == b"2"
    assert find_body(holding(two, "multipart/mixed;boundary=b"), SDP) == b"1"


def test_preamble_false_delimiters_and_line_feeds() -> None:
    body = b"pre --b\n--b x\n--bb\n--b \t\nc: application/sdp\n\nv=0 --b\n--bX\n\n--b--\n"
    assert find_body(holding(body, "multipart/mixed;boundary=b"), SDP) == b"v=0 --b\n--bX\n"


def test_without_an_end() -> None:
    assert find_body(request(sample("multipart-no-end.sip")), SDP) is None
    open_end = b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
    assert find_body(holding(open_end, "multipart/mixed;boundary=b"), SDP) == b"v=0\r\n"


def test_an_early_session_is_not_the_session() -> None:
    body = (
        b"--b\r\nContent-Type: application/sdp\r\nContent-Disposition: early-session ;x\r\n\r\nv=0\r\n--b--"
    )
    assert find_body(holding(body, "multipart/mixed;boundary=b"), SDP) is None


def test_a_level_more() -> None:
    inner = b"--i\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--i--"
    outer = b"--o\r\nContent-Type: multipart/related;boundary=i\r\n\r\n" + inner + b"\r\n--o--"
    assert find_body(holding(outer, "multipart/mixed;boundary=o"), SDP) == b"v=0"


@pytest.mark.parametrize(
    "message",
    [
        request(sample("multipart-nest-200.sip")),
        holding(b"--b\r\n\r\nx\r\n" * 9 + b"--b--", "multipart/mixed;boundary=b"),
        holding(b"--\r\n\r\nx", "multipart/mixed"),
        holding(b"x", f"multipart/mixed;boundary={'b' * 71}"),
        holding(b"x", "multipart/mixed;boundary=\u00e5"),
        holding(b"x", "junk"),
    ],
)
def test_too_much_or_broken(message: Request) -> None:
    with pytest.raises(ProtocolError) as caught:
        find_body(message, SDP)
    assert caught.value.status == 400
