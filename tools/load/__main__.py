"""The command line of the load tool."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from tools.load.clips import VideoCodec
from tools.load.crowd import Crowd, Task
from tools.load.joins import Doorway
from tools.load.rate import setup_rate
from tools.load.speech import Codec


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.load", description="Calls a room on this machine many times."
    )
    parser.add_argument(
        "uri", help="whom to call: sip:100@127.0.0.1:5060, or as browsers http://127.0.0.1:8080/100"
    )
    parser.add_argument("--codec", choices=[codec.sdp_name for codec in Codec], default="PCMU")
    parser.add_argument("--calls", type=int, default=10, help="how many")
    parser.add_argument("--talkers", type=int, help="the first so many talk, the others are silent (all)")
    parser.add_argument(
        "--silent", choices=["zero", "dtx", "none"], default="zero", help="what the silent send"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="how long it is measured")
    parser.add_argument("--warmup", type=float, default=3.0, help="seconds from the last answer on")
    parser.add_argument("--per-second", type=float, default=25.0, help="calls begun a second")
    parser.add_argument("--keys", default="", help="keys pressed after the answer")
    parser.add_argument("--delay", action="store_true", help="call 0 beeps, call 1 listens")
    codecs = [codec.sdp_name for codec in VideoCodec]
    parser.add_argument("--video", choices=codecs, help="with pictures, in that codec")
    parser.add_argument("--height", type=int, choices=[180, 360, 720], default=360, help="of what is shown")
    parser.add_argument(
        "--senders", type=int, help="the first so many show something, the others watch (all)"
    )
    parser.add_argument("--layout", default="4:0", help="that the room has: where the delay is read")
    parser.add_argument("--server", type=int, default=0, help="process to weigh, with its children")
    parser.add_argument(
        "--setup-rate", action="store_true", help="set up and end calls by SIP as fast as it goes"
    )
    parser.add_argument("--joins", action="store_true", help="how long browsers take to join, one by one")
    parser.add_argument("--at-once", type=int, default=8, help="of those, so many at any time")
    parser.add_argument("--realtime", action="store_true", help="first in the kernel's order (as root)")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    return parser.parse_args()


def _flat(figures: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in figures.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def figures_of(outcome: Any) -> dict[str, Any]:
    """A result as plain values, for JSON; named tuples become objects too."""
    plain = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
    plain = {key: value._asdict() if hasattr(value, "_asdict") else value for key, value in plain.items()}
    rounded: dict[str, Any] = _rounded(plain)
    return rounded


def main() -> int:
    """Run what the command line says; exit code 1 when a call was refused or lost."""
    words = _arguments()
    if words.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    codec = next(codec for codec in Codec if codec.sdp_name == words.codec)
    figures: dict[str, Any]
    if words.joins:
        times = Doorway(words.uri, words.calls, codec).run()
        figures, good = figures_of(times), not times.failed
    elif words.setup_rate:
        rate = setup_rate(words.uri, words.calls, words.at_once, codec)
        figures, good = figures_of(rate), not rate.failed
    else:
        task = Task(
            uri=words.uri,
            codec=codec,
            calls=words.calls,
            talkers=words.talkers,
            silent=words.silent,
            seconds=words.seconds,
            warmup=words.warmup,
            per_second=words.per_second,
            keys=words.keys,
            delay=words.delay,
            server=words.server,
            video=next((codec for codec in VideoCodec if codec.sdp_name == words.video), None),
            height=words.height,
            senders=words.senders,
            layout=words.layout,
        )
        outcome = Crowd(task).run()
        figures, good = figures_of(outcome), outcome.answered == words.calls and not outcome.hung_up_on
    if not words.json:
        for key, value in _flat(figures):
            print(f"{key:38} {value}")
    print(json.dumps(figures))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
