"""A Via says where the response goes; the true source is written over what the sender claims."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.via import parse_via, parse_via_list


def test_odd_blanks_are_read() -> None:
    via = parse_via("SIP  / 2.0  / TCP     spindle.example.com   ; branch  =   z9hG4bK9ikj8")
    assert (via.protocol, via.sent_by, via.branch, via.modern) == (
        "TCP", ("spindle.example.com", 5060), "z9hG4bK9ikj8", True
    )  # fmt: skip
    assert parse_via("SIP / 2.0 /UDP\t192.0.2.2;branch=390skdjuw").modern is False
    assert parse_via("SIP/2.0/UDP h;branch=z9hG4bK").modern is False


def test_default_ports_and_ipv6() -> None:
    assert parse_via("SIP/2.0/TLS [2001:DB8::9:1];branch=z9hG4bKa").sent_by == ("2001:db8::9:1", 5061)
    via = parse_via("SIP/2.0/UDP [2001:db8::9:1]:5070;received=[2001:db8::9:255];branch=z9hG4bKas3-111")
    assert (via.sent_by[1], via.received) == (5070, "2001:db8::9:255")
    assert str(via) == "SIP/2.0/UDP [2001:db8::9:1]:5070;received=[2001:db8::9:255];branch=z9hG4bKas3-111"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/3.0/UDP h",
        "HTTP/2.0/UDP h",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP h:x",
    ],
)
def test_broken_hops(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_via(text)


@pytest.mark.parametrize(
    ("via", "stamped"),
    [
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"),
        ("SIP/2.0/UDP h;branch=z9hG4bKa", "SIP/2.0/UDP h;branch=z9hG4bKa;received=192.0.2.1"),
        (
            "SIP/2.0/UDP h;rport;branch=z9hG4bKa",
            "SIP/2.0/UDP h;rport=5071;branch=z9hG4bKa;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP h;received=1.2.3.4;rport=9;branch=b",
            "SIP/2.0/UDP h;rport=5071;branch=b;received=192.0.2.1",
        ),
        ("SIP/2.0/UDP 192.0.2.1;received=1.2.3.4", "SIP/2.0/UDP 192.0.2.1"),
    ],
)
def test_the_true_source_is_written_in(via: str, stamped: str) -> None:
    assert str(parse_via(via).stamped("192.0.2.1", 5071)) == stamped


def test_ports_filled_in() -> None:
    assert parse_via("SIP/2.0/UDP h;rport").rport is None
    assert parse_via("SIP/2.0/UDP h;rport=5070").rport == 5070
    with pytest.raises(ProtocolError):
        _ = parse_via("SIP/2.0/UDP h;rport=x").rport


def test_hops_in_one_line_and_in_many() -> None:
    hops = parse_via_list(["SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2", "SIP/2.0/TCP c"])
    assert [hop.host for hop in hops] == ["a", "b", "c"]
