"""What is missing is asked for soon, again after a round trip, and not for ever."""

from __future__ import annotations

from bridge.rtp.missing import MissingPackets


def asked(missing: MissingPackets, times: list[float], round_trip_s: float = 0.08) -> list[tuple[int, ...]]:
    return [missing.due(now, round_trip_s) for now in times]


def test_what_is_overtaken_for_a_moment_is_not_asked_for() -> None:
    missing = MissingPackets()
    missing.miss(5, 7, 10.0)
    assert asked(missing, [10.0, 10.009]) == [(), ()]
    missing.found(5)
    assert missing.deadline == 10.01
    assert asked(missing, [10.011]) == [(6,)]


def test_again_after_a_round_trip_five_times() -> None:
    missing = MissingPackets()
    missing.miss(65_536 + 3, 65_536 + 4, 10.0)
    times = [10.01 + 0.01 * step for step in range(100)]
    told = [now for now, numbers in zip(times, asked(missing, times), strict=True) if numbers == (3,)]
    assert [round(now - 10.01, 2) for now in told] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert missing.deadline is None
    assert len(missing) == 1
    assert missing.since == 10.0


def test_not_more_than_fit_a_packet_at_once() -> None:
    missing = MissingPackets()
    missing.miss(0, 250, 10.0)
    found = asked(missing, [10.02, 10.02, 10.02, 10.02])
    assert [len(numbers) for numbers in found] == [100, 100, 50, 0]
    assert sorted(sum(found, ())) == list(range(250))


def test_nothing_before_a_number_is_wanted_any_more() -> None:
    missing = MissingPackets()
    missing.miss(1, 4, 10.0)
    missing.miss(8, 10, 10.5)
    missing.forget_before(8)
    assert (len(missing), missing.since) == (2, 10.5)
    missing.clear()
    assert (len(missing), missing.since, missing.deadline) == (0, None, None)
