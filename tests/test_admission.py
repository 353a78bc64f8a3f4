"""Admission: standing calls come first; what stands against a new one has a name; the first mark that is hit counts."""

from __future__ import annotations

import pytest

from bridge.admission import MOST_SKIPPED, Admission, Load

ADMISSION = Admission(max_calls=400, tick_late_ms=15.0, loop_lag_ms=250.0)


@pytest.mark.parametrize(
    ("load", "refusal"),
    [
        (Load(), None),
        (Load(calls=399, tick_late_ms=15.0, ticks_skipped=MOST_SKIPPED, loop_lag_ms=250.0), None),
        (Load(calls=400), "calls"),
        (Load(tick_late_ms=15.1), "tick-late"),
        (Load(ticks_skipped=MOST_SKIPPED + 1), "tick-late"),
        (Load(loop_lag_ms=250.1), "loop-lag"),
        (Load(media_up=False), "media-down"),
        (Load(calls=400, media_up=False, loop_lag_ms=1000.0), "media-down"),
    ],
)
def test_the_marks(load: Load, refusal: str | None) -> None:
    assert ADMISSION.refusal(load, draining=False) == refusal


def test_while_draining_nothing_else_matters() -> None:
    assert ADMISSION.refusal(Load(), draining=True) == "draining"
    assert ADMISSION.refusal(Load(media_up=False), draining=True) == "draining"
