"""The load that is weighed at the door rises at once and fades within seconds: one stall refuses nobody for long."""

from __future__ import annotations

from bridge.admission import Admission
from bridge.load import CHECK_S, LoadWatch
from bridge.media.contract import Figures
from bridge.metrics import Metrics


def figures(skipped: int) -> Figures:
    return Figures(
        legs=1, packets_received=0, packets_sent=0, ticks=1000, ticks_skipped=skipped, tick_late_ms_p50=0.0,
        tick_late_ms_p99=0.0, tick_busy_ms_p50=1.0, tick_busy_ms_p99=1.0, decoded_frames=0, encoded_frames=0, drops={},
    )  # fmt: skip


def test_five_seconds_of_skipped_ticks_are_forgiven_within_three() -> None:
    shown = {0: figures(0)}
    watch = LoadWatch(Admission(10, 15.0, 250.0), lambda: shown, lambda: 0, Metrics())
    watch.look(0.0)
    assert watch.refusal() is None
    shown[0] = figures(250)
    watch.look(0.0)
    assert watch.refusal() == "tick-late"
    looks = 0
    while watch.refusal() is not None:
        watch.look(0.0)
        looks += 1
    assert looks * CHECK_S <= 3


def test_one_slow_moment_is_not_load_and_lasting_lag_is() -> None:
    watch = LoadWatch(Admission(10, 15.0, 250.0), lambda: {0: figures(0)}, lambda: 0, Metrics())
    watch.look(0.9)
    assert watch.refusal() is None
    for _ in range(8):
        watch.look(0.4)
    assert watch.refusal() == "loop-lag"


def test_without_media_and_while_draining_nobody_comes_in() -> None:
    watch = LoadWatch(Admission(10, 15.0, 250.0), dict, lambda: 0, Metrics())
    assert watch.refusal() == "media-down"
    watch.draining = True
    assert watch.refusal() == "draining"
