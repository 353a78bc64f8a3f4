"""Dialogs: who is who, the route set in order, strict and loose routers, target refresh, CSeq, where to send."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.commands import Hop
from bridge.sip.dialog import Dialog, from_request, from_response, hop_of
from bridge.sip.flow import Flow
from bridge.sip.uri import parse_uri
from tests.sip.desk import TCP, UDP
from tests.sip.samples import request, response, wire

ROUTES = "Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p3.example.com;lr>\r\n"


def uas(more: str = "", change: dict[str, str | None] | None = None, flow: Flow = UDP) -> Dialog:
    return from_request(request(wire("INVITE", more=more, change=change)), "ours", flow)


def uac(more: str = "", contact: str = "<sip:1001@192.0.2.9:5070>") -> Dialog:
    sent = request(wire("INVITE"))
    reply = sent.reply(200, None, "theirs", [("Contact", contact)])
    for line in more.split("\r\n"):
        if line:
            reply.headers.add(*line.split(": ", 1))
    return from_response(sent, response(reply.serialise()), UDP)


def test_a_called_one_takes_tags_routes_and_target() -> None:
    dialog = uas(ROUTES)
    assert dialog.id == ("c1@client.example.net", "ours", "f1")
    bye = dialog.request("BYE")
    assert bye.uri == "sip:kari@192.0.2.77:5060"
    assert bye.headers.get_all("Route") == [f"<sip:p{n}.example.com;lr>" for n in (1, 2, 3)]
    assert bye.headers.get("From") == "<sip:1001@mcu.example.com>;tag=ours"
    assert bye.headers.get("To") == '"Kari" <sip:kari@client.example.net>;tag=f1'
    assert bye.cseq == (1, "BYE")
    assert dialog.request("INFO").cseq.number == 2


def test_a_caller_turns_the_route_set_round() -> None:
    dialog = uac(ROUTES)
    assert dialog.id == ("c1@client.example.net", "f1", "theirs")
    ack = dialog.request("ACK", number=1)
    assert ack.uri == "sip:1001@192.0.2.9:5070"
    assert ack.headers.get_all("Route") == [f"<sip:p{n}.example.com;lr>" for n in (3, 2, 1)]
    assert dialog.request("BYE").cseq == (2, "BYE")


def test_a_strict_router_gets_its_own_address_as_request_uri() -> None:
    dialog = uas("Record-Route: <sip:strict.example.com;x=1>, <sip:p2.example.com;lr>\r\n")
    bye = dialog.request("BYE")
    assert bye.uri == "sip:strict.example.com;x=1"
    assert bye.headers.get_all("Route") == ["<sip:p2.example.com;lr>", "<sip:kari@192.0.2.77:5060>"]


def test_a_target_refresh_changes_the_target_and_nothing_else() -> None:
    dialog = uas(ROUTES)
    dialog.refresh_target(request(wire("INVITE", change={"Contact": "<sip:kari@192.0.2.78>"})))
    assert dialog.request("BYE").uri == "sip:kari@192.0.2.78"
    assert len(dialog.routes) == 3
    dialog.refresh_target(request(wire("OPTIONS", change={"Contact": None})))
    assert dialog.target == "sip:kari@192.0.2.78"


def test_cseq_must_rise() -> None:
    dialog = uas()
    order = [dialog.in_order(request(wire("BYE", change={"CSeq": f"{n} BYE"}))) for n in (1, 2, 2, 5, 4)]
    assert order == [False, True, False, True, False]


def test_without_contact_the_target_is_what_was_dialled() -> None:
    sent = request(wire("INVITE"))
    dialog = from_response(sent, response(sent.reply(200, None, "t").serialise()), UDP)
    assert dialog.target == "sip:1001@mcu.example.com"
    with pytest.raises(ProtocolError):
        uac(contact="<mailto:bob@example.com>")
    old = uas(
        change={"Contact": None, "Via": "SIP/2.0/UDP 192.0.2.77", "From": "<sip:kari@client.example.net>"}
    )
    assert (old.target, old.remote_tag) == ("sip:kari@client.example.net", "")


@pytest.mark.parametrize("route", ["<http://a>", "<tel:+1>", "nonsense", ", ".join(["<sip:p;lr>"] * 31)])
def test_a_route_set_that_cannot_be_used_is_refused(route: str) -> None:
    with pytest.raises(ProtocolError):
        uas(f"Record-Route: {route}\r\n")


PLAIN = "SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK-1"
BELOW = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK-0\r\n"
SIX = Flow("udp", ("2001:db8::1", 5060), ("2001:db8::77", 40_000))


@pytest.mark.parametrize(
    ("why", "change", "more", "flow", "expected"),
    [
        ("symmetric", {}, "", UDP, (UDP, None)),
        ("connection", {}, "", TCP, (TCP, None)),
        (
            "other port",
            {"Via": PLAIN, "Contact": "<sip:k@192.0.2.77:5099>"},
            "",
            UDP,
            (UDP.towards(5099), None),
        ),
        ("behind NAT", {"Via": PLAIN, "Contact": "<sip:k@10.0.0.9>"}, "", UDP, (UDP, None)),
        (
            "by proxy, without record-routing",
            {"Contact": "<sip:k@198.51.100.4:5062>"},
            "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK-0\r\n",
            UDP,
            (None, Hop("", "198.51.100.4", 5062)),
        ),
        (
            "by proxy, with",
            {},
            "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK-0\r\nRecord-Route: <sip:192.0.2.77:5065;lr>\r\n",
            UDP,
            (UDP.towards(5065), None),
        ),
        (
            "by proxy, over tcp",
            {},
            "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK-0\r\nRecord-Route: <sip:p.example.com;lr;transport=tcp>\r\n",
            UDP,
            (None, Hop("tcp", "p.example.com", 5060)),
        ),
        (
            "connection of a proxy, without record-routing",
            {"Contact": "<sip:k@198.51.100.4:5062>"},
            BELOW,
            TCP,
            (None, Hop("", "198.51.100.4", 5062)),
        ),
        (
            "connection of a proxy, with",
            {},
            f"{BELOW}Record-Route: <sip:p.example.com;lr;transport=tcp>\r\n",
            TCP,
            (TCP, None),
        ),
        (
            "connection without rport, a name as contact",
            {"Via": PLAIN, "Contact": "<sip:k@pc.example.com>"},
            "",
            TCP,
            (TCP, None),
        ),
        (
            "IPv6, spelt otherwise",
            {
                "Via": "SIP/2.0/UDP [2001:DB8:0::77]:5060;branch=z9hG4bK-1",
                "Contact": "<sip:k@[2001:DB8:0:0::77]:5062>",
            },
            "",
            SIX,
            (SIX.towards(5062), None),
        ),
    ],
)
def test_where_requests_go(
    why: str, change: dict[str, str | None], more: str, flow: Flow, expected: tuple[Flow | None, Hop | None]
) -> None:
    assert uas(more, change, flow).next_hop() == expected


def test_where_requests_go_when_the_connection_is_gone() -> None:
    dialog = uas(change={"Contact": "<sips:kari@client.example.net>"}, flow=TCP)
    dialog.flow = None
    assert dialog.next_hop() == (None, Hop("tls", "client.example.net", 5061))


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:a@h", Hop("", "h", 5060)),
        ("sip:a@h;transport=TCP", Hop("tcp", "h", 5060)),
        ("sip:a@h;transport=tls", Hop("tls", "h", 5061)),
        ("sip:a@h;transport=sctp", Hop("", "h", 5060)),
        ("sips:a@h;transport=tcp", Hop("tls", "h", 5061)),  # TLS over TCP: never in the clear
        ("sips:a@[2001:db8::9]:5071", Hop("tls", "2001:db8::9", 5071)),
    ],
)
def test_where_a_uri_points(uri: str, hop: Hop) -> None:
    assert hop_of(parse_uri(uri)) == hop
    dialog = uas(change={"Contact": f"<{uri}>"}, flow=TCP)
    dialog.flow = None
    assert dialog.next_hop() == (None, hop)


def test_a_request_uri_has_no_headers_and_no_method() -> None:
    contact = "<sip:kari@192.0.2.77;method=INVITE;x=1?Subject=hi>"
    dialog = uas(change={"Contact": contact})
    assert dialog.request("BYE").uri == "sip:kari@192.0.2.77;x=1"
    dialog.refresh_target(request(wire("INVITE", change={"Contact": contact.replace("77", "78")})))
    assert dialog.request("BYE").uri == "sip:kari@192.0.2.78;x=1"
    assert uac(contact=contact).request("BYE").uri == "sip:kari@192.0.2.77;x=1"


def test_the_newest_way_counts() -> None:
    """A caller that came by a proxy and then speaks to us directly is answered directly."""
    dialog = uas(BELOW, {"Contact": "<sip:k@198.51.100.4>"}, TCP)
    assert dialog.next_hop() == (None, Hop("", "198.51.100.4", 5060))
    direct = Flow("tcp", TCP.local, ("198.51.100.4", 41_000), 9)
    dialog.heard(request(wire("INFO")), direct)
    assert dialog.next_hop() == (direct, None)
