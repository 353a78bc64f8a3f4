"""A consultation on the telephone: the guest waits, the host keys his PIN, locks, admits, declines, mutes and ends.

At each step the sound is checked at the far ends, above all that who waits hears nothing of the room and is not heard.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.peers.bridge import BridgeProcess, room
from tests.peers.sipphone import SipPhone
from tests.peers.sound import hears, tones_in

pytestmark = pytest.mark.peers

PIN = "246810"
HOST_HZ, GUEST_HZ, KNOCKER_HZ = 440.0, 800.0, 1300.0


@pytest.fixture
def bridge() -> Iterator[BridgeProcess]:
    with BridgeProcess([room("1002", "host-pin", host_pin=PIN, tones=False)]) as running:
        yield running
        running.stop()
        assert not running.faults()


def assert_hears(phone: SipPhone, *wanted: float, seconds: float = 1.5) -> None:
    """From now on, for that long, the phone hears exactly these tones."""
    start = phone.now
    time.sleep(seconds + 0.1)
    missing, extra = hears(phone.heard(start, start + seconds), list(wanted))
    assert not missing and not extra, f"{phone.name}: missing {missing}, extra {extra}"


def assert_deaf(phone: SipPhone, *tones: float, seconds: float = 1.5) -> None:
    """From now on, for that long, none of these tones reaches the phone; prompts and music may."""
    start = phone.now
    time.sleep(seconds)
    part = phone.heard(start, start + seconds)
    found = [
        round(tone.hz) for tone in tones_in(part.samples, part.rate, floor_dbfs=-70.0, below_peak_db=60.0)
    ]
    leaked = [hz for hz in tones if any(abs(hz - other) < 5 for other in found)]
    assert not leaked, f"{phone.name} hears {leaked} of {found}"


def wait_prompts_over(phone: SipPhone, *tones: float, timeout: float = 12.0) -> None:
    """Until the phone hears these tones and nothing else."""
    end = phone.now + timeout
    while phone.now < end:
        start = phone.now
        time.sleep(0.6)
        if hears(phone.heard(start, start + 0.5), list(tones)) == ([], []):
            return
    raise AssertionError(f"{phone.name} never heard just {tones}")


@pytest.mark.parametrize("by", ["rtp", "info"])
def test_the_whole_consultation(bridge: BridgeProcess, by: str) -> None:
    with contextlib.ExitStack() as stack:
        guest = stack.enter_context(SipPhone("guest", tone=GUEST_HZ))
        host = stack.enter_context(SipPhone("host", tone=HOST_HZ))
        knocker = stack.enter_context(SipPhone("knocker", tone=KNOCKER_HZ))
        second = stack.enter_context(SipPhone("second", tone=1700.0))

        # The guest comes early, presses #, and waits.
        guest.call(bridge.uri("1002"))
        guest.press("#", by=by)
        bridge.wait_conference("1002", inside=0, lobby=1)

        # The host keys his PIN: both hear each other.
        host.call(bridge.uri("1002"))
        host.press(f"{PIN}#", by=by)
        bridge.wait_conference("1002", inside=2, lobby=0, hosts=1)
        wait_prompts_over(guest, HOST_HZ)
        wait_prompts_over(host, GUEST_HZ)

        # *7 locks; the next caller knocks, hears nothing of the room, and is not heard.
        host.press("*7", by=by)
        bridge.wait_conference("1002", locked=True)
        knocker.call(bridge.uri("1002"))
        knocker.press("#", by=by)
        bridge.wait_conference("1002", inside=2, lobby=1)
        assert_deaf(knocker, HOST_HZ, GUEST_HZ, seconds=3.0)
        assert_deaf(guest, KNOCKER_HZ)

        # *2 admits (a # settles it at once); all three hear each other.
        host.press("*2#", by=by)
        bridge.wait_conference("1002", inside=3, lobby=0)
        wait_prompts_over(knocker, HOST_HZ, GUEST_HZ)
        wait_prompts_over(guest, HOST_HZ, KNOCKER_HZ)

        # The next one is declined by *22, and hung up.
        second.call(bridge.uri("1002"))
        second.press("#", by=by)
        bridge.wait_conference("1002", lobby=1)
        host.press("*22", by=by)
        second.wait_ended()
        wait_prompts_over(host, GUEST_HZ, KNOCKER_HZ)

        # A guest's host keys do nothing but say so.
        before = len(bridge.audit())
        guest.press("*7", by=by)
        assert bridge.wait_audit("not-allowed", start=before)["what"] == "lock"
        assert bridge.conference("1002")["locked"]

        # *5 mutes all guests, and again lets them be heard.
        host.press("*5", by=by)
        wait_prompts_over(guest, HOST_HZ)
        time.sleep(3)
        assert_deaf(host, GUEST_HZ, KNOCKER_HZ)
        host.press("*5", by=by)
        wait_prompts_over(host, GUEST_HZ, KNOCKER_HZ)

        # ## ends for all, after a notice.
        host.press("##", by=by)
        for phone in (guest, host, knocker):
            phone.wait_ended(timeout=15)
    records = bridge.wait_records(4)
    assert sorted(record["reason"] for record in records) == ["declined", "ended", "ended", "ended"]
    everything = bridge.output() + repr(bridge.audit()) + repr(records)
    assert PIN not in everything


def test_a_guest_who_waits_is_alone(bridge: BridgeProcess) -> None:
    """Two guests wait for the host; neither hears the other."""
    with SipPhone("one", tone=GUEST_HZ) as one, SipPhone("two", tone=KNOCKER_HZ) as two:
        for phone in (one, two):
            phone.call(bridge.uri("1002"))
            phone.press("#")
        bridge.wait_conference("1002", lobby=2)
        assert_deaf(one, KNOCKER_HZ, seconds=2.0)
        assert_deaf(two, GUEST_HZ, seconds=2.0)
        assert one.heard(one.now - 4.0).level_dbfs() > -60, "he hears that the line lives"
