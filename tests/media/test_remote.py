"""Keeps: a leg listens to its peer only; another source is learnt once and only where that is allowed, or by proof."""

from __future__ import annotations

import pytest

from bridge.media.remote import Admission, Allowance, RemoteFilter, may_send

PEER = ("192.0.2.7", 4000)


def test_plain_rtp_comes_from_the_address_of_the_sdp_only() -> None:
    rule = RemoteFilter(PEER)
    assert rule.judge(PEER) is Admission.KNOWN
    assert rule.judge(("192.0.2.7", 4002)) is Admission.STRANGER
    assert rule.judge(("192.0.2.8", 4000)) is Admission.STRANGER


def test_latching_learns_once_and_only_on_the_signalling_host() -> None:
    rule = RemoteFilter(("10.0.0.5", 4000), latch_host="198.51.100.9")
    assert rule.judge(("198.51.100.8", 9999)) is Admission.STRANGER
    natted = ("198.51.100.9", 61000)
    assert rule.judge(natted) is Admission.NEW
    assert rule.settle(natted)
    assert rule.remote == natted
    assert rule.judge(natted) is Admission.KNOWN
    assert rule.judge(("198.51.100.9", 61001)) is Admission.STRANGER
    assert rule.judge(("10.0.0.5", 4000)) is Admission.STRANGER


def test_once_the_sdp_address_has_spoken_nothing_is_learnt() -> None:
    rule = RemoteFilter(PEER, latch_host="192.0.2.7")
    assert not rule.settle(PEER)
    assert rule.judge(("192.0.2.7", 4002)) is Admission.STRANGER


def test_an_authenticated_packet_moves_the_peer_any_time() -> None:
    rule = RemoteFilter(PEER, authenticated=True)
    for port in (1000, 2000, 4000):
        source = ("203.0.113.1", port)
        assert rule.judge(source) is Admission.NEW
        assert rule.settle(source)
        assert rule.remote == source


def test_ipv6_is_compared_in_canonical_form() -> None:
    rule = RemoteFilter(("2001:DB8:0::1", 4000))
    assert rule.judge(("2001:db8::1", 4000, 0, 0)) is Admission.KNOWN
    assert rule.judge(("2001:db8::1", 4000, 0, 2)) is Admission.KNOWN
    assert rule.judge(("2001:db8::2", 4000, 0, 0)) is Admission.STRANGER


@pytest.mark.parametrize(
    ("host", "port", "local", "wanted"),
    [
        ("192.0.2.1", 4000, "192.0.2.9", True),
        ("192.0.2.1", 0, "192.0.2.9", False),
        ("224.1.1.1", 4000, "192.0.2.9", False),
        ("255.255.255.255", 4000, "192.0.2.9", False),
        ("0.0.0.0", 4000, "192.0.2.9", False),
        ("127.0.0.1", 4000, "192.0.2.9", False),
        ("127.0.0.1", 4000, "127.0.0.1", True),
        ("127.0.0.1", 4000, "0.0.0.0", True),
        ("::1", 4000, "2001:db8::1", False),
        ("::1", 4000, "::1", True),
        ("ff02::1", 4000, "2001:db8::1", False),
        ("2001:db8::2", 4000, "192.0.2.9", False),
        ("phone.example", 4000, "192.0.2.9", False),
    ],
)
def test_nothing_is_sent_to_special_addresses(host: str, port: int, local: str, wanted: bool) -> None:
    assert may_send((host, port), local) is wanted


def test_allowance_caps_the_rate_and_lets_a_burst_pass() -> None:
    allowance = Allowance(rate=150.0, burst=150.0, now=0.0)
    assert sum(allowance.take(0.0) for _ in range(1000)) == 150
    passed = sum(allowance.take(n / 20000) for n in range(20000))
    assert 149 <= passed <= 151
    assert sum(allowance.take(100.0) for _ in range(1000)) == 150
    assert not allowance.take(99.0)
