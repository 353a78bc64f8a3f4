"""What we write is read alike by an implementation that is not ours."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sip.headers import Headers
from bridge.sip.message import Request
from bridge.sip.uri import NameAddr, parse_uri
from tests.sip.samples import request, sample, wire

sipmessage: Any = pytest.importorskip("sipmessage", reason="the extra `interop` is not installed")


def read(data: bytes) -> Any:
    """Let the other implementation parse."""
    return sipmessage.Message.parse(data)


def test_our_invite() -> None:
    made = Request(
        "INVITE",
        "sip:+4722334455@[2001:db8::10]:5070;transport=tcp",
        Headers(
            [
                ("Via", "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKabc;rport"),
                ("Max-Forwards", "70"),
                (
                    "From",
                    str(NameAddr('Room "One", Åse \\', parse_uri("sip:1001@mcu.example.com"))) + ";tag=a1",
                ),
                ("To", "<sip:+4722334455@example.net>"),
                ("Call-ID", "abc@mcu"),
                ("CSeq", "7 INVITE"),
                ("Contact", "<sip:1001@192.0.2.1:5060;transport=tcp>"),
                ("Content-Type", "application/sdp"),
            ]
        ),
        b"v=0\r\n",
    )
    other = read(made.serialise())
    ours = request(made.serialise())
    assert (other.method, str(other.uri), other.body) == ("INVITE", made.uri, b"v=0\r\n")
    assert other.from_address.name == ours.from_.display == 'Room "One", Åse \\'
    assert other.from_address.parameters["tag"] == ours.from_.tag == "a1"
    assert (other.cseq.sequence, other.cseq.method) == tuple(ours.cseq)
    assert (other.via[0].host, other.via[0].port, other.via[0].parameters["branch"]) == (
        "192.0.2.1",
        5060,
        "z9hG4bKabc",
    )
    assert other.contact[0].uri.port == 5060


@pytest.mark.parametrize("status", [100, 180, 200, 404, 486, 503])
def test_our_responses(status: int) -> None:
    data = wire(
        "INVITE", more="Record-Route: <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p1.example.com;lr>\r\n"
    )
    asked = request(data)
    asked.stamp_source("203.0.113.9", 40_001)
    other = read(
        asked.reply(
            status, to_tag="t1", headers=[("Contact", "<sip:us@192.0.2.1>")], body=b"v=0\r\n"
        ).serialise()
    )
    assert (other.code, other.call_id, other.body) == (status, "c1@client.example.net", b"v=0\r\n")
    assert (other.via[0].parameters["received"], other.via[0].parameters["rport"]) == ("203.0.113.9", "40001")
    assert other.to_address.parameters.get("tag") == (None if status == 100 else "t1")


def test_a_device_and_its_answer() -> None:
    asked = request(sample("tandberg-tc.sip"))
    mine, other = asked.reply(488, to_tag="x"), read(asked.reply(488, to_tag="x").serialise())
    assert str(other.from_address.uri) == str(mine.from_.uri)
    assert other.via[0].host == mine.via.host
