"""A name that is shown is one short line of visible text, whatever the peer sent."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sip.names import shown_name
from bridge.sip.uri import parse_name_addr
from bridge.text import MOST_SHOWN, clean_name
from tests.sip.samples import request, sample


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"Kari Nordmann" <sip:k@x>', "Kari Nordmann"),
        ('"" <sip:kari@x>', "kari"),
        ('" \t " <sip:%c3%a5se@x>', "åse"),
        ("<sip:x>", "Guest"),
        ('"\u202e\u200b" <sip:%00@x>', "\ufffd"),
        ('"<script>alert(1)</script>" <sip:k@x>', "<script>alert(1)</script>"),
        ('"a\u202egnp.exe" <sip:k@x>', "agnp.exe"),
        ('"Bob\x1b[2J\x07 Ex" <sip:k@x>', "Bob [2J Ex"),
        ('"a \u00a0\u2028 b" <sip:k@x>', "a b"),
    ],
)
def test_names(text: str, shown: str) -> None:
    assert shown_name(parse_name_addr(text)) == shown


def test_broken_utf_8_is_replaced() -> None:
    name = shown_name(request(sample("name-invalid-utf8.sip")).from_)
    assert name.startswith("Bj") and "\ufffd" in name
    name.encode("utf-8")


def test_names_are_short() -> None:
    assert len(shown_name(request(sample("name-long-4k.sip")).from_)) == MOST_SHOWN
    assert clean_name("e\u0301" * 100) == "é" * MOST_SHOWN
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert clean_name(f"{family} a") == f"{family} a"
    assert clean_name("x\u20dd" * 70) == "x\u20dd" * MOST_SHOWN


def test_a_pile_of_marks_is_cut() -> None:
    assert len(clean_name("Z" + "\u0335" * 500 + "a")) <= 6


@given(st.text(st.characters(), max_size=300))
def test_any_text_becomes_one_visible_line(text: str) -> None:
    name = clean_name(text)
    assert len(name) <= MOST_SHOWN * 6
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in name)
    assert not set(name) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert name == name.strip()
