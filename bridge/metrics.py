"""What the bridge counts, for Prometheus. Names start with `samrom_`; nothing here carries a person's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bridge.media.contract import Figures
from bridge.video.contract import VideoFigures


@dataclass(frozen=True, slots=True)
class Metrics:
    """All counters and gauges of the control process, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    calls: Counter = field(init=False)
    calls_up: Gauge = field(init=False)
    conferences: Gauge = field(init=False)
    participants: Gauge = field(init=False)
    waiting: Gauge = field(init=False)
    drops: Counter = field(init=False)
    loop_lag_seconds: Histogram = field(init=False)
    setup_seconds: Histogram = field(init=False)
    verdicts: Counter = field(init=False)
    journal_troubles: Counter = field(init=False)
    faults: Counter = field(init=False)
    web_connections: Gauge = field(init=False)

    def __post_init__(self) -> None:
        def put(name: str, metric: Counter | Gauge | Histogram) -> None:
            object.__setattr__(self, name, metric)

        r = self.registry
        put("calls", Counter("samrom_calls", "Calls that ended, by reason", ["reason"], registry=r))
        put("calls_up", Gauge("samrom_calls_up", "Calls that are up now", registry=r))
        put("conferences", Gauge("samrom_conferences", "Conferences that live now", registry=r))
        put("participants", Gauge("samrom_participants", "People inside conferences now", registry=r))
        put("waiting", Gauge("samrom_waiting", "People who wait for a host or to be admitted", registry=r))
        put("drops", Counter("samrom_drops", "What was refused or dropped, by name", ["name"], registry=r))
        put(
            "loop_lag_seconds",
            Histogram(
                "samrom_loop_lag_seconds",
                "How late the control loop woke",
                buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
                registry=r,
            ),
        )
        put(
            "setup_seconds",
            Histogram(
                "samrom_setup_seconds",
                "From INVITE to our final answer",
                buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2),
                registry=r,
            ),
        )
        put("verdicts", Counter("samrom_pin_verdicts", "PIN verdicts", ["outcome"], registry=r))
        put(
            "journal_troubles",
            Counter("samrom_journal_troubles", "Audit or record lines in trouble", registry=r),
        )
        put("web_connections", Gauge("samrom_web_connections", "Connections of browsers now", registry=r))
        put("faults", Counter("samrom_faults", "Our own faults: exceptions nobody expected", registry=r))

    def text(self) -> bytes:
        """All of it in the Prometheus text format."""
        return generate_latest(self.registry)


class MediaCollector:
    """Shows the newest figures of each media process, as they are at the moment of asking.

    `restarts`: how many have died, by reason.
    """

    def __init__(
        self, figures: Callable[[], Mapping[int, Figures]], restarts: Callable[[], Mapping[str, int]]
    ) -> None:
        self._figures = figures
        self._restarts = restarts

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before the first process speaks."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One sample for each process and figure."""
        figures = dict(self._figures())
        yield CounterMetricFamily(
            "samrom_media_restarts", "Media processes that died", sum(self._restarts().values())
        )
        for name, text, counts in (
            ("packets_received", "RTP packets received", True),
            ("packets_sent", "RTP packets sent", True),
            ("ticks", "Ticks of the mixer", True),
            ("ticks_skipped", "Ticks skipped because they were late", True),
            ("decoded_frames", "Frames decoded", True),
            ("encoded_frames", "Frames encoded", True),
            ("pictures_in", "Encoded pictures given to video workers", True),
            ("pictures_out", "Encoded pictures sent, each to one leg", True),
            ("packets_resent", "Packets of pictures sent again on demand", True),
            ("legs", "Legs served", False),
            ("tick_late_ms_p50", "Lateness of ticks in the last second, median", False),
            ("tick_late_ms_p99", "Lateness of ticks in the last second, 99th percentile", False),
            ("tick_busy_ms_p50", "Work of a tick in the last second, median", False),
            ("tick_busy_ms_p99", "Work of a tick in the last second, 99th percentile", False),
        ):
            family = (CounterMetricFamily if counts else GaugeMetricFamily)(
                f"samrom_media_{name}", text, labels=["process"]
            )
            for process, values in figures.items():
                family.add_metric([str(process)], float(getattr(values, name)))
            yield family
        drops = CounterMetricFamily(
            "samrom_media_drops", "Packets dropped, by name", labels=["process", "name"]
        )
        for process, values in figures.items():
            for drop, count in values.drops.items():
                drops.add_metric([str(process), drop], count)
        yield drops


class VideoCollector:
    """Shows the newest figures of each video worker, by the number of its room.

    `restarts`: how many were lost, by reason; `refused`: how many conferences had to do without pictures.
    """

    def __init__(
        self,
        figures: Callable[[], Mapping[str, VideoFigures]],
        restarts: Callable[[], Mapping[str, int]],
        refused: Callable[[], int],
    ) -> None:
        self._figures = figures
        self._restarts = restarts
        self._refused = refused

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before the first worker speaks."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One sample for each room and figure."""
        figures = dict(self._figures())
        yield GaugeMetricFamily("samrom_video_workers", "Video workers that are up", len(figures))
        yield CounterMetricFamily(
            "samrom_video_refused", "Conferences without pictures for lack of workers", self._refused()
        )
        restarts = CounterMetricFamily(
            "samrom_video_restarts", "Video workers that were lost", labels=["reason"]
        )
        for reason, count in self._restarts().items():
            restarts.add_metric([reason], count)
        yield restarts
        for name, text, counts in (
            ("composed", "Pictures composed, each view counted once", True),
            ("decoded", "Pictures decoded", True),
            ("encoded", "Pictures encoded", True),
            ("ticks_skipped", "Ticks skipped because they were late", True),
            ("views", "Distinct pictures now", False),
            ("encoders", "Encoders now", False),
            ("fps", "Pictures composed in the last second, the least of all views", False),
            ("delay_ms_p50", "From a picture's coming to its leaving in a composed one, median", False),
            (
                "delay_ms_p99",
                "From a picture's coming to its leaving in a composed one, 99th percentile",
                False,
            ),
            ("busy", "Share of a tick that is worked", False),
            ("shortness", "0 all, 1 selves seen, 2 also 20 pictures a second, 3 also smaller ones", False),
        ):
            family = (CounterMetricFamily if counts else GaugeMetricFamily)(
                f"samrom_video_{name}", text, labels=["room"]
            )
            for room, values in figures.items():
                family.add_metric([room], float(getattr(values, name)))
            yield family
        drops = CounterMetricFamily(
            "samrom_video_drops", "What was dropped, by name", labels=["room", "name"]
        )
        for room, values in figures.items():
            for drop, count in values.drops.items():
                drops.add_metric([room, drop], count)
        yield drops


class DropCollector:
    """Shows what the SIP transports dropped, by name."""

    def __init__(self, drops: Callable[[], Mapping[str, int]]) -> None:
        self._drops = drops

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before the transports are up."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One sample for each name."""
        family = CounterMetricFamily(
            "samrom_transport_drops", "What SIP's transports dropped", labels=["name"]
        )
        for name, count in self._drops().items():
            family.add_metric([name], count)
        yield family
