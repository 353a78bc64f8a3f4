"""SIPp and precise phones: every call completes on a bad network, a hundred at once hear all of it, odd manners work.

SAMROM_SIPP_CALLS (100) and SAMROM_CROWD_SECONDS (20) make it the whole test: 500 and 60.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

import pytest

from tests.e2e.phones import OddPhone, drops, gets_sound, hears_just, log_is_json, nothing_left, wait_hears
from tests.e2e.raw import RawUdp, offer, same_transaction, within
from tests.peers.bridge import BridgeProcess, room
from tests.peers.sipp import Sipp
from tests.peers.sipphone import SipPhone
from tests.peers.siptext import SipText
from tools.load.crowd import Crowd, Task

pytestmark = pytest.mark.peers

CALLS = int(os.environ.get("SAMROM_SIPP_CALLS", "100"))
CROWD_SECONDS = float(os.environ.get("SAMROM_CROWD_SECONDS", "20"))
PIN = "246810"
ANNA_HZ, BERT_HZ, ODD_HZ = 400.0, 700.0, 1100.0


class Unacknowledged(threading.Thread):
    """Calls, never acknowledges the 200, and notes what comes for 35 s: begun first and asked last."""

    def __init__(self, bridge: BridgeProcess) -> None:
        super().__init__(daemon=True)
        self.udp = RawUdp(("127.0.0.1", bridge.sip_port))
        self.start()

    def run(self) -> None:
        with self.udp as udp:
            invite = udp.request("INVITE", "1003", offer(udp.host, 9))
            udp.send(invite.serialise())
            udp.listen(36, self.hung_up_on)
            for came in udp.log:
                if came.message.method == "BYE" and not came.message.status:
                    udp.send(reply(came.message, 200))

    def hung_up_on(self) -> bool:
        return any(not came.message.status for came in self.udp.log)


def reply(request: SipText, status: int) -> bytes:
    kept = [pair for pair in request.headers if pair[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    return SipText(f"SIP/2.0 {status} OK", tuple(kept)).serialise()


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    rooms = [
        room("1001", "open", tones=False),
        room("1002", "host-pin", host_pin=PIN, tones=False),
        room("1003", "open", tones=False),
        room("1004", "open", tones=False),
    ]
    # A busy test machine must not look like an overloaded bridge.
    calm = {"tick_late_ms": 1000, "loop_lag_ms": 10_000}
    with BridgeProcess(rooms, media_ports=1200, limits=calm) as running:
        yield running
        running.stop()
        assert not running.faults()
        log_is_json(running)


@pytest.fixture(scope="module")
def anna(bridge: BridgeProcess) -> Iterator[SipPhone]:
    """Stays in room 1004."""
    with SipPhone("anna", tone=ANNA_HZ) as phone:
        phone.call(bridge.uri("1004"))
        yield phone


@pytest.fixture(scope="module")
def unacknowledged(bridge: BridgeProcess) -> Unacknowledged:
    return Unacknowledged(bridge)


def test_every_call_completes_though_a_tenth_of_the_messages_is_lost(
    bridge: BridgeProcess, unacknowledged: Unacknowledged
) -> None:
    before = len(bridge.records())
    with Sipp(
        "plain", bridge.address, service="1001", calls=CALLS, per_second=20, lost_percent=10, hold_ms=2000,
        limit_seconds=CALLS // 20 + 90,
    ) as sipp:  # fmt: skip
        sipp.wait()
        assert sipp.ok, sipp.errors()
        figures = sipp.statistics()
    print({key: figures[key] for key in ("SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)")})
    assert figures["SuccessfulCall(C)"] == CALLS
    records = [each for each in bridge.wait_records(before + CALLS, 40) if each["room"] == "1001"]
    # One call each, whatever was sent twice: SIPp's lost BYEs included.
    assert len(records) == CALLS
    assert {each["reason"] for each in records} == {"normal"}


def test_a_hundred_at_once_in_one_room_get_all_their_packets(bridge: BridgeProcess) -> None:
    task = Task(
        bridge.uri("1001"), calls=100, talkers=3, seconds=CROWD_SECONDS, per_second=50, server=bridge.pid
    )
    outcome = Crowd(task).run()
    reception = outcome.reception
    print(
        f"cores {outcome.server_cores:.2f}, machine {outcome.machine_busy_cores:.2f}, set-up p50/p99"
        f" {outcome.setup_ms_p50:.0f}/{outcome.setup_ms_p99:.0f} ms, missing {reception.missing_percent:.2f} %,"
        f" worst call {reception.worst_missing_percent:.2f} %, gaps over 60 ms {reception.gaps},"
        f" jitter p50/p99 {reception.jitter_ms_p50:.2f}/{reception.jitter_ms_p99:.2f} ms"
    )
    assert (outcome.answered, outcome.hung_up_on, outcome.refused) == (100, 0, {})
    assert reception.worst_missing_percent <= 2
    assert reception.lost_percent <= 2


def test_a_late_offer(bridge: BridgeProcess, anna: SipPhone) -> None:
    with SipPhone("late", tone=ODD_HZ, codecs=("PCMA",)) as late:
        late.call(bridge.uri("1004"), offer=False)
        wait_hears(anna, ODD_HZ)
        wait_hears(late, ANNA_HZ)
        late.reinvite(offer=False)
        wait_hears(anna, ODD_HZ)
        wait_hears(late, ANNA_HZ)
        assert late.faults == []
    with Sipp("late-offer", bridge.address, service="1001", calls=5, hold_ms=500) as sipp:
        sipp.wait()
        assert sipp.ok, sipp.errors()


def test_hold_in_all_styles(bridge: BridgeProcess, anna: SipPhone) -> None:
    """Nothing is sent to who holds, he is not heard, and the others do not notice."""
    with SipPhone("bert", tone=BERT_HZ) as bert, SipPhone("odd", tone=ODD_HZ) as odd:
        bert.call(bridge.uri("1004"))
        odd.call(bridge.uri("1004"))
        wait_hears(anna, BERT_HZ, ODD_HZ)
        begin = anna.now
        styles = ("sendonly", None), ("inactive", None), ("sendrecv", "0.0.0.0"), ("sendonly", "0.0.0.0")
        for direction, where in styles:
            assert odd.reinvite(direction, where=where).status == 200
            assert odd.remote_sdp is not None
            assert odd.remote_sdp.direction in ("recvonly", "inactive")
            time.sleep(0.4)
            held = odd.now
            time.sleep(1.0)
            # Linux takes 0.0.0.0 for this machine: a packet sent there would come in here.
            assert odd.reception(held, held + 1.0).packets == 0
            hears_just(anna.heard(held, held + 1.0), BERT_HZ, who="anna")
            assert odd.reinvite().status == 200
            wait_hears(odd, ANNA_HZ, BERT_HZ)
            wait_hears(anna, BERT_HZ, ODD_HZ)
        for phone in (anna, bert):
            seconds = anna.now - begin
            whole = phone.reception(begin, begin + seconds)
            print(f"{phone.name}: longest gap {1000 * whole.longest_gap:.0f} ms in {seconds:.0f} s")
            assert whole.packets >= 0.98 * 50 * seconds - 1
            assert whole.missing == 0
        assert odd.faults == []


def test_sipp_holds_in_its_styles(bridge: BridgeProcess) -> None:
    with Sipp("hold", bridge.address, service="1001", calls=3, hold_ms=300) as sipp:
        sipp.wait()
        assert sipp.ok, sipp.errors()


def test_a_reinvite_changes_the_codec(bridge: BridgeProcess, anna: SipPhone) -> None:
    with OddPhone("odd", tone=ODD_HZ) as odd:
        odd.call(bridge.uri("1004"))
        for codec, number in (("PCMA", 8), ("PCMU", 0)):
            assert odd.change_codec(codec).status == 200
            start = odd.now + 0.1
            wait_hears(odd, ANNA_HZ)
            wait_hears(anna, ODD_HZ)
            newer = [packet for packet in odd.voice.packets if packet.arrival > start]
            assert {packet.payload_type for packet in newer} == {number}
            assert len({packet.ssrc for packet in odd.voice.packets}) == 1
        with Sipp("reinvite", bridge.address, service="1001", calls=3, hold_ms=300) as sipp:
            sipp.wait()
        # Five at once are more than four a second: 491 is right, and ends SIPp's scenario.
        assert all("491" in line for line in sipp.errors().splitlines() if "unexpected" in line), (
            sipp.errors()
        )
        gets_sound(anna, 0.5)


def test_a_pin_by_info(bridge: BridgeProcess) -> None:
    before = len(bridge.audit())
    with Sipp(
        "pin", bridge.address, service="1002", calls=3, per_second=20, keys=f"{PIN}#", hold_ms=1500
    ) as sipp:
        sipp.wait()
        assert sipp.ok, sipp.errors()
    verdicts = [line["outcome"] for line in bridge.audit()[before:] if line["event"] == "pin-verdict"]
    assert verdicts == ["host"] * 3


def test_packets_of_other_lengths(bridge: BridgeProcess, anna: SipPhone) -> None:
    """Asked for and sent: 10, 30 and 60 ms, all in one room."""
    tones = {10: 800.0, 30: 1300.0, 60: 1700.0}
    with contextlib.ExitStack() as stack:
        phones = {
            ms: stack.enter_context(OddPhone(f"phone{ms}", tone=hz, ptime_ms=ms)) for ms, hz in tones.items()
        }
        for phone in phones.values():
            phone.call(bridge.uri("1004"))
        wait_hears(anna, *tones.values())
        start = anna.now
        time.sleep(2.0)
        for ms, phone in phones.items():
            others = [hz for other, hz in tones.items() if other != ms]
            hears_just(phone.heard(start, start + 2.0), ANNA_HZ, *others, who=phone.name)
            assert phone.reception(start, start + 2.0).packets >= 0.98 * 2000 / ms - 1
            lengths = {len(each.payload) for each in phone.voice.packets if each.arrival > start}
            assert lengths == {8 * ms}


def test_a_call_that_is_given_up_leaves_nothing(bridge: BridgeProcess) -> None:
    """Who dialled many unknown numbers is answered late, and may give up before; so may anybody at any moment."""
    with RawUdp(("127.0.0.1", bridge.sip_port), "127.0.0.9") as udp:
        for number in range(20):
            invite = udp.request("INVITE", str(5000 + number), offer(udp.host, 9))
            refusal = udp.ask(invite)
            assert refusal.status == 404
            udp.send(same_transaction(invite, "ACK", refusal.get("To")).serialise())
        invite = udp.request("INVITE", "1001", offer(udp.host, 9))
        udp.send(invite.serialise())
        early = udp.listen(0.4)
        assert [came.message.status for came in early] == [100], "it is slowed down"
        udp.send(same_transaction(invite, "CANCEL").serialise())
        udp.listen(0.4)
        finals = {came.message.method: came.message for came in udp.log if came.message.status > 100
                  and came.message.get("Call-ID") == invite.get("Call-ID")}  # fmt: skip
        assert (finals["CANCEL"].status, finals["INVITE"].status) == (200, 487)
        udp.send(same_transaction(invite, "ACK", finals["INVITE"].get("To")).serialise())
        time.sleep(1.0)  # until its turn would have come

    with RawUdp(("127.0.0.1", bridge.sip_port)) as udp:
        for _ in range(20):
            invite = udp.request("INVITE", "1001", offer(udp.host, 9))
            udp.send(invite.serialise())
            udp.send(same_transaction(invite, "CANCEL").serialise())
            udp.listen(0.1)
            outcome = next(
                came.message
                for came in udp.log
                if came.message.method == "INVITE"
                and came.message.status >= 200
                and came.message.get("Call-ID") == invite.get("Call-ID")
            )
            if outcome.status == 200:
                udp.send(within(invite, outcome, "ACK", 1).serialise())
                udp.send(within(invite, outcome, "BYE", 2).serialise())
            else:
                assert outcome.status == 487
                udp.send(same_transaction(invite, "ACK", outcome.get("To")).serialise())
        udp.listen(0.3)


def test_a_call_that_is_never_acknowledged_ends(
    bridge: BridgeProcess, unacknowledged: Unacknowledged, anna: SipPhone
) -> None:
    anna.hang_up()
    unacknowledged.join(40)
    answers = [came.at for came in unacknowledged.udp.log if came.message.status == 200]
    byes = [came.at for came in unacknowledged.udp.log if not came.message.status]
    print(f"{len(answers)} answers, BYE after {byes[0] - answers[0]:.2f} s")
    assert len(answers) == 11
    assert byes[0] - answers[0] == pytest.approx(32, abs=1.5)
    nothing_left(bridge)
    record = next(each for each in bridge.records() if each["room"] == "1003")
    assert (record["reason"], record["answered"]) == ("signalling-lost", None)
    assert not [name for name in drops(bridge, "") if name.startswith("admission")]
