"""A faulty request gets the status code that RFC 3261 and RFC 4475 ask for, before any transaction knows it."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.message import Request
from bridge.sip.validation import validate_request, validate_response
from tests.sip.samples import request, response, sample, wire

Change = dict[str, str | None]


def status_of(message: Request) -> int:
    """200, or the status that the request is refused with."""
    try:
        validate_request(message)
    except ProtocolError as error:
        return error.status
    return 200


@pytest.mark.parametrize(
    "data",
    [
        wire("INVITE"),
        wire("INVITE", uri="sips:1001@[2001:db8:::192.0.2.1]:5061;transport=tls"),
        wire("INVITE", uri="tel:+47-22;phone-context=x"),
        wire("INVITE", change={"Via": "SIP/2.0/UDP h", "Contact": None, "Max-Forwards": None}),
        wire("INVITE", change={"From": "<sip:a@b>"}),
        wire("OPTIONS", change={"Contact": None, "Max-Forwards": "0"}),
        wire("REGISTER", change={"Contact": "*"}),
        wire("OPTIONS", more="v: SIP/2.0/UDP h\r\n" * 40),
        wire("INVITE", change={"CSeq": "0009\r\n INVITE", "Max-Forwards": "0068"}),
        wire("INVITE", more="Date: Fri, 01 Jan 2010 16:00:00 EST\r\nSubject: a\r\nSubject: b\r\n"),
        wire("OPTIONS", change={"To": "isbn:2983792873", "From": "<http://www.example.com>;tag=3"}),
        wire("OPTIONS", change={"To": '"Watson, Thomas" < sip:t.watson@example.org >'}),
        wire("INVITE", more="Session-Expires: 1800 ; refresher=uac\r\nMin-SE: 90\r\nExpires: 4294967295\r\n"),
        wire("INVITE", more="Route: <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"),
    ],
)
def test_good_requests(data: bytes) -> None:
    assert status_of(request(data)) == 200


@pytest.mark.parametrize("missing", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_what_must_be_there(missing: str) -> None:
    assert status_of(request(wire(change={missing: None}))) == 400


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"CSeq": "4294967296 OPTIONS"}, ""),
        ({"CSeq": "36893488147419103232 OPTIONS"}, ""),
        ({"CSeq": "-1 OPTIONS"}, ""),
        ({"CSeq": "1_0 OPTIONS"}, ""),
        ({"CSeq": "1"}, ""),
        ({"CSeq": "1 INVITE"}, ""),
        ({"CSeq": "1 options"}, ""),
        ({"Max-Forwards": "300"}, ""),
        ({"Max-Forwards": "-3"}, ""),
        ({"To": '"Mr. J. User <sip:j.user@example.com>'}, ""),
        ({"From": "a b <sip:x@"}, ""),
        ({"Call-ID": ""}, ""),
        ({"Via": "SIP/2.0/UDP"}, ""),
        ({"Via": "SIP/1.0/UDP h"}, ""),
        ({}, "Expires: 10000000000000000000000\r\n"),
        ({}, "Session-Expires: soon\r\n"),
        ({}, "Min-SE: 99999999999\r\n"),
        ({}, "Route: <sip:p1\r\n"),
        ({}, "Record-Route: junk\r\n"),
        ({}, "Content-Type: sdp\r\n"),
        ({}, "v: SIP/2.0/UDP h\r\n" * 70),
        ({}, "f: <sip:other@x>;tag=2\r\n"),
        ({}, "To: <sip:other@x>\r\n"),
        ({}, "i: two\r\n"),
        ({}, "CSeq: 1 OPTIONS\r\n"),
        ({}, "Max-Forwards: 5\r\n"),
    ],
)
def test_bad_requests(change: Change, more: str) -> None:
    assert status_of(request(wire(change=change, more=more))) == 400


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:user@example.com; lr", 400),
        ("<sip:user@example.com>", 400),
        ("sip:user@example.com?Route=%3Csip:x%3E", 400),
        ("sip:", 400),
        ("user@example.com", 400),
        ("nobodyKnowsThisScheme:totallyopaquecontent", 416),
        ("http://example.com", 416),
        ("soap.beep://192.0.2.103:3002", 416),
    ],
)
def test_request_uris(uri: str, status: int) -> None:
    assert status_of(request(wire(uri=uri))) == status


@pytest.mark.parametrize("contact", [None, "<sip:a@b>, <sip:c@d>", "*", '"x" sip:a@b'])
def test_an_invite_has_one_contact(contact: str | None) -> None:
    assert status_of(request(wire("INVITE", change={"Contact": contact}))) == 400


@pytest.mark.parametrize(
    ("name", "status"),
    [("fold-3000", 400), ("headers-2000", 513), ("contact-missing", 400), ("cseq-overflow", 400)],
)
def test_faults_of_the_parser_are_raised(name: str, status: int) -> None:
    assert status_of(request(sample(f"{name}.sip"))) == status


def test_responses() -> None:
    good = request(wire("INVITE")).reply(200, to_tag="t").serialise()
    validate_response(response(good))
    validate_response(
        response(good.replace(b"CSeq:", b"Via: SIP/2.0/UDP 255.255.255.255;branch=x, broken\r\nCSeq:"))
    )
    for bad in (
        good.replace(b"CSeq", b"X-Seq"),
        good.replace(b"z9hG4bK-1", b'"'),
        good.replace(b"SIP/2.0 2", b"SIP/3.0 2"),
    ):
        with pytest.raises(ProtocolError):
            validate_response(response(bad))
