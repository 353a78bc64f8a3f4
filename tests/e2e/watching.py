"""What many tests of pictures share: wait until somebody sees what he should, and lose packets as bad networks do."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mixer.layout import tiles
from tests.e2e.vectors import SHARED
from tests.peers.bridge import CALM, BridgeProcess
from tests.peers.camera import SMALL, Lose, Seen
from tests.peers.child import wait_until
from tests.peers.colours import Rgb, clean, middle, seats, shown

Look = Callable[[], Rgb]
"""Gives what somebody sees now."""

_FIRST: Final = -12  # niceness
SMALL_CANVAS: Final = {"height": 360}
"""Of `[video]`: what is looked at here is who stands where, and a test machine has better things to do."""


@contextlib.contextmanager
def bridge_with(rooms: Sequence[dict[str, Any]]) -> Iterator[BridgeProcess]:
    """A bridge whose pictures are small, and which takes a busy machine for no overload.

    Its video workers come before the machine's other work, where that is permitted. By themselves they come after it,
    and give way where time is short, so that people see themselves: that is not what is tested here.
    """
    over = threading.Event()

    def prefer(bridge: BridgeProcess) -> None:
        while not over.wait(0.3):
            for pid in bridge.video_pids():
                with contextlib.suppress(OSError):
                    for task in Path(f"/proc/{pid}/task").iterdir():
                        os.setpriority(os.PRIO_PROCESS, int(task.name), _FIRST)

    with BridgeProcess(rooms, limits=CALM, video=SMALL_CANVAS) as bridge:
        keeper = threading.Thread(target=prefer, args=(bridge,), daemon=True)
        keeper.start()
        try:
            yield bridge
        finally:
            over.set()
            keeper.join()


def wait_sees(look: Look, layout: str, wanted: Sequence[str], timeout: float = 30.0, who: str = "") -> None:
    """Wait until the tiles of that layout have these colours, in the order of seats, and no colour is anywhere else."""
    last: list[object] = []

    def right() -> bool:
        picture = look()
        last[:] = [seats(picture, layout, len(wanted)), shown(picture)]
        return last[0] == list(wanted) and shown(picture) == {each for each in wanted if each}

    wait_until(right, timeout, lambda: f"{who} sees {list(wanted)} in {layout}, but {last}")


def wait_sees_nobody(look: Look, timeout: float = 30.0, who: str = "") -> None:
    """Wait until no peer's colour is in the picture: a card."""
    wait_until(lambda: shown(look()) == set(), timeout, lambda: f"{who} sees nobody, but {shown(look())}")


def colours_seen(pictures: Iterable[Seen]) -> set[str]:
    """All colours that filled a part of any of these pictures."""
    return {colour for each in pictures for colour in shown(each.picture)}


def longest_gap(pictures: Sequence[Seen], start: float, end: float) -> float:
    """The longest time without a picture [s]."""
    times = [start, *(each.at for each in pictures if start <= each.at <= end), end]
    return max(later - earlier for earlier, later in itertools.pairwise(times))


def tile_of(picture: Rgb, layout: str, faces: int, seat: int) -> Rgb:
    """The middle of one tile."""
    height, width = picture.shape[:2]
    return middle(picture, tiles(layout, faces, height=height, width=width)[seat])


class Flips:
    """How a tile changed whose camera shows two colours in turn. `dirtiest`: how much of it had one of both, at the
    least [0 to 1]; `longest`: the longest time that it stood still [s]; `count`: how often it changed."""

    def __init__(
        self, seen: Sequence[Seen], layout: str, faces: int, seat: int, colours: tuple[str, str]
    ) -> None:
        self.dirtiest, self.longest, self.count = 1.0, 0.0, 0
        assert seen, "nothing was seen at all"
        changed, before = seen[0].at, ""
        for each in seen:
            assert each.picture.shape[:2] == SMALL[::-1]
            part = tile_of(each.picture, layout, faces, seat)
            shares = {colour: clean(part, colour) for colour in colours}
            colour = max(shares, key=lambda name: shares[name])
            self.dirtiest = min(self.dirtiest, shares[colour])
            if colour != before:
                self.longest = max(self.longest, each.at - changed)
                self.count += 1
                changed, before = each.at, colour
        self.longest = max(self.longest, seen[-1].at - changed)

    def __repr__(self) -> str:
        return (
            f"{self.count} changes, {self.longest:.2f} s the longest pause, {self.dirtiest:.2f} of one colour"
        )


def bursts(percent: int) -> Lose:
    """Loses that share of the packets in bursts: by the trace that lies beside the project, where it does."""
    lost = _trace(SHARED / "loss" / f"loss-burst-{percent:02}.csv") or _made(percent)
    return lambda number: lost[number % len(lost)]


def _trace(path: Path) -> list[bool]:
    if not path.exists():
        return []
    with path.open() as lines:
        return [row["drop"] == "1" for row in csv.DictReader(lines)]


def _made(percent: int) -> list[bool]:
    """Bursts of three or four on average (a chain of two states), the same in every run."""
    chance, lost, now = random.Random(percent), [], False
    leave = 1 / (3 if percent < 10 else 4)
    enter = leave * percent / (100 - percent)
    for _ in range(6000):
        now = chance.random() >= leave if now else chance.random() < enter
        lost.append(now)
    return lost


def for_a_while(seconds: float) -> float:
    """Let it happen for so long; returns when it began [monotonic seconds]."""
    start = time.monotonic()
    time.sleep(seconds)
    return start
