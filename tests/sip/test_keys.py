"""Bodies of INFO: keys in both forms, key frame requests, and nothing that is parsed as XML."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.keys import parse_key, wants_picture


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"Signal=5\r\nDuration=160\r\n", ("5", 160)),
        (b"Signal= 5\nDuration= 160\n", ("5", 160)),
        (b"signal=#\r\n", ("#", 0)),
        (b"Signal=*", ("*", 0)),
        (b"Signal=10\r\nDuration=250", ("*", 250)),
        (b"Signal=11", ("#", 0)),
        (b"Signal=a\r\nDuration=x", ("A", 0)),
        (b"Duration=99999999\r\nSignal=1", ("1", 0)),
        (b"Duration=999999\r\nSignal=1", ("1", 10_000)),
    ],
)
def test_dtmf_relay(body: bytes, expected: tuple[str, int]) -> None:
    assert parse_key("application/dtmf-relay", body) == expected


@pytest.mark.parametrize(("body", "key"), [(b"1", "1"), (b" # \r\n", "#"), (b"10", "*"), (b"d", "D")])
def test_dtmf(body: bytes, key: str) -> None:
    assert parse_key("application/dtmf", body) == (key, 0)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/dtmf", b""),
        ("application/dtmf", b"1 2"),
        ("application/dtmf", "\N{ARABIC-INDIC DIGIT ONE}".encode()),
        ("application/dtmf", b"16"),
        ("application/dtmf-relay", b"Duration=100"),
        ("application/dtmf-relay", b"Signal="),
        ("application/dtmf-relay", b"Signal=5" + b" " * 4000),
    ],
)
def test_what_is_no_key(kind: str, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_key(kind, body)


def test_key_frame_requests() -> None:
    assert wants_picture(b"<media_control><picture_fast_update/></media_control>")
    assert not wants_picture(b"<media_control><other/></media_control>")
    for bomb in (
        b"<!DOCTYPE a><picture_fast_update/>",
        b'<!ENTITY x "y"><picture_fast_update/>',
        b"x" * 5000,
    ):
        with pytest.raises(ProtocolError):
            wants_picture(bomb)
