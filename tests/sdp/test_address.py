"""Media is sent to plain unicast addresses only, never to names, special addresses or ourselves."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sdp.address import Reach, is_unspecified

V4 = Reach(False, False, frozenset({("198.51.100.7", 5060)}))
V6 = Reach(True, False, frozenset())


@pytest.mark.parametrize("address", ["192.0.2.24", "10.1.2.3", "100.64.0.1", "172.16.0.1", "8.8.8.8"])
def test_usable(address: str) -> None:
    assert V4.usable(address, 80) == (address, 80)


def test_usable_ipv6_in_its_usual_spelling() -> None:
    assert V6.usable("2001:DB8:0:0::1", 4000) == ("2001:db8::1", 4000)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("metadata.internal.example", "sdp-address-name"),
        ("192.0.2", "sdp-address-name"),
        ("192.0.2.024", "sdp-address-name"),
        ("3221225985", "sdp-address-name"),
        ("٣.0.2.1", "sdp-address-name"),
        ("fe80::1%eth0", "sdp-address-name"),
        ("1" * 100_000, "sdp-address-name"),
        ("", "sdp-address-name"),
        ("224.2.1.1/127/3", "sdp-address-multicast"),
        ("239.255.255.250", "sdp-address-multicast"),
        ("ff02::1", "sdp-address-multicast"),
        ("255.255.255.255", "sdp-address-special"),
        ("240.0.0.1", "sdp-address-special"),
        ("0.0.0.1", "sdp-address-special"),
        ("169.254.169.254", "sdp-address-special"),
        ("fe80::1", "sdp-address-special"),
        ("::127.0.0.1", "sdp-address-special"),
        ("64:ff9b::7f00:1", "sdp-address-special"),
        ("0.0.0.0", "sdp-address-unspecified"),
        ("::", "sdp-address-unspecified"),
        ("::ffff:127.0.0.1", "sdp-address-mapped"),
        ("::ffff:192.0.2.1", "sdp-address-mapped"),
        ("127.0.0.1", "sdp-address-loopback"),
        ("127.9.9.9", "sdp-address-loopback"),
        ("::1", "sdp-address-loopback"),
        ("2001:db8::1", "sdp-address-family"),
    ],
)
def test_refused(address: str, name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        V4.usable(address, 4000)
    assert (caught.value.name, caught.value.status) == (name, 488)


def test_loopback_only_where_it_is_wanted() -> None:
    assert Reach(False, True, frozenset()).usable("127.0.0.1", 4000) == ("127.0.0.1", 4000)
    assert Reach(True, True, frozenset()).usable("::1", 4000) == ("::1", 4000)


def test_never_ourselves() -> None:
    assert V4.usable("198.51.100.7", 5061) == ("198.51.100.7", 5061)
    with pytest.raises(ProtocolError, match="sdp-address-own"):
        V4.usable("198.51.100.7", 5060)


def test_the_address_of_old_hold() -> None:
    assert is_unspecified("0.0.0.0")
    assert is_unspecified("::")
    assert not is_unspecified("192.0.2.1")
