"""The loss traces (R-01 to R-03): what is heard through them keeps within the figures of their manifest."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bridge.rtp.receive_stream import ReceiveStream
from bridge.rtp.units import UnitKind
from tests.rtp.playback import OPUS_WITH_FEC, VECTORS, Heard, play, shared, speech, trace


@dataclass
class Outcome:
    heard: Heard
    receiver: ReceiveStream
    sent: int
    added_ms: list[float]


def through(name: str, opus: bool, phase: float) -> Outcome:
    packets = (
        speech(6_000, payload_type=111, clock_rate=48_000, payload=OPUS_WITH_FEC) if opus else speech(6_000)
    )
    receiver = ReceiveStream({0: "PCMU", 111: "opus"}, 101)
    heard = play(trace(packets, VECTORS / "loss" / f"loss-{name}.csv"), receiver, phase)
    added = [(at - packets[index].when) * 1000 for index, at in heard.played.items()]
    return Outcome(heard, receiver, len(packets), added)


@shared
@pytest.mark.shared
@pytest.mark.parametrize("phase", [0.0, 0.007])
@pytest.mark.parametrize("opus", [True, False], ids=["opus", "g711"])
@pytest.mark.parametrize(
    ("name", "silence_ms", "concealed_ms"),
    [("random-01", 0, 40), ("random-05", 0, 40), ("burst-05", 120, 320), ("burst-10", 250, 320)],
)
def test_loss(name: str, opus: bool, phase: float, silence_ms: float, concealed_ms: float) -> None:
    came = through(name, opus, phase)
    assert came.heard.longest_ms(UnitKind.SILENCE) <= silence_ms
    assert came.heard.longest_ms(UnitKind.CONCEAL) <= concealed_ms
    # All that arrived is heard: loss alone costs nothing else, and hardly any delay.
    assert len(came.heard.played) == came.sent - came.receiver.lost
    assert max(came.added_ms) <= 41
    total = sum(came.heard.runs(UnitKind.SILENCE)) / (960 * came.sent)
    assert total <= 0.12
    if opus and name.startswith("random"):
        # Once losses are known to repeat, each single one is mended by FEC.
        later = came.heard.runs(UnitKind.CONCEAL, since=110.0)
        assert max(later, default=0) <= 960
        mended = came.receiver.buffer.counters.fec
        assert mended >= 0.85 * 960 * came.receiver.lost


@shared
@pytest.mark.shared
@pytest.mark.parametrize("phase", [0.0, 0.01])
@pytest.mark.parametrize("opus", [True, False], ids=["opus", "g711"])
def test_jitter(opus: bool, phase: float) -> None:
    came = through("jitter-30", opus, phase)
    late = came.receiver.buffer.counters.late + came.heard.drops["rtp-late"]
    assert late <= 0.01 * came.sent
    assert len(came.heard.played) + late == came.sent
    assert max(came.added_ms) <= 180.1
