"""A key is told exactly once, whatever of its packets is lost, doubled or overtaken; and never faster than a hand."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.dtmf import DIGITS, DtmfReceiver, DtmfSender
from bridge.rtp.packet import RtpPacket, parse
from tests.rtp.playback import VECTORS, pcap, shared


def event(
    number: int, timestamp: int, duration: int = 160, end: bool = False, marker: bool = False
) -> RtpPacket:
    payload = struct.pack("!BBH", number, 0x8A if end else 0x0A, duration)
    return RtpPacket(101, marker, 0, timestamp, 1, payload, None)


def train(digit: str, timestamp: int, updates: int = 5) -> list[RtpPacket]:
    """What a good sender sends for one key."""
    number = DIGITS.index(digit)
    packets = [event(number, timestamp, 160 * (at + 1), marker=at == 0) for at in range(updates)]
    return packets + [event(number, timestamp, 160 * (updates + 1), end=True)] * 3


def told(receiver: DtmfReceiver, packets: Iterable[tuple[float, RtpPacket]], until: float = 1e3) -> str:
    """All digits told, with the deadline kept as a ticker of 20 ms would."""
    digits = []
    for now, packet in packets:
        if receiver.deadline is not None and receiver.deadline < now:
            digits.append(receiver.expire(receiver.deadline))
        digits.append(receiver.push(packet, now))
    if receiver.deadline is not None and receiver.deadline <= until:
        digits.append(receiver.expire(receiver.deadline))
    return "".join(digit for digit in digits if digit)


def timed(packets: list[RtpPacket], start: float = 10.0) -> list[tuple[float, RtpPacket]]:
    return [(start + 0.02 * at, packet) for at, packet in enumerate(packets)]


@pytest.mark.parametrize("digit", DIGITS)
def test_each_key_is_told_once(digit: str) -> None:
    assert told(DtmfReceiver(), timed(train(digit, 4_000))) == digit


def test_it_is_told_at_its_first_end_packet() -> None:
    receiver = DtmfReceiver()
    packets = train("5", 4_000)
    assert [receiver.push(packet, 10.0) for packet in packets] == [None] * 5 + ["5", None, None]
    assert receiver.deadline is None


def test_any_loss_of_packets_leaves_exactly_one() -> None:
    rng = random.Random(1)
    for _ in range(300):
        packets = [packet for packet in timed(train("7", 4_000)) if rng.random() < 0.6]
        if packets:
            assert told(DtmfReceiver(), packets) == "7"


def test_no_end_at_all_is_told_by_time() -> None:
    receiver = DtmfReceiver()
    for now, packet in timed(train("9", 4_000)[:5]):
        assert receiver.push(packet, now) is None
    assert receiver.deadline == pytest.approx(10.08 + 0.15)
    assert receiver.expire(10.1) is None
    assert receiver.expire(10.3) == "9"
    assert receiver.expire(10.4) is None
    assert receiver.push(train("9", 4_000)[-1], 10.5) is None


def test_the_next_key_ends_one_whose_end_was_lost() -> None:
    packets = timed(train("1", 4_000)[:3] + train("2", 5_600))
    assert told(DtmfReceiver(), packets) == "12"


def test_even_if_of_the_next_only_the_end_is_left() -> None:
    assert told(DtmfReceiver(), timed(train("1", 4_000)[:3] + train("2", 5_600)[-1:])) == "12"
    assert told(DtmfReceiver(), timed(train("1", 4_000)[:3] + train("2", 5_600)[-2:])) == "12"


def test_the_same_key_twice_is_two_digits() -> None:
    assert told(DtmfReceiver(), timed(train("1", 4_000) + train("1", 5_600))) == "11"


def test_packets_that_were_overtaken_tell_nothing_again() -> None:
    packets = train("1", 4_000) + train("2", 5_600)[:3] + train("1", 4_000)[-2:] + train("2", 5_600)[3:]
    assert told(DtmfReceiver(), timed(packets)) == "12"


def test_timestamps_wrap() -> None:
    assert told(DtmfReceiver(), timed(train("1", 0xFFFFFF00) + train("2", 1_000))) == "12"


def test_a_key_held_for_longer_than_the_field_can_say() -> None:
    """RFC 4733 section 2.5.1.3: it goes on in another segment, which is not another key."""
    first = [event(4, 1_000, 0xFFFF)]
    second = [event(4, 1_000 + 0xFFFF, 160), event(4, 1_000 + 0xFFFF, 320, end=True)]
    assert told(DtmfReceiver(), timed(first + second)) == "4"
    # Told by time in between, it stays told.
    late = [(10.0, first[0]), *timed(second, start=11.0)]
    assert told(DtmfReceiver(), late) == "4"


def test_events_that_are_no_keys() -> None:
    receiver = DtmfReceiver()
    assert told(receiver, timed([event(number, 4_000 + number, end=True) for number in range(16, 256)])) == ""
    assert receiver.refused == 0


def test_payloads_that_are_no_events() -> None:
    for payload in (b"", b"\x05\x0a\0", b"\x05\x0a\0\xa0\0"):
        with pytest.raises(ProtocolError) as fault:
            DtmfReceiver().push(event(5, 1)._replace(payload=payload), 1.0)
        assert fault.value.name == "dtmf-length"
    assert DtmfReceiver().push(event(5, 1, end=True)._replace(payload=b"\x05\x8a\0\xa0" * 2), 1.0) == "5"


def test_a_flood_is_held_to_ten_a_second() -> None:
    receiver = DtmfReceiver()
    flood = [(10.0 + at * 0.01, event(1, 80 * at, 80, end=True, marker=True)) for at in range(1_000)]
    digits = told(receiver, flood)
    assert 100 <= len(digits) <= 111
    assert receiver.refused == 1_000 - len(digits)


def test_a_quick_dialler_is_not_held_up() -> None:
    """A PIN and a room number at 80 ms a key."""
    number = "1001#123456#2002#"
    packets = [
        (10.0 + 0.08 * at + 0.02 * place, packet)
        for at, digit in enumerate(number)
        for place, packet in enumerate(train(digit, 640 * at, updates=2)[:4])
    ]
    assert told(DtmfReceiver(), packets) == number


def test_what_we_send_is_a_proper_train() -> None:
    sender = DtmfSender(101)
    assert not sender.active
    assert sender.press("#")
    assert sender.active
    packets = []
    timestamp = 777
    while (packet := sender.next(timestamp, 960)) is not None:
        packets.append(packet)
        timestamp += 160
    assert [marker for _, marker, _ in packets] == [True] + [False] * 6
    assert {at for _, _, at in packets} == {777}
    fields = [struct.unpack("!BBH", payload) for payload, _, _ in packets]
    assert [number for number, _, _ in fields] == [11] * 7
    assert [flags for _, flags, _ in fields] == [0x0A] * 4 + [0x8A] * 3
    assert [duration for _, _, duration in fields] == [160, 320, 480, 640, 800, 800, 800]
    assert not sender.active


def test_durations_are_told_in_the_clock_of_the_event() -> None:
    sender = DtmfSender(102, clock_rate=48_000)
    sender.press("1")
    first = sender.next(0, 960)
    assert first is not None
    assert struct.unpack("!BBH", first[0])[2] == 960


def test_what_we_send_we_understand() -> None:
    sender = DtmfSender(101)
    number = "0123456789*#abcd"
    assert all(sender.press(digit) for digit in number)
    receiver = DtmfReceiver()
    packets = []
    silent = 0
    for tick in range(400):
        made = sender.next(160 * tick, 960)
        if made is None:
            silent += 1
            continue
        payload, marker, timestamp = made
        packets.append((10 + tick * 0.02, RtpPacket(101, marker, tick, timestamp, 1, payload, None)))
    assert told(receiver, packets) == number.upper()
    assert silent > 5 * len(number) - 5


def test_what_is_no_key_is_not_sent_and_the_queue_is_bounded() -> None:
    sender = DtmfSender(101)
    assert not sender.press("")
    assert not sender.press("12")
    assert not sender.press("X")
    assert [sender.press("1") for _ in range(65)] == [True] * 64 + [False]


@shared
@pytest.mark.shared
class TestVectors:
    def packet(self, name: str) -> RtpPacket:
        return parse((VECTORS / "tevent" / f"tevent-{name}.rtp").read_bytes())

    def test_cut(self) -> None:
        with pytest.raises(ProtocolError):
            DtmfReceiver().push(self.packet("cut"), 1.0)

    def test_digit_flood(self) -> None:
        unit = self.packet("digit-flood-unit")
        flood = [(10 + at * 0.01, unit._replace(timestamp=at * 80, sequence=at)) for at in range(500)]
        assert 50 <= len(told(DtmfReceiver(), flood)) <= 61

    def test_duration_max(self) -> None:
        assert told(DtmfReceiver(), [(1.0, self.packet("duration-max"))]) == "7"

    def test_event_255(self) -> None:
        assert told(DtmfReceiver(), [(1.0, self.packet("event-255"))]) == ""

    def test_no_end(self) -> None:
        unit = self.packet("no-end-unit")
        for interval in (0.01, 0.02, 0.5):
            repeated = [(10 + at * interval, unit) for at in range(50)]
            assert told(DtmfReceiver(), repeated) == "5"

    def test_lost_end(self) -> None:
        packets = [(when, parse(data)) for when, _, data in pcap(VECTORS / "seq" / "seq-dtmf-lost-end.pcap")]
        events = [(when, packet) for when, packet in packets if packet.payload_type == 101]
        assert told(DtmfReceiver(), events) == "5"
