"""The words of SIP text: ASCII digits only, quotes that close, lists and parameters split where they should."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.grammar import (
    Params,
    number,
    one_line,
    parse_params,
    quote,
    split_list,
    split_outside,
    unquote,
)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("0068", 68), ("4294967295", 2**32 - 1)])
def test_a_number_is_read(text: str, value: int) -> None:
    assert number(text, 2**32 - 1, "n") == value


@pytest.mark.parametrize(
    "text", ["", "+0", "-1", "1_0", " 1", "1 ", "٣", "²", "0x1", "1e3", "4294967296", "9" * 5000]
)
def test_what_int_would_take_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        number(text, 2**32 - 1, "n")
    assert (caught.value.name, caught.value.status) == ("n", 400)


def test_quoted_strings_are_resolved_and_written_again() -> None:
    assert unquote(r'"J \\\" R"') == r"J \" R"
    assert unquote("token") == "token"
    assert unquote(quote('a "b" \\ c')) == 'a "b" \\ c'


def test_a_written_value_stays_on_its_line() -> None:
    assert quote("a\r\nX: y\0") == '"a  X: y "'
    assert one_line("a\nb") == "a b"


def test_commas_in_quotes_and_brackets_do_not_split() -> None:
    line = '"A, B" <sip:a@x;p="q,r">;t=1 , <sip:c,d@y>,, sip:e@z'
    assert split_list([line, "", "f"]) == ['"A, B" <sip:a@x;p="q,r">;t=1', "<sip:c,d@y>", "sip:e@z", "f"]


def test_lists_are_bounded() -> None:
    assert len(split_list(["a,b"] * 64)) == 128
    with pytest.raises(ProtocolError):
        split_list(["a,b"] * 64 + ["c"])


def test_an_escaped_quote_does_not_close() -> None:
    assert split_outside(r'"a\",b",c', ",") == [r'"a\",b"', "c"]
    with pytest.raises(ProtocolError):
        split_outside(r'"a\",b', ",")


def test_parameters_keep_their_spelling_and_are_found_without_case() -> None:
    params = parse_params(' ;Tag  =  a+b!c ; LR; x="p;q" ; e=')
    assert str(params) == ';Tag=a+b!c;LR;x="p;q";e='
    assert (params.get("tag"), params.get("lr"), params.get("x"), params.get("e")) == ("a+b!c", "", "p;q", "")
    assert params.get("none") is None
    assert "lr" in params


def test_parameters_change_by_copy() -> None:
    params = Params([("a", "1"), ("B", None)])
    assert str(params.put("b", "2").put("c")) == ";a=1;B=2;c"
    assert str(params.drop("b")) == ";a=1"
    assert str(params) == ";a=1;B"


def test_parameters_are_bounded() -> None:
    with pytest.raises(ProtocolError):
        parse_params(";a" * 65)
