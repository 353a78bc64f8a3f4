"""A fragment brings credentials or candidates: the former restart ICE, the latter are counted and ignored."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sdp.ice_fragment import IceFragment, parse, serialise
from bridge.sdp.negotiate import answer, restart_ice
from bridge.sdp.transport import Credentials
from tests.sdp.samples import BROWSER, read

# After RFC 9725, figure 4.
CANDIDATES = (
    b"a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\n"
    b"a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    b"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n"
    b"a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0 ufrag EsAw network-id 2\r\n"
    b"a=end-of-candidates\r\n"
)
RESTART = (
    b"a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
    + (b"a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n")
)


def test_candidates_are_counted() -> None:
    credentials = Credentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    assert parse(CANDIDATES) == IceFragment(credentials, candidates=2, ended=True)


def test_at_most_32_candidates_count_whatever_they_say() -> None:
    line = b"a=candidate:1 1 udp 1 127.0.0.1 22 typ host\r\n"
    assert parse(b"m=audio 9 X 0\r\n" + line * 500).candidates == 32
    assert parse(b"a=candidate:\r\n" + b"a=candidate:1 1 UDP 99999999999999 x 99999\r\n").candidates == 2


def test_new_credentials_are_found_at_either_level() -> None:
    wanted = Credentials("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k")
    assert parse(RESTART) == IceFragment(wanted, candidates=0, ended=False)
    assert parse(RESTART[RESTART.index(b"a=ice-ufrag") :]).credentials == wanted
    assert parse(b"").credentials is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a=ice-ufrag:abc\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n", 488),
        (b"a=ice-ufrag:abcd\r\n", 488),
        (b"a=x\r\n" * 1001, 413),
        (b"a=" + b"x" * 40_000, 413),
        (b"m=audio\r\n", 400),
        (b"\0", 400),
        (b"{}", 400),
    ],
)
def test_what_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(body)
    assert caught.value.status == status


def test_ours_tells_new_credentials_and_the_same_candidates() -> None:
    first = answer(read("device-webrtc-browser-wss"), BROWSER)
    wanted = parse(RESTART).credentials
    assert wanted is not None
    restarted = restart_ice(first, wanted, BROWSER)
    ice = restarted.transport.ice
    assert ice is not None
    assert serialise(restarted.description, restarted.index).decode().split("\r\n") == [
        "a=group:BUNDLE 0",
        "a=ice-lite",
        "a=ice-options:ice2 trickle",
        "m=audio 10000 UDP/TLS/RTP/SAVPF 111",
        f"a=ice-ufrag:{ice.local.ufrag}",
        f"a=ice-pwd:{ice.local.password}",
        "a=candidate:1 1 udp 2130706431 198.51.100.7 10000 typ host",
        "a=candidate:2 1 tcp 1520434943 198.51.100.7 10000 typ host tcptype passive",
        "a=end-of-candidates",
        "a=mid:0",
        "",
    ]
    assert parse(serialise(restarted.description, restarted.index)) == IceFragment(ice.local, 2, ended=True)
