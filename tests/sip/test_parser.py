"""What is recognisable becomes a message with its first fault; what is not SIP raises, and nothing else happens."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.parser import head_end, parse_message, parse_part
from tests.sip.samples import request, response, sample, wire


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\r\n\r\n", b"\0", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"OPTIONS sip:a@b\r\n\r\n",
        b"SIP/2.0\r\n\r\n",
        b"SIP/2.0 4294967301 better not\r\n\r\n", b"SIP/2.0 99 x\r\n\r\n", b"SIP/2.0 700 x\r\n\r\n",
        b"SIP/2.0 2_0 x\r\n\r\n",
        "SIP/2.0 ٢٠٠ x\r\n\r\n".encode(), b"O(TIONS sip:a@b SIP/2.0\r\n\r\n", b" SIP/2.0\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_not_sip_raises(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_message(data)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (wire().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1), 505),
        (wire().replace(b"SIP/2.0\r\n", b"SIP/2.0x\r\n", 1), 400),
        (wire(uri="sip:" + "a" * 2_100 + "@b"), 414),
        (wire(more="no colon here\r\n"), 400),
        (wire(more="B[d: x\r\n"), 400),
        (wire(more=": x\r\n"), 400),
        (wire(more="X-Long: " + "a" * 8_200 + "\r\n"), 513),
        (wire(more="X-Own: a\r\n" * 101), 513),
        (wire(more="X-Own: a\r\n" + " b\r\n" * 33), 400),
        (wire(more="Content-Length: 7\r\n"), 400),
        (wire(length=False, more="Content-Length: -1\r\n"), 400),
        (wire(length=False, more="Content-Length: 5\r\n", body=b"abc"), 400),
        (sample("content-length-arabic.sip"), 400),
    ],
)
def test_faults_are_kept_and_the_request_can_be_answered(data: bytes, status: int) -> None:
    message = request(data)
    assert message.fault is not None and message.fault.status == status
    assert message.reply(status).via.host == "192.0.2.77"


def test_what_is_odd_but_harmless() -> None:
    assert request(b"\r\n\r\n" + wire()).fault is None
    assert (
        request(
            wire().replace(b"OPTIONS sip:1001@mcu.example.com SIP/2.0", b"OPTIONS sip:1001@x sip/2.0  ")
        ).fault
        is None
    )
    assert request(wire(more="Content-Length: 0\r\n")).fault is None
    assert request(wire(more="X-Own: a\r\n" + " b\r\n" * 32)).headers.get("x-own") == "a" + " b" * 32
    assert request(wire("NEW%4d.a-b!")).method == "NEW%4d.a-b!"
    assert request(wire("options")).method == "options"


def test_the_body_is_cut_to_its_length() -> None:
    assert request(wire(body=b"v=0") + b"junk").body == b"v=0"
    assert request(wire(body=b"v=0", length=False)).body == b"v=0"
    assert request(wire(body=bytes(range(256)))).body == bytes(range(256))


def test_line_feeds_only() -> None:
    data = wire(body=b"v=0\r\ns=-\r\n").replace(b"\r\n", b"\n")
    assert (request(data).fault, request(data).body) == (None, b"v=0\ns=-\n")
    assert request(sample("lf-only.sip")).call_id == "v00106@client.example.net"


def test_a_head_without_its_end() -> None:
    assert request(wire().rstrip()).cseq.method == "OPTIONS"


def test_a_continuation_of_nothing() -> None:
    data = wire().replace(b"Via:", b" folded start line\r\n too\r\nVia:", 1)
    fault = request(data).fault
    assert fault is not None and fault.name == "folds"
    assert request(data).via.host == "192.0.2.77"


def test_responses() -> None:
    empty = response(b"SIP/2.0 100 \r\nVia: SIP/2.0/UDP h\r\n\r\n")
    assert (empty.status, empty.phrase, empty.fault) == (100, "", None)
    text = response("SIP/2.0 200 = 2**3 * 5**2 но сто\r\n\r\n".encode())
    assert text.phrase == "= 2**3 * 5**2 но сто"
    late = response(b"SIP/3.0 200 OK\r\n\r\n")
    assert late.fault is not None


def test_a_head_over_the_limit() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_message(wire(more="X-Own: a\r\n" * 7_000))
    assert (caught.value.name, caught.value.status) == ("too-large", 513)


def test_where_a_head_ends() -> None:
    assert head_end(b"a\r\n\r\nb") == (3, 5)
    assert head_end(b"a\n\nb\r\n\r\n") == (2, 3)
    assert head_end(b"a\r\n\r\nb\n\n") == (3, 5)
    assert head_end(b"a\n\r\nb") == (2, 4)
    assert head_end(b"a\r\nb\r\n") is None


def test_parts_of_a_multipart() -> None:
    assert parse_part(b"\r\nbody").body == b"body"
    assert parse_part(b"\nbody").body == b"body"
    part = parse_part(b"Content-Type: text/plain\r\n\r\nx")
    assert part.content_type is not None and (part.content_type.name, part.body) == ("text/plain", b"x")
    assert parse_part(b"no colon").fault is not None
