"""The figures: each has a name of its own under `samrom_`, media's are as new as can be, and none carries a person."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from bridge.media.contract import Figures
from bridge.metrics import DropCollector, MediaCollector, Metrics, VideoCollector
from bridge.video.contract import VideoFigures

PICTURES = VideoFigures(5, 6, 24.9, 100, 90, 120, 3, 18.5, 30.25, 0.5, 1, {"picture-bomb": 2})


def figures(**values: object) -> Figures:
    plain: dict[str, object] = dict.fromkeys(Figures.__struct_fields__, 0) | {"drops": {}} | values
    return Figures(**plain)  # type: ignore[arg-type]


def samples(metrics: Metrics) -> dict[str, float]:
    """'name{label=value}' -> value, as Prometheus reads it."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_all_names_begin_alike_and_say_what_they_are() -> None:
    metrics = Metrics()
    metrics.registry.register(MediaCollector(lambda: {0: figures()}, dict))
    metrics.registry.register(DropCollector(lambda: {"flood-source": 1}))
    metrics.registry.register(VideoCollector(lambda: {"1001": PICTURES}, lambda: {"closed": 1}, lambda: 0))
    families = list(text_string_to_metric_families(metrics.text().decode()))
    assert len({family.name for family in families}) == len(families) >= 40
    assert all(family.name.startswith("samrom_") and family.documentation for family in families)


def test_what_is_counted_shows() -> None:
    metrics = Metrics()
    metrics.calls.labels("normal").inc()
    metrics.calls_up.inc(3)
    metrics.drops.labels("unknown-room").inc(2)
    metrics.verdicts.labels("wrong").inc()
    metrics.loop_lag_seconds.observe(0.004)
    metrics.setup_seconds.observe(0.03)
    shown = samples(metrics)
    assert shown["samrom_calls_total{reason=normal}"] == 1
    assert shown["samrom_calls_up{}"] == 3
    assert shown["samrom_drops_total{name=unknown-room}"] == 2
    assert shown["samrom_pin_verdicts_total{outcome=wrong}"] == 1
    assert shown["samrom_loop_lag_seconds_bucket{le=0.005}"] == 1
    assert shown["samrom_loop_lag_seconds_bucket{le=0.002}"] == 0
    assert shown["samrom_setup_seconds_count{}"] == 1


def test_each_media_process_is_shown_as_it_is_now() -> None:
    now: dict[int, Figures] = {}
    restarts: dict[str, int] = {}
    metrics = Metrics()
    metrics.registry.register(MediaCollector(lambda: now, lambda: restarts))
    assert samples(metrics)["samrom_media_restarts_total{}"] == 0
    now |= {
        0: figures(legs=5, packets_received=100, tick_late_ms_p99=1.5, drops={"rtp-source": 4}),
        1: figures(legs=2, ticks_skipped=7),
    }
    shown = samples(metrics)
    assert shown["samrom_media_legs{process=0}"] == 5 and shown["samrom_media_legs{process=1}"] == 2
    assert shown["samrom_media_packets_received_total{process=0}"] == 100
    assert shown["samrom_media_ticks_skipped_total{process=1}"] == 7
    assert shown["samrom_media_tick_late_ms_p99{process=0}"] == 1.5
    assert shown["samrom_media_drops_total{name=rtp-source,process=0}"] == 4
    del now[0]
    restarts |= {"closed": 1, "not-answering": 2}
    shown = samples(metrics)
    assert "samrom_media_legs{process=0}" not in shown, "what has died has no figures"
    assert shown["samrom_media_restarts_total{}"] == 3


def test_what_transports_drop_shows_by_name() -> None:
    drops: Mapping[str, int] = {"flood-source": 3, "slow-reader": 1}
    metrics = Metrics()
    metrics.registry.register(DropCollector(lambda: drops))
    shown = samples(metrics)
    assert shown["samrom_transport_drops_total{name=flood-source}"] == 3
    assert shown["samrom_transport_drops_total{name=slow-reader}"] == 1


def test_two_bridges_in_one_process_do_not_mix() -> None:
    one, other = Metrics(), Metrics()
    one.calls_up.inc()
    assert samples(other)["samrom_calls_up{}"] == 0


def test_each_video_worker_is_shown_by_its_room() -> None:
    workers: dict[str, VideoFigures] = {}
    metrics = Metrics()
    metrics.registry.register(VideoCollector(lambda: workers, lambda: {"killed": 2, "moved": 1}, lambda: 4))
    shown = samples(metrics)
    assert shown["samrom_video_workers{}"] == 0 and shown["samrom_video_refused_total{}"] == 4
    assert shown["samrom_video_restarts_total{reason=killed}"] == 2
    workers["1001"] = PICTURES
    shown = samples(metrics)
    assert shown["samrom_video_workers{}"] == 1
    assert shown["samrom_video_fps{room=1001}"] == 24.9 and shown["samrom_video_shortness{room=1001}"] == 1
    assert shown["samrom_video_delay_ms_p50{room=1001}"] == 18.5
    assert shown["samrom_video_composed_total{room=1001}"] == 100
    assert shown["samrom_video_drops_total{name=picture-bomb,room=1001}"] == 2
