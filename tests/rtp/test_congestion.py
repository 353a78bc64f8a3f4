"""Transport-wide feedback tells, number by number, which packets came and when, to a quarter of a millisecond."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rtp import rtcp
from bridge.rtp.congestion import MAX_SPAN, MAX_STATUSES, Arrivals
from bridge.rtp.rtcp_feedback import TransportWide


def read(packet: bytes | None) -> dict[int, float | None]:
    """An independent reading by the draft: number -> arrival [s, modulo the reference clock], None = not received."""
    assert packet is not None
    assert len(packet) % 4 == 0 and packet[:2] == b"\x8f\xcd"
    assert struct.unpack_from("!H", packet, 2)[0] == len(packet) // 4 - 1
    (told,) = rtcp.parse_compound(packet)
    assert isinstance(told, TransportWide)
    assert {(told.base + place & 0xFFFF): tick / 4_000 for place, tick in told.received} == {
        number: when for number, when in _statuses(packet).items() if when is not None
    }
    return _statuses(packet)


def _statuses(packet: bytes) -> dict[int, float | None]:
    base, count = struct.unpack_from("!HH", packet, 12)
    when = int.from_bytes(packet[16:19], "big") * 64_000  # microseconds
    statuses: list[int] = []
    at = 20
    while len(statuses) < count:
        chunk = struct.unpack_from("!H", packet, at)[0]
        at += 2
        bits = f"{chunk:016b}"
        if bits[0] == "0":
            statuses += [int(bits[1:3], 2)] * int(bits[3:], 2)
        elif bits[1] == "0":
            statuses += [int(bit) for bit in bits[2:]]
        else:
            statuses += [int(bits[place : place + 2], 2) for place in range(2, 16, 2)]
    found: dict[int, float | None] = {}
    for place, status in enumerate(statuses[:count]):
        number = (base + place) & 0xFFFF
        if status == 0:
            found[number] = None
            continue
        form = "!B" if status == 1 else "!h"
        when += struct.unpack_from(form, packet, at)[0] * 250
        at += struct.calcsize(form)
        found[number] = when / 1e6
    assert len(packet) - at < 4 and not any(packet[at:])
    return found


def test_nothing_came_nothing_is_said() -> None:
    assert Arrivals().feedback(1, 2) is None


def test_who_and_about_whom() -> None:
    arrivals = Arrivals()
    arrivals.note(7, 10.0)
    packet = arrivals.feedback(0x11111111, 0x22222222)
    (told,) = rtcp.parse_compound(packet or b"")
    assert told == TransportWide(0x11111111, 0x22222222, 7, 1, 0, ((0, 40_000),))
    assert arrivals.feedback(1, 2) is None


def test_gaps_order_and_the_wrap() -> None:
    arrivals = Arrivals()
    for number, when in ((0xFFFE, 5.0), (0, 5.02), (0xFFFF, 5.021), (5, 5.3)):
        arrivals.note(number, when)
    found = read(arrivals.feedback(1, 2))
    assert list(found) == [0xFFFE, 0xFFFF, 0, 1, 2, 3, 4, 5]
    assert [number for number, when in found.items() if when is None] == [1, 2, 3, 4]
    assert found[0xFFFF] == pytest.approx(5.021, abs=3e-4)
    assert found[5] == pytest.approx(5.3, abs=3e-4)


def test_a_late_packet_is_told_among_its_neighbours() -> None:
    arrivals = Arrivals()
    for number in (10, 11, 13):
        arrivals.note(number, 1.0 + number / 1000)
    assert read(arrivals.feedback(1, 2))[12] is None
    arrivals.note(12, 1.1)
    found = read(arrivals.feedback(1, 2))
    assert list(found) == [12, 13]
    assert found[12] == pytest.approx(1.1, abs=3e-4)
    assert found[13] == pytest.approx(1.013, abs=3e-4)


def test_feedbacks_are_counted() -> None:
    arrivals = Arrivals()
    counts = []
    for number in range(300):
        arrivals.note(number, number / 50)
        counts.append((arrivals.feedback(1, 2) or b"")[19])
    assert counts == [number & 0xFF for number in range(300)]


def test_a_long_pause_begins_a_feedback_of_its_own() -> None:
    arrivals = Arrivals()
    arrivals.note(1, 100.0)
    arrivals.note(2, 200.0)
    assert list(read(arrivals.feedback(1, 2))) == [1]
    assert list(read(arrivals.feedback(1, 2))) == [2]
    assert arrivals.feedback(1, 2) is None


def test_a_jump_begins_anew() -> None:
    arrivals = Arrivals()
    arrivals.note(1, 1.0)
    arrivals.note(1 + MAX_SPAN + 1, 1.1)
    assert list(read(arrivals.feedback(1, 2))) == [MAX_SPAN + 2]


def test_what_does_not_fit_comes_next_time() -> None:
    arrivals = Arrivals()
    for number in range(MAX_STATUSES + 100):
        arrivals.note(number, number / 1000)
    packet = arrivals.feedback(1, 2)
    assert packet is not None and len(packet) < 1_200
    assert len(read(packet)) == MAX_STATUSES
    assert list(read(arrivals.feedback(1, 2))) == list(range(MAX_STATUSES, MAX_STATUSES + 100))


def test_memory_is_bounded() -> None:
    arrivals = Arrivals()
    chance = random.Random(1)
    for turn in range(20_000):
        arrivals.note(chance.randrange(0x10000) if turn % 3 else turn & 0xFFFF, turn / 1000)
        assert len(arrivals._arrivals) <= 1_000


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    first=st.integers(0, 0xFFFF),
    steps=st.lists(st.tuples(st.integers(1, 30), st.floats(0, 0.2), st.booleans()), min_size=1, max_size=60),
)
def test_any_pattern_is_told_as_it_was(first: int, steps: list[tuple[int, float, bool]]) -> None:
    arrivals = Arrivals()
    wanted: dict[int, float] = {}
    told: dict[int, float] = {}
    number, when = first, 1000.0
    for step, pause, ask in steps:
        wanted[number & 0xFFFF] = when
        arrivals.note(number & 0xFFFF, when)
        if ask:
            told |= {key: value for key, value in read(arrivals.feedback(1, 2)).items() if value is not None}
        number, when = number + step, when + pause
    while (packet := arrivals.feedback(1, 2)) is not None:
        told |= {key: value for key, value in read(packet).items() if value is not None}
    assert told.keys() == wanted.keys()
    assert all(abs(told[key] - wanted[key]) < 5e-4 for key in told)
