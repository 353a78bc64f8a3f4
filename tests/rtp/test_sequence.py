"""Numbers are extended over the wrap; duplicates, restarts, reordering and loss are told apart and counted."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.sequence import SequenceTracker


def refused(tracker: SequenceTracker, number: int) -> str:
    with pytest.raises(ProtocolError) as fault:
        tracker.extend(number)
    return fault.value.name


def test_the_wrap() -> None:
    tracker = SequenceTracker(65_534)
    assert [tracker.extend(number) for number in (65_535, 0, 1)] == [65_535, 65_536, 65_537]
    assert (tracker.expected, tracker.received, tracker.lost) == (4, 4, 0)
    assert tracker.highest_on_wire == 65_537


def test_reordering_over_the_wrap() -> None:
    tracker = SequenceTracker(65_534)
    assert tracker.extend(1) == 65_537
    assert tracker.extend(65_535) == 65_535
    assert tracker.extend(0) == 65_536
    assert tracker.misordered == 2
    assert tracker.lost == 0


def test_duplicates() -> None:
    tracker = SequenceTracker(10)
    tracker.extend(11)
    assert refused(tracker, 11) == "rtp-duplicate"
    assert refused(tracker, 10) == "rtp-duplicate"
    tracker.extend(111)
    assert refused(tracker, 11) == "rtp-duplicate"
    assert tracker.extend(12) == 12
    assert refused(tracker, 12) == "rtp-duplicate"
    assert tracker.duplicates == 4
    # Reports count them as received (RFC 3550 section 6.4.1); we do not.
    assert tracker.received == 8
    assert tracker.unique == 4


def test_a_number_far_off_is_dropped_unless_the_next_follows() -> None:
    tracker = SequenceTracker(1_000)
    assert refused(tracker, 30_000) == "rtp-sequence-jump"
    assert tracker.extend(1_001) == 1_001
    assert refused(tracker, 40_000) == "rtp-sequence-jump"
    extended = tracker.extend(40_001)
    assert extended & 0xFFFF == 40_001
    assert extended > 1_001
    assert (tracker.expected, tracker.received, tracker.lost) == (1, 1, 0)
    assert tracker.highest_on_wire == 40_001
    assert tracker.extend(40_002) == extended + 1


def test_a_restart_downwards_still_counts_upwards() -> None:
    tracker = SequenceTracker(60_000)
    refused(tracker, 5)
    assert tracker.extend(6) == 65_536 + 6
    assert tracker.highest_on_wire == 6


def test_one_packet_before_the_first() -> None:
    tracker = SequenceTracker(5)
    assert tracker.extend(4) == 4
    assert (tracker.expected, tracker.lost) == (2, 0)


def test_loss_in_all_and_since_the_last_report() -> None:
    tracker = SequenceTracker(0)
    for number in range(1, 100):
        if number % 4:
            tracker.extend(number)
    assert tracker.lost == 24
    assert tracker.fraction_lost() == (24 << 8) // 100
    for number in range(100, 200):
        tracker.extend(number)
    assert tracker.fraction_lost() == 0
    assert tracker.fraction_lost() == 0  # nothing new at all
    tracker.extend(399)
    assert tracker.fraction_lost() == (199 << 8) // 200


def test_duplicates_make_loss_negative_but_never_the_fraction() -> None:
    tracker = SequenceTracker(0)
    for _ in range(3):
        refused(tracker, 0)
    assert tracker.lost == -3
    assert tracker.fraction_lost() == 0


def test_numbers_of_a_pause_that_come_after_all() -> None:
    tracker = SequenceTracker(0)
    tracker.extend(51)
    tracker.paused += 50
    assert tracker.lost == 0
    for number in range(1, 51):
        tracker.extend(number)
    assert (tracker.paused, tracker.lost) == (0, 0)
