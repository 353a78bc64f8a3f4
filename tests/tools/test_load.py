"""The load tool measures what is there: known losses, lateness and delays come out as the figures that they are."""

from __future__ import annotations

import os
import struct

import numpy as np
import pytest

from tests.tools.echo import Echo
from tools.load import measure, processes, speech
from tools.load.clips import VideoCodec, read_number, write_number
from tools.load.crowd import Crowd, Task
from tools.load.rate import setup_rate
from tools.load.speech import Codec

SECOND = 1_000_000_000


def _notes(arrivals_ms: list[float], numbers: list[int], ssrc: int = 7) -> bytes:
    """Notes of G.711 packets, as if received `arrivals_ms` after a fixed time."""
    notes = b""
    for at, number in zip(arrivals_ms, numbers, strict=True):
        header = struct.pack(
            "!BBHII", 0x80, 0, (65530 + number) % 65536, (2**32 - 320 + 160 * number) % 2**32, ssrc
        )
        notes += header + struct.pack("<qq", 100 + int(at // 1000), int(at % 1000 * 1e6))
    return notes


def _reception(notes: bytes, seconds: float) -> measure.Reception:
    (packets,) = measure.sources(notes)
    return measure.reception(packets, 8000, 100 * SECOND, int((100 + seconds) * SECOND))


def test_a_perfect_stream_has_no_faults_across_the_wrap() -> None:
    found = _reception(_notes([20.0 * n for n in range(100)], list(range(100))), 2)
    assert (found.received, found.lost, found.late, found.gaps) == (100, 0, 0, 0)
    assert found.steps.max() < 0.001


def test_loss_duplicates_and_lateness_are_counted_apart() -> None:
    numbers = [n for n in range(100) if n not in (10, 11, 50)]
    arrivals = [20.0 * n + (45.0 if n == 70 else 0.0) for n in numbers]
    found = _reception(_notes([*arrivals, 1990.0], [*numbers, 99]), 2)
    assert (found.received, found.lost, found.late, found.gaps) == (97, 3, 1, 1)
    crowd = measure.summary([found, found], 2)
    assert crowd.missing_percent == pytest.approx(3)
    assert crowd.lost_percent == pytest.approx(100 * 3 / 97)
    assert crowd.jitter_ms_p50 == pytest.approx(0, abs=0.001)
    assert crowd.jitter_ms_p999 == pytest.approx(45, abs=1)


def test_ticks_that_were_never_sent_are_missing_but_not_lost() -> None:
    found = _reception(_notes([20.0 * n + 200 * (n > 50) for n in range(90)], list(range(90))), 2)
    crowd = measure.summary([found], 2)
    assert crowd.lost_percent == 0
    assert crowd.missing_percent == pytest.approx(10)


def test_a_second_source_is_told_apart() -> None:
    both = _notes([0, 20], [1, 2]) + _notes([40, 60, 80], [1, 2, 3], ssrc=8)
    assert [len(source.arrival) for source in measure.sources(both)] == [2, 3]
    assert measure.sources(b"") == []


@pytest.mark.parametrize(
    ("codec", "least", "most"), [(Codec.PCMU, 10, 14), (Codec.PCMA, 10, 14), (Codec.OPUS, 10, 22)]
)
def test_a_beep_is_found_where_it_is(codec: Codec, least: float, most: float) -> None:
    payloads = list(speech.encode(speech.beep(), codec)) * 3
    (packets,) = measure.sources(_notes([20.0 * n + 12 for n in range(150)], list(range(150))))
    beeps = [100 * SECOND + n * SECOND for n in range(3)]
    delays = measure.delays_ms(packets, payloads, codec, beeps)
    assert len(delays) == 3
    assert all(least <= delay <= most for delay in delays)


def test_what_the_silent_send() -> None:
    (quiet,) = set(speech.encode(speech.silence(), Codec.PCMU))
    assert quiet in (b"\xff" * 160, b"\x7f" * 160)
    assert set(speech.encode(speech.silence(), Codec.PCMU, dtx=True)) == {b""}
    opus = speech.encode(speech.silence(4), Codec.OPUS, dtx=True)
    assert opus.count(b"") > 150
    assert 0 < len(max(opus, key=len)) < 100
    loud = speech.voice(3)
    assert len(loud) == speech.SPEECH_SECONDS * 48000
    assert 0.05 < float(np.sqrt(np.mean(loud**2))) < 0.2


def test_load_goes_nowhere_but_to_this_machine() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Task("sip:room@192.0.2.1:5060")
    with pytest.raises(ValueError, match="at most"):
        Task("sip:room@127.0.0.1:5060", calls=100_000)


def test_a_crowd_calls_talks_and_goes() -> None:
    with Echo(lose_every=10) as echo:
        task = Task(
            echo.uri,
            calls=6,
            seconds=0.6,
            warmup=0.5,
            per_second=100,
            delay=True,
            server=os.getpid(),
        )
        outcome = Crowd(task).run()
    assert (outcome.answered, echo.calls, outcome.hung_up_on, outcome.refused) == (6, 6, 0, {})
    assert outcome.reception.lost_percent == pytest.approx(11, abs=3)
    assert outcome.reception.jitter_ms_p50 < 10
    assert outcome.server_cores is not None
    assert outcome.server_cores > 0


@pytest.mark.parametrize("codec", VideoCodec)
def test_pictures_are_counted_and_their_delay_is_read(codec: VideoCodec) -> None:
    with Echo(lose_every=100) as echo:
        task = Task(
            echo.uri, calls=2, seconds=1.0, warmup=0.3, video=codec, height=180, layout="1:0", senders=1
        )
        found = Crowd(task).run().pictures
    assert found is not None
    assert found.fps_p50 == pytest.approx(12.5, abs=2)
    assert found.fps_least == 0
    with Echo() as echo:
        task = Task(echo.uri, calls=1, seconds=1.0, warmup=0.3, video=codec, height=180, layout="1:0")
        found = Crowd(task).run().pictures
    assert found is not None
    assert found.fps_least == pytest.approx(25, abs=3)
    assert found.height == 180
    assert found.read >= 20
    assert found.delay_ms_p50 is not None
    assert 0 < found.delay_ms_p50 < 20
    assert found.lost_percent == 0


def test_a_number_is_read_from_any_tile_and_from_nothing_else() -> None:
    picture = np.full((720, 1280), 90, np.uint8)
    write_number(picture[200:344, 300:556], 173)
    assert read_number(picture[200:344, 300:556]) == 173
    assert read_number(picture) is None
    assert read_number(picture[:144, :256]) is None


def test_keys_are_pressed_by_rfc_4733() -> None:
    with Echo() as echo:
        Crowd(Task(echo.uri, calls=2, seconds=1.0, warmup=1.0, keys="1#")).run()
        assert list(echo.keys.values()) == [14, 14]


def test_the_set_up_rate_is_counted() -> None:
    with Echo() as echo:
        rate = setup_rate(echo.uri, calls=40, at_once=4)
    assert (rate.calls, rate.failed, echo.calls) == (40, 0, 40)
    assert rate.per_second > 40


def test_a_process_tree_is_weighed() -> None:
    own = processes.cost(os.getpid())
    assert own.rss_bytes > 10_000_000
    assert own.cpu_seconds > 0
    assert own.processes >= 1
    assert processes.cost(2**22 + 1).processes == 0
