"""Requests that another site could have somebody's browser send change nothing, and bodies stay small and flat."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.web.rules import MOST_BODY, Neighbourhood, body_refusal, head_refusal, without_port

OURS = Neighbourhood("https://meet.example.org", frozenset({"https://portal.example.org"}))
JSON = "application/json"
PATH = "/api/client/v2/conferences/1002/lock"


def judged(method: str = "POST", path: str = PATH, scheme: str = "http", **headers: str) -> int | None:
    told = {"host": "127.0.0.1:8080"} | {name.replace("_", "-"): value for name, value in headers.items()}
    refusal = head_refusal(method, path, scheme, told, "192.0.2.1", OURS)
    return refusal.status if refusal else None


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:80", "[::1]:80", "[::1]", "192.0.2.1:80",
     "meet.example.org"],
)  # fmt: skip
def test_our_own_names_are_answered(host: str) -> None:
    assert judged("GET", "/", host=host) is None


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "meet.example.org.evil.example", "192.0.2.2",
     "localhost@evil.example", "::1", "[::2]", "meet.example.org:80:80"],
)  # fmt: skip
def test_names_that_somebody_else_gave_us_are_not(host: str) -> None:
    """DNS rebinding: a page of evil.example, whose name now leads here, asks as if it were at home."""
    assert judged("GET", "/", host=host) == 421


def test_an_ipv6_address_of_ours_is_written_in_brackets() -> None:
    ours = Neighbourhood()
    assert ours.is_host("[2001:db8::1]:443", "2001:db8::1") and not ours.is_host("2001:db8::1", "2001:db8::1")
    assert Neighbourhood("https://[2001:db8::1]:8443").public_host == "[2001:db8::1]"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8080", None),
        ("https://meet.example.org", None),
        ("https://portal.example.org", None),
        ("https://127.0.0.1:8080", 403),
        ("http://127.0.0.1:8081", 403),
        ("http://meet.example.org", 403),
        ("https://meet.example.org.evil.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_our_pages_and_named_ones_may_change_anything(origin: str, status: int | None) -> None:
    assert judged(origin=origin, content_type=JSON) == status
    assert judged("DELETE", origin=origin) == status
    assert judged("OPTIONS", origin=origin) == status
    assert judged("GET", origin=origin) is None, "looking is no harm: the other page is not shown the answer"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (JSON, None),
        ("Application/JSON; charset=utf-8", None),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonx", 415),
    ],
)
def test_the_api_takes_json_only(kind: str, status: int | None) -> None:
    assert judged(content_type=kind, content_length="2") == judged(content_type=kind) == status
    assert judged(path="/whip/1002", content_type=kind) is None, "that is for others to judge"


def test_what_has_no_body_needs_no_kind() -> None:
    assert judged() is None and judged(content_length="0") is None
    assert judged(content_length="2") == judged(transfer_encoding="chunked") == 415


def test_two_lengths_are_one_too_many() -> None:
    assert judged(content_length="6", transfer_encoding="chunked", content_type=JSON) == 400


@pytest.mark.parametrize("length", [str(MOST_BODY + 1), "9" * 30, "٣", "-1", "0x5"])
def test_long_bodies_are_not_even_read(length: str) -> None:
    assert judged(content_length=length, content_type=JSON) == 413
    assert judged(content_length=str(MOST_BODY), content_type=JSON) is None


def nested(depth: int) -> bytes:
    return (
        b'{"a":' * (depth // 2)
        + b"[" * (depth - depth // 2)
        + b"]" * (depth - depth // 2)
        + b"}" * (depth // 2)
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", None),
        (b"{}", None),
        (nested(8), None),
        (nested(9), 400),
        (b"[" * 30_000, 400),
        (b"[" * 30_000 + b"]" * 30_000, 400),
        (b"{", 400),
        (b'{"a": NaN}', 400),
        (b'"\xff"', 400),
        (b"[" + b"1," * 40_000 + b"1]", 413),
    ],
)
def test_bodies_are_json_and_flat(body: bytes, status: int | None) -> None:
    refusal = body_refusal(PATH, body)
    assert (refusal.status if refusal else None) == status


def test_bodies_of_others_are_only_measured() -> None:
    assert body_refusal("/whip/1002", b"v=0") is None
    refusal = body_refusal("/whip/1002", b"x" * (MOST_BODY + 1))
    assert refusal is not None and refusal.status == 413


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
    )
)
def test_what_is_flat_enough_passes_and_nothing_else_does(value: object) -> None:
    def depth(each: object) -> int:
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    refusal = body_refusal(PATH, json.dumps(value).encode())
    assert (refusal is None) is (depth(value) <= 8)


@given(st.binary(max_size=200))
def test_any_body_is_judged(body: bytes) -> None:
    assert body_refusal(PATH, body) is None or True


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_head_is_judged(host: str, origin: str) -> None:
    judged(host=host, origin=origin)
    assert without_port(host) in host
