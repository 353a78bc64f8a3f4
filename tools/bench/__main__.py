"""Runs the cases one after the other, each against a fresh bridge, and prints a table and how far the targets are."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.bench import page
from tools.bench.cases import TARGETS, Case, Figures, Kind, cases
from tools.bench.server import Server

_COLUMNS = (
    "case                cores  %each   miss%   late%  gaps  jitter p50/p99   delay p50/p99   MB"
    "  own late p99  busy"
)
_PROJECT = Path(__file__).resolve().parents[2]


def run(case: Case, seconds: float, steady: bool) -> Figures:
    """The figures of one case; raises RuntimeError when the load tool, or the browser, fails."""
    with Server(steady, layout=case.layout) as server:
        if case.kind is Kind.PAGE:
            return page.joins(server.page)
        uri = server.page if case.browsers else server.uri
        command = [sys.executable, "-m", "tools.load", uri, "--json", "--server", str(server.pid)]
        command += [
            *case.words,
            "--seconds",
            str(case.seconds or seconds),
            *(["--realtime"] if steady else []),
        ]
        done = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, timeout=300, check=False)
    try:
        figures: Figures = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"{case.name}: {done.stderr[-2000:]}") from None
    return figures


def row(case: Case, figures: Figures) -> str:
    """A line of the table."""
    if case.kind is Kind.SETUP_RATE:
        return (
            f"{case.name:18} {figures['per_second']:.0f} calls/s, {figures['failed']} failed, "
            f"set-up {figures['setup_ms_p50']:.1f}/{figures['setup_ms_p99']:.1f} ms p50/p99"
        )
    if case.kind in (Kind.JOINS, Kind.PAGE):
        steps = ", ".join(f"{name} {value:.0f}" for name, value in figures.get("steps_ms_p50", {}).items())
        return (
            f"{case.name:18} {figures['joins']} joins, {figures['failed']} failed, first sound after "
            f"{figures['sound_ms_p50']:.0f}/{figures['sound_ms_p95']:.0f} ms p50/p95{f' ({steps})' * bool(steps)}"
        )
    heard = figures["reception"]
    delay = "-" if figures["delay_ms_p50"] is None else _pair(figures, "delay_ms")
    return (
        f"{case.name:18} {figures['server_cores']:6.3f} {_each(figures):6.2f} "
        f"{heard['missing_percent']:7.2f} {heard['late_percent']:7.2f} "
        f"{heard['gaps']:5d}  {_pair(heard, 'jitter_ms'):>14}  {delay:>14} {figures['server_rss_mb']:4.0f}  "
        f"{figures['send_late_ms_p99']:9.1f} ms  {figures['machine_busy_cores']:.2f}{_seen(figures)}{_trouble(figures)}"
    )


def _seen(figures: Figures) -> str:
    """What is to be said of pictures, where there were any."""
    seen = figures.get("pictures")
    if seen is None:
        return ""
    delay = "-" if seen["delay_ms_p50"] is None else _pair(seen, "delay_ms")
    return (
        f"  | pictures: {seen['fps_p50']:.1f} fps (least {seen['fps_least']:.1f}) of {seen['height']} lines, "
        f"glass to glass {delay}, lost {seen['lost_percent']:.2f} %"
    )


def _pair(figures: Mapping[str, Any], name: str) -> str:
    return f"{figures[f'{name}_p50']:.1f}/{figures[f'{name}_p99']:.1f} ms"


def _each(figures: Figures) -> float:
    """Of one core, for one participant [percent]."""
    return float(100 * figures["server_cores"] / max(1, figures["answered"]))


def _trouble(figures: Figures) -> str:
    refused, lost = figures["refused"], figures["hung_up_on"]
    return f"  refused {refused}, hung up on {lost}" if refused or lost else ""


def targets(measured: Mapping[str, Figures]) -> list[str]:
    """A line for each target that was measured: figure, target, their ratio."""
    lines = []
    for target in TARGETS:
        figures = measured.get(target.case, {})
        value = target.value(figures)
        if value is None:
            continue
        sign, verdict = ">=" if target.least else "<=", "reached" if target.reached(value) else "NOT REACHED"
        if figures.get("refused") or figures.get("failed"):
            verdict = "not valid"  # fewer calls than the case is about
        lines.append(
            f"{target.case:18} {target.figure:26} {value:8.3f} {sign} {target.limit:<7g} "
            f"ratio {value / target.limit:5.2f}  {verdict:12} {target.whose}"
        )
    return lines


def chosen(pattern: str) -> list[Case]:
    """The cases of a name, of a pattern or of a family ("browsers"); what cannot be run here is told, and left out."""
    found = [
        case for case in cases() if fnmatch.fnmatch(case.name, pattern) or case.name.startswith(f"{pattern}-")
    ]
    if any(case.kind is Kind.PAGE for case in found) and not page.installed():
        print("left out: the page in a browser, Chromium is not installed")
        return [case for case in found if case.kind is not Kind.PAGE]
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="cases by name: 'opus-*', browsers")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured in each case (10)")
    parser.add_argument("--again", type=int, default=1, metavar="N", help="each case so many times")
    parser.add_argument("--steady", action="store_true", help="before the machine's other work (as root)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write all figures there, one JSON line a run"
    )
    words = parser.parse_args()
    measured: dict[str, Figures] = {}
    print(
        f"{os.cpu_count()} cores; cores are those of the bridge's whole process tree\n{_COLUMNS}", flush=True
    )
    for case in chosen(words.only):
        for _ in range(words.again):
            measured[case.name] = run(case, words.seconds, words.steady)
            print(row(case, measured[case.name]), flush=True)
            if words.out:
                with words.out.open("a") as file:
                    file.write(json.dumps({"case": case.name, **measured[case.name]}) + "\n")
    print("\nTargets")
    print("\n".join(targets(measured)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
