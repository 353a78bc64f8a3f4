"""What is measured, and what was promised: the cases, and the targets with where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Figures = Mapping[str, Any]


class Kind(Enum):
    """What is looked at."""

    CROWD = auto()  # what a room full of people costs and how it sounds
    SETUP_RATE = auto()  # calls by SIP, as many as go
    JOINS = auto()  # how long a browser takes to the first sound
    PAGE = auto()  # the same with a real browser and the real page


@dataclass(frozen=True, slots=True)
class Case:
    """One run of the load tool, or of a browser, against a fresh bridge.

    `words`: its command line. `browsers`: it comes as browsers do, not by SIP. `seconds` None: as asked for. `layout`:
    of the room.
    """

    name: str
    words: tuple[str, ...] = ()
    seconds: float | None = None
    kind: Kind = Kind.CROWD
    browsers: bool = False
    layout: str = "1:7"


@dataclass(frozen=True, slots=True)
class Target:
    """At most (or, `least`, at least) `limit` for one figure of a case; `whose`: what the figure is a peer's of."""

    case: str
    figure: str
    limit: float
    whose: str
    least: bool = False

    def value(self, figures: Figures) -> float | None:
        """The figure, by its dotted path, or None when it was not measured."""
        found: Any = figures
        for part in self.figure.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return None if found is None else float(found)

    def reached(self, value: float) -> bool:
        """Whether the promise is kept."""
        return value >= self.limit if self.least else value <= self.limit


def _load(codec: str, calls: int, *more: str) -> tuple[str, ...]:
    return ("--codec", codec, "--calls", str(calls), *more)


def cases() -> Iterator[Case]:
    """All cases, the small ones first."""
    for codec, short in (("PCMU", "g711"), ("opus", "opus")):
        for calls in (25, 50, 100):
            yield Case(f"{short}-{calls}-all", _load(codec, calls))
            yield Case(f"{short}-{calls}-3", _load(codec, calls, "--talkers", "3"))
    yield Case("opus-100-3-dtx", _load("opus", 100, "--talkers", "3", "--silent", "dtx"))
    yield Case("g711-200-all", _load("PCMU", 200, "--per-second", "40"))
    yield Case("g711-200-3", _load("PCMU", 200, "--talkers", "3", "--per-second", "40"))
    yield Case("g711-100-minute", _load("PCMU", 100), seconds=60)
    yield Case("g711-100-delay", _load("PCMU", 100, "--talkers", "0", "--delay"), seconds=30)
    yield Case("opus-20-delay", _load("opus", 20, "--talkers", "0", "--delay"), seconds=30)
    for at_once in (1, 8, 32):
        words = ("--setup-rate", "--calls", "1000", "--at-once", str(at_once))
        yield Case(f"set-up-{at_once}", words, kind=Kind.SETUP_RATE)
    yield from _browsers()
    yield from _pictures()


def _browsers() -> Iterator[Case]:
    for calls in (25, 50, 100):
        yield Case(f"browsers-{calls}-all", _load("opus", calls), browsers=True)
        for silent in ("zero", "dtx"):
            words = _load("opus", calls, "--talkers", "3", "--silent", silent)
            yield Case(f"browsers-{calls}-3" + "-dtx" * (silent == "dtx"), words, browsers=True)
    words = _load("opus", 20, "--talkers", "0", "--delay")
    yield Case("browsers-20-delay", words, seconds=30, browsers=True)
    yield Case(
        "browsers-joins", ("--codec", "opus", "--calls", "50", "--joins"), kind=Kind.JOINS, browsers=True
    )
    yield Case("browsers-page", kind=Kind.PAGE, browsers=True)


def _pictures() -> Iterator[Case]:
    """All show something but the watchers: with 100 people four are on stage."""
    for codec, short in (("H264", "h264"), ("VP8", "vp8")):
        for height in ("360", "720"):
            for senders in (4, 9, 25):
                yield _video(f"video-{short}-{height}-{senders}", codec, height, senders, senders)
        yield _video(f"video-{short}-360-100", codec, "360", 4, 100)
    yield _video("video-browsers-360-100", "VP8", "360", 4, 100, browsers=True)


def _video(name: str, codec: str, height: str, senders: int, calls: int, browsers: bool = False) -> Case:
    layout = f"{senders}:0"
    words = _load("opus", calls, "--talkers", "3", "--video", codec, "--height", height, "--layout", layout)
    words = (*words, "--senders", str(senders), "--warmup", "6")
    return Case(name, words, layout=layout, browsers=browsers)


_CLEAN = tuple(
    Target(case, f"reception.{figure}_percent", 1.0, "clean")
    for case in ("opus-100-all", "g711-100-all", "g711-200-all", "g711-200-3", "browsers-100-all")
    for figure in ("missing", "late")
)
TARGETS = (
    Target("opus-100-all", "server_cores", 0.60, "no peer holds it"),
    Target("opus-100-3", "server_cores", 0.60, "no peer holds it"),
    Target("opus-100-3-dtx", "server_cores", 0.43, "Asterisk"),
    Target("g711-100-all", "server_cores", 0.45, "FreeSWITCH"),
    Target("g711-100-all", "server_cores", 0.26, "Janus"),
    Target("g711-100-all", "reception.jitter_ms_p99", 3.6, "FreeSWITCH"),
    *_CLEAN,
    Target("g711-100-delay", "delay_ms_p50", 23.0, "Asterisk"),
    Target("opus-20-delay", "delay_ms_p50", 36.0, "Asterisk"),
    Target("set-up-8", "per_second", 200.0, "calls a second", least=True),
    Target("opus-100-all", "server_rss_mb", 200.0, "megabytes"),
    Target("browsers-100-all", "server_cores", 0.45, "our own"),
    Target("browsers-100-3-dtx", "server_cores", 0.35, "our own"),
    *(
        Target(f"video-{codec}-360-{people}", "server_cores", limit, whose)
        for codec in ("h264", "vp8")
        for people, limit, whose in (
            (4, 0.5, "FreeSWITCH has 0.54"),
            (9, 0.75, "FreeSWITCH has 0.76"),
            (25, 1.0, "FreeSWITCH has 1.5"),
            (100, 1.1, "no peer holds it"),
        )
    ),
    *(
        Target(f"video-{codec}-360-{people}", "pictures.fps_p50", 24.5, "25 a second", least=True)
        for codec in ("h264", "vp8")
        for people in (4, 9, 25, 100)
    ),
    *(
        Target(f"video-{codec}-360-{people}", "reception.late_percent", 0.05, "as without pictures")
        for codec in ("h264", "vp8")
        for people in (4, 9, 25, 100)
    ),
)
