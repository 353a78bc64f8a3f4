"""The jitter buffer: what is in time is played in its tick, what is missing is rebuilt or concealed, and the delay
follows the network in whole frames."""

from __future__ import annotations

import random

import pytest

from bridge.rtp.jitter import MAX_CONCEAL, MAX_PACKETS, JitterBuffer
from bridge.rtp.receive_stream import ReceiveStream
from bridge.rtp.units import UnitKind
from tests.rtp.playback import (
    OPUS_WITH_FEC,
    OPUS_WITHOUT_FEC,
    SOUND,
    TICK,
    Arrival,
    Heard,
    impair,
    jittery,
    play,
    speech,
    ticking,
)

FORMATS = {0: "PCMU", 8: "PCMA", 9: "G722", 13: "CN", 111: "opus"}


def stream() -> ReceiveStream:
    return ReceiveStream(FORMATS, 101)


def opus(count: int, payload: bytes = OPUS_WITH_FEC, ms: int = 20) -> list[Arrival]:
    return speech(count, payload_type=111, clock_rate=48_000, payload=payload, ms=ms)


def added_ms(heard: Heard, sent: list[Arrival]) -> list[float]:
    """From being sent to being played, packet by packet [ms]."""
    times = {arrival.index: arrival.when for arrival in sent}
    return [(at - times[index]) * 1000 for index, at in sorted(heard.played.items())]


@pytest.mark.parametrize("phase", [0.0011, 0.005, 0.0125, 0.0199])
def test_a_packet_in_time_for_its_tick_is_played_in_it(phase: float) -> None:
    sent = speech(500)
    receiver = stream()
    heard = play(sent, receiver, phase)
    assert len(heard.played) == 500
    assert max(added_ms(heard, sent)) == pytest.approx(phase * 1000, abs=0.01)
    counters = receiver.buffer.counters
    assert (counters.late, counters.missed, counters.stretched, counters.shrunk) == (0, 0, 0, 0)
    assert heard.longest_ms(UnitKind.CONCEAL, UnitKind.SILENCE) == 0


@pytest.mark.parametrize("ms", [10, 20, 30, 40, 60])
@pytest.mark.parametrize("phase", [0.0015, 0.0085, 0.0135, 0.0185])
def test_every_packet_length(ms: int, phase: float) -> None:
    for sent in (
        speech(200, ms=ms),
        opus(200, bytes((9 << 3, 0xC0, 0)), 20) if ms == 20 else speech(9, ms=ms),
    ):
        receiver = stream()
        heard = play(sent, receiver, phase)
        assert len(heard.played) == len(sent)
        assert heard.count(UnitKind.STRETCH) == 0
        assert heard.longest_ms(UnitKind.CONCEAL, UnitKind.SILENCE) == 0
        # Whole ticks need only the wait for the tick; the others up to half a tick more.
        assert max(added_ms(heard, sent)) <= (20.5 if ms % 20 == 0 else 30.5)


def test_how_long_packets_are_dealt_out() -> None:
    def counts(ms: int) -> list[int]:
        heard = play(speech(20, ms=ms), stream(), 0.012)
        ticks = sorted({at for at, _ in heard.depths})[3:9]
        return [sum(at == tick and unit.kind in SOUND for at, unit in heard.units) for tick in ticks]

    assert counts(10) == [2] * 6
    assert sorted(counts(30)) == [0, 0, 1, 1, 1, 1]
    assert sorted(counts(40)) == [0, 0, 0, 1, 1, 1]
    assert sorted(counts(60)) == [0, 0, 0, 0, 1, 1]


def test_before_the_first_packet_there_is_silence() -> None:
    buffer = JitterBuffer()
    (unit,) = buffer.pop(5.0)
    assert unit == (UnitKind.SILENCE, -1, b"", 960)
    assert buffer.depth_ms == 0


def test_a_single_loss_is_concealed_without_delay() -> None:
    sent = opus(300)
    receiver = stream()
    heard = play(impair(sent, {}, [100]), receiver)
    assert heard.runs(UnitKind.CONCEAL) == [960]
    assert len(heard.played) == 299
    assert max(added_ms(heard, sent)) == pytest.approx(5, abs=0.1)
    assert receiver.buffer.counters.missed == 1


def test_repeated_losses_are_mended_by_fec_from_one_packet_more() -> None:
    sent = opus(1_000)
    lost = list(range(100, 1_000, 50))
    receiver = stream()
    heard = play(impair(sent, {}, lost), receiver)
    fec = [unit for _, unit in heard.units if unit.kind is UnitKind.FEC]
    assert len(fec) >= len(lost) - 2
    assert all(unit.samples == 960 and unit.payload == OPUS_WITH_FEC for unit in fec)
    assert max(added_ms(heard, sent)) == pytest.approx(25, abs=0.1)
    assert heard.longest_ms(UnitKind.CONCEAL) == 20
    # FEC of a packet comes right before the packet.
    kinds = [unit.kind for _, unit in heard.units]
    assert all(kinds[at + 1] is UnitKind.PACKET for at, kind in enumerate(kinds) if kind is UnitKind.FEC)


def test_the_packet_held_for_fec_is_given_back_when_losses_end() -> None:
    sent = opus(3_000)
    receiver = stream()
    heard = play(impair(sent, {}, range(100, 600, 50)), receiver)
    assert added_ms(heard, sent)[700] == pytest.approx(25, abs=0.1)
    assert added_ms(heard, sent)[-1] == pytest.approx(5, abs=0.1)
    assert receiver.buffer.counters.shrunk == 1


def test_without_fec_in_the_packets_nothing_is_held_for_it() -> None:
    sent = opus(1_000, OPUS_WITHOUT_FEC)
    heard = play(impair(sent, {}, range(100, 1_000, 50)), stream())
    assert heard.count(UnitKind.FEC) == 0
    assert max(added_ms(heard, sent)) == pytest.approx(5, abs=0.1)


def test_of_two_lost_the_first_is_concealed_and_the_second_mended() -> None:
    sent = opus(400)
    heard = play(impair(sent, {}, [100, 150, 300, 301]), stream())
    around = [unit.kind for at, unit in heard.units if 105.98 < at < 106.1]
    assert UnitKind.CONCEAL in around
    assert around[around.index(UnitKind.CONCEAL) + 1] is UnitKind.FEC


def test_a_packet_too_late_is_dropped_and_the_delay_stays() -> None:
    sent = speech(1_000)
    receiver = stream()
    heard = play(impair(sent, {500: 0.03}), receiver)
    assert 500 not in heard.played
    assert receiver.buffer.counters.late == 1
    assert max(added_ms(heard, sent)) == pytest.approx(5, abs=0.1)


def test_a_network_that_becomes_jittery_is_followed_and_left_again() -> None:
    sent = speech(4_000)
    rng = random.Random(3)
    receiver = stream()
    heard = play(impair(sent, {place: rng.uniform(0, 0.06) for place in range(1_000, 2_000)}), receiver)
    delays = added_ms(heard, sent)
    assert delays[900] == pytest.approx(5, abs=0.1)
    assert 55 <= max(delays) <= 85
    assert delays[-1] == pytest.approx(5, abs=0.1)
    assert receiver.buffer.counters.late <= 15


def test_slowest_path_that_is_still_followed() -> None:
    sent = speech(6_000)
    receiver = stream()
    heard = play(jittery(sent, 0.08, seed=9), receiver)
    assert max(added_ms(heard, sent)) <= 180.1


def test_reordered_neighbours_are_played_in_order() -> None:
    sent = speech(3_000)
    rng = random.Random(4)
    swapped = {place: 0.025 for place in range(3_000) if rng.random() < 0.05}
    receiver = stream()
    heard = play(impair(sent, swapped), receiver)
    order = list(heard.played)
    assert order == sorted(order)
    assert len(heard.played) >= 2_990
    assert max(added_ms(heard, sent)) <= 46


def test_a_stall_then_a_burst_leaves_no_delay_behind() -> None:
    for stall in (0.1, 0.3, 1.0):
        sent = speech(600)
        held = int(stall / TICK)
        receiver = stream()
        delays = {200 + place: (held - place) * TICK + place * 1e-4 for place in range(held)}
        heard = play(impair(sent, delays), receiver)
        assert max(added_ms(heard, sent)[150:]) < 30
        assert receiver.buffer.counters.late in (held - 1, held)
        assert heard.longest_ms(UnitKind.CONCEAL, UnitKind.SILENCE) <= stall * 1000


def test_jitter_stalls_reordering_and_duplicates_together() -> None:
    """R-03: late loss at most 1 %, delay at most 180 ms, and under 150 ms within 2 s of a stall."""
    sent = speech(6_000)
    rng = random.Random(5)
    delays = {place: rng.uniform(0, 0.03) for place in range(6_000)}
    for place in range(6_000):
        if rng.random() < 0.05:
            delays[place] += 0.025
    for stalled in (2_000, 4_000):
        for place in range(15):
            delays[stalled + place] = 0.3 - place * TICK + place * 1e-4
    packets = impair(sent, delays)
    packets += [arrival for arrival in packets if rng.random() < 0.02]
    receiver = stream()
    heard = play(packets, receiver)
    assert receiver.buffer.counters.late + heard.drops["rtp-late"] <= 60
    assert max(added_ms(heard, sent)) <= 180
    for stalled in (2_000, 4_000):
        back = 100 + stalled * TICK + 0.3 + 2
        assert max(depth for at, depth in heard.depths if back < at < back + 1) < 150


def test_a_slower_path_is_followed_within_half_a_second() -> None:
    sent = speech(1_000)
    receiver = stream()
    heard = play(impair(sent, dict.fromkeys(range(300, 1_000), 0.4)), receiver)
    assert len(heard.played) >= 1_000 - 25
    assert added_ms(heard, sent)[-1] == pytest.approx(405, abs=0.1)
    assert receiver.buffer.counters.resynced == 1


def test_a_faster_path_gives_its_delay_back() -> None:
    for before in (0.12, 0.4):
        sent = speech(1_500)
        heard = play(impair(sent, dict.fromkeys(range(300), before)), stream())
        assert added_ms(heard, sent)[-1] <= 30
        at = dict(zip(sorted(heard.played), added_ms(heard, sent), strict=True))
        assert at[950] <= 50


@pytest.mark.parametrize("sockets_first", [True, False])
def test_our_own_stall_of_five_seconds(sockets_first: bool) -> None:
    """What came in meanwhile is read in one go when we wake up; the delay is back within a second."""
    sent = speech(1_000)
    stall, wake = 104.0, 109.0
    arrivals = [
        Arrival(
            wake + (-0.001 if sockets_first else 0.0051) + arrival.index * 1e-6
            if stall < arrival.when < wake + 0.006
            else arrival.when,
            arrival.packet,
            arrival.index,
        )
        for arrival in sent
    ]
    receiver = stream()
    ticks = [at for at in ticking(100.005, 121) if not stall < at < wake]
    heard = play(arrivals, receiver, ticks=ticks)
    late = [delay for index, delay in zip(heard.played, added_ms(heard, sent), strict=True) if index > 500]
    assert max(late) < 50
    assert min(index for index in heard.played if index > 200) >= 450
    assert late[-1] < 30
    assert len(heard.played) >= 1_000 - 260


def test_a_backlog_after_a_restart_is_not_played_out() -> None:
    """One new packet, then 250 old ones in a row: they look like a restarted source, and come all at once."""
    sent = speech(1_000)
    packets = [
        Arrival(109.0051, arrival.packet, arrival.index) if 104 < arrival.when < 109 else arrival
        for arrival in sent
    ]
    receiver = stream()
    heard = play(packets, receiver)
    assert receiver.buffer.counters.overflowed
    assert max(depth for at, depth in heard.depths if at > 109.2) < 80


def test_ticks_left_out_are_not_made_up() -> None:
    sent = speech(500)
    receiver = stream()
    ticks = [at for count, at in enumerate(ticking(100.005, 111)) if count not in (100, 200, 201, 300)]
    heard = play(sent, receiver, ticks=ticks)
    assert len(heard.played) == 496
    assert max(added_ms(heard, sent)) == pytest.approx(5, abs=0.1)


def test_late_ticks_do_not_move_the_schedule() -> None:
    sent = speech(2_000)
    rng = random.Random(6)
    ticks = [at + rng.choice((0, 0, 0, 0.001, 0.003, 0.012)) for at in ticking(100.005, 141)]
    receiver = stream()
    heard = play(sent, receiver, ticks=ticks)
    assert len(heard.played) == 2_000
    assert receiver.buffer.counters.shrunk + receiver.buffer.counters.stretched == 0


def test_silence_takes_over_from_concealment() -> None:
    heard = play(speech(50), stream(), until=104.0)
    after = [unit for at, unit in heard.units if at > 101.0]
    concealed = sum(unit.samples for unit in after if unit.kind is UnitKind.CONCEAL)
    assert concealed == MAX_CONCEAL
    assert after[-1].kind is UnitKind.SILENCE
    assert after[-1].payload_type == 0
    kinds = [unit.kind for unit in after]
    assert kinds == sorted(kinds, key=[UnitKind.PACKET, UnitKind.CONCEAL, UnitKind.SILENCE].index)


def test_a_pause_that_is_announced_is_not_concealed() -> None:
    """Opus tells DTX by a packet of a byte or two, G.711 by comfort noise."""
    sent = opus(50)
    sent[-1] = Arrival(sent[-1].when, sent[-1].packet._replace(payload=bytes((9 << 3,))), 49)
    heard = play(sent, stream(), until=103.0)
    assert heard.count(UnitKind.CONCEAL) == 0

    noise = speech(51)
    noise[-1] = Arrival(noise[-1].when, noise[-1].packet._replace(payload_type=13, payload=b"\x40"), 50)
    heard = play(noise, stream(), until=103.0)
    assert heard.count(UnitKind.CONCEAL) == 0
    assert len(heard.played) == 50


def test_full_buffer_drops_the_oldest() -> None:
    receiver = stream()
    sent = speech(400, start=50.0)
    for arrival in sent:
        receiver.push(arrival.packet, arrival.when)
    assert receiver.buffer.counters.overflowed == 400 - MAX_PACKETS
    heard = play([Arrival(58.0, sent[-1].packet, 399)], receiver, until=59.0)
    assert heard.drops == {"rtp-duplicate": 1}
    # All but the newest are older than the delay wanted.
    assert receiver.buffer.counters.played == 1


def test_a_flood_at_ten_times_the_rate_is_bounded() -> None:
    packets = [
        Arrival(100 + index * 0.002, arrival.packet, index) for index, arrival in enumerate(speech(5_000))
    ]
    receiver = stream()
    heard = play(packets, receiver)
    assert max(depth for _, depth in heard.depths) < 15_000
    assert len(receiver.buffer._packets) <= MAX_PACKETS


def test_sound_keeps_running_whatever_comes() -> None:
    """Any packets at any time: each tick gets its 960 samples, and nothing is raised but by name."""
    rng = random.Random(7)
    receiver = stream()
    arrivals = []
    for index in range(5_000):
        base = speech(1, payload_type=rng.choice((0, 8, 111, 13, 101, 77)))[0].packet
        body = rng.choice((b"\xd5" * 160, b"\xd5" * 80, b"", OPUS_WITH_FEC, b"\xd5" * 480, b"\x40"))
        arrivals.append(
            Arrival(
                100 + rng.random() * 60,
                base._replace(
                    sequence=rng.choice((index, rng.randrange(65_536), index // 2)) & 0xFFFF,
                    timestamp=rng.choice((index * 160, rng.randrange(1 << 32))),
                    ssrc=rng.choice((1, 1, 1, 2)),
                    payload=bytes(bytearray(body)),
                ),
                index,
            )
        )
    heard = play(arrivals, receiver, until=165.0)
    assert sum(unit.samples for _, unit in heard.units) >= 960 * len(heard.depths)
