"""The drivers of foreign clients work, and agree with each other: a failing end-to-end test speaks of the bridge."""

from __future__ import annotations

import time

import pytest

from tests.peers.baresip import G722, OPUS, PCMA, PCMU, Baresip
from tests.peers.linphone import Linphone
from tests.peers.sipp import Sipp
from tests.peers.sipphone import CallRefused, SipPhone
from tests.peers.sound import hears

pytestmark = pytest.mark.peers


@pytest.mark.parametrize(
    ("transport", "security", "codec"),
    [("udp", "none", OPUS), ("tcp", "srtp", G722), ("tls", "srtp-mand", PCMA)],
)
def test_two_baresips_hear_each_other(transport: str, security: str, codec: str) -> None:
    with (
        Baresip("anna", 400, transport=transport, security=security, codecs=(codec,)) as anna,
        Baresip("berit", 700, transport=transport, security=security, codecs=(codec,)) as berit,
    ):
        anna.dial(berit.uri)
        time.sleep(1.2)
        assert anna.is_encrypted() is (security != "none")
        anna.hang_up()
        berit.wait_event("CALL_CLOSED")
        assert hears(anna.heard()[0], [700], 0.2) == ([], [])
        assert hears(berit.heard()[0], [400], 0.2) == ([], [])


def test_keys_and_hold_between_a_phone_and_baresip() -> None:
    with Baresip("anna", 400, codecs=(PCMU,)) as anna, SipPhone("phone", tone=600) as phone:
        phone.call(anna.uri)
        start = phone.now
        phone.press("1*")
        phone.press("2", by="info")
        time.sleep(0.5)
        assert hears(phone.heard(start), [400], 0.1) == ([], [])
        assert phone.reception(start).missing == 0
        phone.reinvite("sendonly")
        held = phone.now
        time.sleep(0.5)
        assert phone.reception(held + 0.1).packets == 0
        phone.reinvite("sendrecv")
        resumed = phone.now
        time.sleep(0.8)
        assert hears(phone.heard(resumed), [400], 0.1) == ([], [])
        phone.hang_up()
        anna.wait_event("CALL_CLOSED")
        assert anna.heard_keys() == "1*2"
        assert hears(anna.heard()[-1], [600], 0.1) == ([], [])
        assert phone.faults == []


def test_a_phone_is_called_and_hung_up_on_over_tcp() -> None:
    with (
        SipPhone("one", tone=500, transport="tcp", codecs=("PCMA", "PCMU")) as one,
        SipPhone("two", tone=800, transport="tcp", codecs=("PCMA",)) as two,
    ):
        one.call(two.uri)
        two.wait_called()
        start = one.now
        time.sleep(0.6)
        assert hears(one.heard(start), [800], 0.1) == ([], [])
        assert hears(two.heard(start), [500], 0.1) == ([], [])
        two.hang_up()
        one.wait_ended()


def test_a_refusal_is_told() -> None:
    with SipPhone("busy") as busy, SipPhone("first") as first, SipPhone("second") as second:
        first.call(busy.uri)
        with pytest.raises(CallRefused) as refusal:
            second.call(busy.uri)
        assert refusal.value.status == 486


@pytest.mark.parametrize("keys_by", ["rtp", "info"])
def test_linphone_calls_baresip(keys_by: str) -> None:
    transport = "tcp" if keys_by == "info" else "udp"
    with (
        Baresip("anna", 400, transport=transport) as anna,
        Linphone("carl", 900, keys_by=keys_by, transport=transport) as carl,
    ):
        carl.dial(anna.uri)
        carl.press("12*")
        time.sleep(0.2)
        carl.hang_up()
        anna.wait_event("CALL_CLOSED")
        assert anna.heard_keys() == "12*"
        assert hears(anna.heard()[0], [900], 0.2, 0.8) == ([], [])
        assert hears(carl.heard(), [400], 0.5) == ([], [])


@pytest.mark.parametrize(
    ("scenario", "transport"),
    [("plain", "tcp"), ("pin", "udp"), ("late-offer", "udp"), ("hold", "udp"), ("reinvite", "udp")],
)
def test_sipp_calls_a_phone(scenario: str, transport: str) -> None:
    with SipPhone("phone", transport=transport) as phone:
        target = f"127.0.0.1:{phone.port}"
        with Sipp(scenario, target, service="phone", hold_ms=250, keys="42#", transport=transport) as sipp:
            phone.wait_called()
            start = phone.now
            sipp.wait()
        assert sipp.ok, sipp.errors()
        assert phone.keys == ("42#" if scenario == "pin" else "")
        assert hears(phone.heard(start), [1500]).missing == []


def test_sipp_gives_up_while_it_rings() -> None:
    with (
        Baresip("anna", answer="manual") as anna,
        Sipp("cancel", anna.uri.partition("@")[2], service="anna") as sipp,
    ):
        sipp.wait()
        assert sipp.ok, sipp.errors()
        anna.wait_event("CALL_CLOSED")


def test_a_crowd_calls_a_crowd() -> None:
    with Sipp("called", calls=20) as called:
        target = f"127.0.0.1:{called.port}"
        with Sipp("plain", target, calls=20, per_second=40, hold_ms=300) as crowd:
            crowd.wait()
        assert crowd.ok, crowd.errors()
        assert crowd.statistics()["SuccessfulCall(C)"] == 20


def test_calls_get_through_a_bad_network() -> None:
    with Baresip("anna", 400) as anna:
        target = anna.uri.partition("@")[2]
        with Sipp(
            "plain", target, service="anna", calls=4, per_second=40, lost_percent=20, hold_ms=300
        ) as sipp:
            sipp.wait()
        assert sipp.ok, sipp.errors()
        assert sipp.statistics()["SuccessfulCall(C)"] == 4


def test_sipp_is_called_and_registers_others() -> None:
    with Sipp("called") as called, SipPhone("phone") as phone:
        phone.call(called.uri)
        phone.hang_up()
        called.wait()
        assert called.ok, called.errors()
    with (
        Sipp("registrar") as registrar,
        Baresip("anna", registrar=f"127.0.0.1:{registrar.port}", password="secret"),
    ):
        registrar.wait(10)
        assert registrar.ok, registrar.errors()
