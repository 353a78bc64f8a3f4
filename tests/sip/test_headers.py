"""Headers keep order and raw values, are found by any spelling, and never smuggle one another in."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.headers import Headers, canonical_name
from bridge.sip.values import parse_cseq, parse_tags


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("v", "Via"), ("V", "Via"), ("vIA", "Via"), ("call-id", "Call-ID"), ("I", "Call-ID"), ("cseq", "CSeq"),
     ("x", "Session-Expires"), ("www-authenticate", "WWW-Authenticate"), ("X-Own", "X-Own")],
)  # fmt: skip
def test_names(written: str, canonical: str) -> None:
    assert canonical_name(written) == canonical


@pytest.mark.parametrize("name", ["", "a b", "a:b", "Vi\u0251", "\u212aey", "a\r\nb"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ProtocolError):
        Headers().add(name, "x")


def test_order_and_look_up() -> None:
    headers = Headers([("Via", "1"), ("X-Own", "a"), ("v", "2"), ("x-OWN", "b")])
    assert list(headers) == [("Via", "1"), ("X-Own", "a"), ("Via", "2"), ("x-OWN", "b")]
    assert (headers.get("via"), headers.get_all("V"), headers.get_all("x-own")) == (
        "1",
        ["1", "2"],
        ["a", "b"],
    )
    assert (headers.get("To"), headers.get_all("To"), "to" in headers, "VIA" in headers) == (
        None,
        [],
        False,
        True,
    )


def test_changes() -> None:
    headers = Headers([("Via", "1"), ("To", "t"), ("Via", "2")])
    headers.replace_first("v", "9")
    assert headers.get_all("Via") == ["9", "2"]
    headers.replace("via", "3")
    headers.insert_first("Route", "r")
    headers.remove("t")
    assert list(headers) == [("Route", "r"), ("Via", "3")]
    headers.replace("To", "n")
    copy = headers.copy()
    copy.add("Via", "4")
    assert len(headers) == 3 and len(copy) == 4 and headers != copy


def test_a_view_follows_a_change() -> None:
    headers = Headers([("CSeq", "1 INVITE"), ("k", "A, b")])
    assert headers.view("CSeq", parse_cseq).number == 1
    headers.replace("CSeq", "2 INVITE")
    assert headers.view("CSeq", parse_cseq).number == 2
    assert headers.view("Supported", parse_tags) == ("a", "b")


def test_values_stay_on_their_line() -> None:
    headers = Headers([("Subject", "a\r\nVia: x")])
    headers.add("Reason", "b\nTo: y\0")
    headers.replace("Warning", "c\rd")
    assert [value for _, value in headers] == ["a  Via: x", "b To: y ", "c d"]


def test_values_are_not_shown_in_tracebacks() -> None:
    assert "secret" not in repr(Headers([("Authorization", "secret")]))
