"""What a peer wrote is echoed as it wrote it, what we write parses again, and no value becomes a header."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.headers import Headers
from bridge.sip.message import Request, Response
from tests.sip.samples import request, response, sample, wire


def test_the_views_of_an_invite() -> None:
    invite = request(sample("tandberg-tc.sip"))
    assert (invite.method, invite.target.user, invite.cseq) == ("INVITE", "1001", (1, "INVITE"))
    assert (invite.via.protocol, invite.from_.tag, invite.to.tag) == ("TCP", "fv00124", None)
    assert invite.contact is not None and invite.contact.uri.transport == "tcp"
    assert invite.supported == ("replaces", "100rel", "timer", "gruu", "path", "outbound")
    assert invite.content_type is not None and invite.content_type.name == "application/sdp"
    assert (invite.content_length, invite.max_forwards, invite.expires) == (len(invite.body), 70, None)
    assert (invite.routes, invite.record_routes, invite.require) == ((), (), ())


def test_compact_and_folded_is_the_same() -> None:
    long = request(wire("INVITE", more="Subject: a b\r\nSupported: timer\r\n"))
    data = wire("INVITE", change={"Via": None, "From": None}, more="")
    data = data.replace(b"To: ", b"t\t:\r\n  ").replace(b"Call-ID", b"i").replace(b"Contact", b"M")
    data = data.replace(
        b"Content-Length: 0", b'f: "Kari"\r\n\t<sip:kari@client.example.net>\r\n ;tag=f1\r\nL: 0'
    )
    data = data.replace(
        b"L: 0", b"v: SIP / 2.0/UDP 192.0.2.77:5060;branch=z9hG4bK-1;rport\r\ns: a\r\n b\r\nk:timer\r\nl:0"
    )
    short = request(data)
    assert (short.via, short.from_, short.to, short.call_id) == (long.via, long.from_, long.to, long.call_id)
    assert (short.contact, short.supported, short.headers.get("Subject")) == (
        long.contact,
        long.supported,
        "a b",
    )


def test_a_request_without_parts_says_which_is_missing() -> None:
    bare = Request("OPTIONS", "sip:a@b", Headers())
    for read in ("via", "from_", "to", "call_id", "cseq"):
        with pytest.raises(ProtocolError):
            getattr(bare, read)
    assert (bare.contact, bare.contacts, bare.max_forwards, bare.content_type) == (None, (), None, None)


def test_a_reply_echoes_raw_text() -> None:
    data = wire(
        "INVITE",
        change={
            "To": "sip:1001@mcu.example.com ; x = y",
            "Via": "SIP / 2.0/ UDP a:5060 ;branch=z9hG4bKa+b!c;rport",
        },
        more="v:SIP/2.0/TCP b;branch=z9hG4bKd , SIP/2.0/UDP c\r\n"
        "Record-Route: <sip:p2;lr>,<sip:p1;lr>\r\nTimestamp: 54.1\r\n",
    )
    reply = request(data).reply(200, to_tag="t1", headers=[("contact", "<sip:us>")], body=b"v=0\r\n")
    assert list(reply.headers) == [
        ("Via", "SIP / 2.0/ UDP a:5060 ;branch=z9hG4bKa+b!c;rport"),
        ("From", '"Kari" <sip:kari@client.example.net>;tag=f1'),
        ("To", "sip:1001@mcu.example.com ; x = y;tag=t1"),
        ("Call-ID", "c1@client.example.net"),
        ("CSeq", "1 INVITE"),
        ("Via", "SIP/2.0/TCP b;branch=z9hG4bKd , SIP/2.0/UDP c"),
        ("Record-Route", "<sip:p2;lr>,<sip:p1;lr>"),
        ("Timestamp", "54.1"),
        ("Contact", "<sip:us>"),
        ("Content-Type", "application/sdp"),
    ]
    again = response(reply.serialise())
    assert (again.status, again.phrase, again.to.tag, again.body) == (200, "OK", "t1", b"v=0\r\n")
    assert [via.host for via in again.vias] == ["a", "b", "c"]


def test_tags_and_routes_of_replies() -> None:
    plain = request(wire("INVITE", more="Record-Route: <sip:p;lr>\r\n"))
    assert plain.reply(100, to_tag="t").to.tag is None
    assert plain.reply(486, to_tag="t").to.tag == "t"
    assert plain.reply(486).record_routes == ()
    assert len(plain.reply(183, to_tag="t").record_routes) == 1
    tagged = request(wire("BYE", change={"To": "<sip:a@b>;tag=old"}))
    assert tagged.reply(200, to_tag="new").to.tag == "old"
    assert plain.reply(404, "Not Here").phrase == "Not Here"
    assert plain.reply(699).phrase == "Global Failure"


def test_a_reply_to_a_broken_to_is_still_made() -> None:
    broken = request(wire(change={"To": '"a <sip:x@y>'}))
    assert broken.reply(400, to_tag="t").headers.get("To") == '"a <sip:x@y>'


def test_broken_utf_8_comes_out_as_it_came_in() -> None:
    latin = request(sample("name-invalid-utf8.sip"))
    raw = sample("name-invalid-utf8.sip").split(b"From: ")[1].split(b"\r\n")[0]
    assert raw in latin.reply(200, to_tag="t").serialise()
    assert raw in latin.serialise()


def test_text_that_no_wire_can_carry_is_replaced() -> None:
    odd = Response(200, "O\ud800K", Headers([("Subject", "\ud800\udcff")]))
    assert b"SIP/2.0 200 O?K\r\n" in odd.serialise()


@pytest.mark.parametrize("evil", ["x\r\nVia: evil", "x\nVia: evil", "x\rVia: evil", "x\0"])
def test_no_value_becomes_a_header(evil: str) -> None:
    made = Request("INVITE", f"sip:{evil}", Headers([("Subject", evil)]))
    made.headers.add("X-Own", evil)
    reply = request(wire()).reply(
        200, evil, to_tag=evil, headers=[("Warning", evil)], body=b"b", content_type=evil
    )
    for data in (made.serialise(), reply.serialise()):
        head = data.split(b"\r\n\r\n")[0]
        assert not any(
            line.lower().startswith(b"via: evil") for line in head.replace(b"\r", b"\n").split(b"\n")
        )
        assert b"\0" not in head


def test_a_bare_cr_from_the_wire_is_not_echoed() -> None:
    echoed = request(wire(change={"Call-ID": "a\rX-Own: y"})).reply(200).serialise()
    assert echoed.count(b"\r") == echoed.count(b"\r\n")


def test_content_length_is_made_from_the_body() -> None:
    made = Request("INFO", "sip:a@b", Headers([("l", "99")]), b"xyz")
    assert made.serialise() == b"INFO sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nxyz"


def test_the_true_source_goes_into_the_top_via_only() -> None:
    forged = request(sample("via-received-forged.sip"))
    forged.headers.add("Via", "SIP/2.0/UDP below;received=9.9.9.9")
    forged.stamp_source("127.0.0.1", 40001)
    assert (forged.via.received, forged.via.rport) == ("127.0.0.1", 40001)
    assert forged.headers.get_all("Via")[1] == "SIP/2.0/UDP below;received=9.9.9.9"
    listed = request(wire(change={"Via": "SIP/2.0/UDP a;branch=z9hG4bK1 , SIP/2.0/UDP b;x=1"}))
    listed.stamp_source("2001:db8::1", 5060)
    assert listed.headers.get_all("Via") == [
        "SIP/2.0/UDP a;branch=z9hG4bK1;received=2001:db8::1, SIP/2.0/UDP b;x=1"
    ]


def test_the_target_follows_the_uri() -> None:
    made = Request("BYE", "sip:a@b", Headers())
    assert made.target.user == "a"
    made.uri = "sip:c@b"
    assert made.target.user == "c"


def test_messages_show_nothing_of_a_person() -> None:
    assert repr(request(wire("INVITE"))) == "<Request INVITE>"
    assert repr(request(wire()).reply(200)) == "<Response 200>"
