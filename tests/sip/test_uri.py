"""Addresses parse as RFC 3261 says, are written as they came, and say which room was dialled."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.uri import (
    NameAddr,
    Uri,
    alias,
    dialled,
    host_port,
    parse_host_port,
    parse_name_addr,
    parse_name_addr_list,
    parse_uri,
)

ROUND_TRIPS = [
    "sip:1001@mcu.example.com",
    "sips:bob@192.0.2.4:5061;transport=tcp",
    "sip:[2001:db8::10]:5070;lr",
    "sip:[2001:db8:::192.0.2.1]",
    "sip:user;par=u%40example.net@example.com",
    "sip:alice:secret@atlanta.com;maddr=239.255.255.1;ttl=15",
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
    "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31",
    "sip:sips%3Auser%40example.com@example.net",
    "sip:a@host_with_underscore.example.com:05060;lr".replace("05060", "5060"),
    "tel:+47-22-00;phone-context=example.com",
    "nobodyKnowsThisScheme:totallyopaquecontent".lower(),
    "http://www.example.com",
    "isbn:2983792873",
    "sip:blåbær@example.com",
]


@pytest.mark.parametrize("text", ROUND_TRIPS)
def test_a_uri_is_written_as_it_came(text: str) -> None:
    assert str(parse_uri(text)) == text


def test_the_parts_of_a_uri() -> None:
    uri = parse_uri("SIP:+47(22)@[2001:DB8::1]:5070;Transport=TCP;lr?Subject=x")
    assert (uri.scheme, uri.user, uri.host, uri.port) == ("sip", "+47(22)", "2001:DB8::1", 5070)
    assert (uri.transport, uri.loose, uri.headers, uri.is_sip) == ("tcp", True, "Subject=x", True)
    assert uri == Uri("sip", "+47(22)", "2001:DB8::1", 5070, uri.params, "Subject=x")


@pytest.mark.parametrize(
    "text",
    [
        "", "sip:", "1001", "sip", ":x", "sip:@host", "sip:a@", "sip:a b@host", "sip:a@ho st", "sip:a@host;x= y",
        "sip:a@[::1", "sip:a@[zz]", "sip:a@[::1]x", "sip:a@host:0", "sip:a@host:65536", "sip:a@host:+5060",
        "sip:a@host:٣", "sip:a@host:", "sip:a@b@c", "sip:a@hôte", "sip:<a@b>", 'sip:"a"@b', "sip:a\x00b@c",
        "sip:a@b\r\nX: y", "s ip:a@b", "9sip:a@b",
    ],
)  # fmt: skip
def test_a_broken_uri_is_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


def test_hosts_and_ports() -> None:
    assert parse_host_port("[::1]:5060") == ("::1", 5060)
    assert parse_host_port("192.0.2.1 : 5060") == ("192.0.2.1", 5060)
    assert host_port("::1", 5060) == "[::1]:5060"
    assert host_port("a.example", None) == "a.example"


def test_a_display_name_in_quotes() -> None:
    address = parse_name_addr('"J Rosenberg \\\\\\""       <sip:jdrosen@example.com> ; tag = 98asjd8')
    assert (address.display, str(address.uri), address.tag) == (
        'J Rosenberg \\"', "sip:jdrosen@example.com", "98asjd8"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("Bob Ross <sip:b@x>;q=1", "Bob Ross", "sip:b@x", ";q=1"),
        ("<sip:b@x;lr>", "", "sip:b@x;lr", ""),
        ("sip:b@x;tag=1", "", "sip:b@x", ";tag=1"),
        ('"" <sip:b@x>', "", "sip:b@x", ""),
        ('"A" < sip:b@x >', "A", "sip:b@x", ""),
        ('"a<b>c"<sip:b@x>', "a<b>c", "sip:b@x", ""),
    ],
)
def test_name_addrs(text: str, display: str, uri: str, params: str) -> None:
    address = parse_name_addr(text)
    assert (address.display, str(address.uri), str(address.params)) == (display, uri, params)


@pytest.mark.parametrize(
    "text",
    [
        '"A" sip:b@x',
        '"A <sip:b@x>',
        "<sip:b@x",
        "<sip:b@x> tag=1",
        "<sip:b@x>, <sip:c@x>",
        "sip:a@b, sip:c@d",
        "*",
    ],
)
def test_broken_name_addrs(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_name_addr(text)


def test_a_written_name_addr_cannot_break_out() -> None:
    text = str(NameAddr('x" <sip:evil@y>\r\nVia: z', parse_uri("sip:a@b")))
    assert "\r" not in text and "\n" not in text
    assert parse_name_addr(text).uri == parse_uri("sip:a@b")


def test_lists_of_routes() -> None:
    routes = parse_name_addr_list(["<sip:p1;lr>,<sip:p2;lr>", '"x, y" <sip:p3;lr>'])
    assert [route.uri.host for route in routes] == ["p1", "p2", "p3"]


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("sip:1001@h", "1001"),
        ("sip:%31%30%30%31@h", "1001"),
        ("sip:10-01@h", "1001"),
        ("sip:(10).01@h", "1001"),
        ("sip:+47-22.00@h", "+472200"),
        ("tel:+47-22;phone-context=x", "+4722"),
        ("sip:1001;pin=123456@h", "1001"),
        ("sip:*98#@h", "*98#"),
        ("sip:-1@h", "-1"),
        ("sip:alice.b-c@h", "alice.b-c"),
        ("sip:alice;day=tuesday@h", "alice;day=tuesday"),
        ("sip:%EF%BC%91%EF%BC%90@h", "１０"),
        ("sip:%25@h", "%"),
        ("sip:50%@h", "50%"),
        ("sip:a%00%0d%0ab@h", "a\ufffd\ufffd\ufffdb"),
        ("sip:%ff@h", "\ufffd"),
        ("sip:h", ""),
        ("sip:..%2f..%2fetc@h", "../../etc"),
    ],
)
def test_what_was_dialled(uri: str, number: str) -> None:
    assert dialled(parse_uri(uri)) == number


def test_an_alias_has_the_domain() -> None:
    assert alias(parse_uri("sip:10-01@MCU.Example.com:5070")) == "1001@mcu.example.com"
    assert alias(parse_uri("sip:mcu.example.com")) == ""
    assert alias(parse_uri("tel:1001")) == "1001"
