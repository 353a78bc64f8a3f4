"""What shares a port is told apart by its first octet as RFC 7983 says, and what fits nowhere is nothing."""

from __future__ import annotations

import pytest

from bridge.rtc.demux import Kind, kind_of


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [
        (0, 3, Kind.STUN),
        (4, 19, Kind.UNKNOWN),
        (20, 63, Kind.DTLS),
        (64, 79, Kind.TURN_CHANNEL),
        (80, 127, Kind.UNKNOWN),
        (128, 191, Kind.RTP),
        (192, 255, Kind.UNKNOWN),
    ],
)
def test_by_first_octet(first: int, last: int, kind: Kind) -> None:
    assert {kind_of(bytes((octet, 0, 0))) for octet in range(first, last + 1)} == {kind}


def test_nothing_is_nothing() -> None:
    assert kind_of(b"") is Kind.UNKNOWN
