"""What a server costs: CPU time and memory of a process with all its descendants, from /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Cost(NamedTuple):
    """Of a process tree, until now: CPU seconds, resident memory [bytes], how many processes and threads."""

    cpu_seconds: float
    rss_bytes: int
    processes: int
    threads: int


class Footprint(NamedTuple):
    """What one process holds now: resident memory [bytes], open files, threads."""

    rss_bytes: int
    files: int
    threads: int


def tree(root: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def cost(root: int) -> Cost:
    """What the tree of `root` has cost so far; zeros when it is gone."""
    known = [fields for pid in tree(root) if (fields := _fields(pid))]
    return Cost(
        cpu_seconds=sum(int(fields[11]) + int(fields[12]) for fields in known) / _TICK,
        rss_bytes=sum(int(fields[21]) for fields in known) * _PAGE,
        processes=len(known),
        threads=sum(int(fields[17]) for fields in known),
    )


def footprint(pid: int) -> Footprint:
    """What a process holds now, to the page; raises OSError when it is gone or another user's."""
    held = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rss = next(line for line in held.splitlines() if line.startswith("Rss:"))
    folder = Path(f"/proc/{pid}")
    files, threads = len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir()))
    return Footprint(int(rss.split()[1]) * 1024, files, threads)


def is_running(pid: int, module: str) -> bool:
    """Whether a process is `python -m MODULE`; False when it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return module.encode() in words


def machine_busy_seconds() -> float:
    """CPU seconds that the whole machine has worked, so that a neighbour's work can be seen in a run."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, soft = (int(word) for word in words[:7])
    return (user + nice + system + irq + soft) / _TICK


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on, [] when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
