"""From the click on "Join" to the first sound, in a real browser at the real page."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tests.peers.background import Background
from tests.peers.chromium import EXECUTABLE, Chromium
from tests.peers.room_page import RoomPage
from tools.bench.cases import Figures

JOINS = 10
_PROJECT = Path(__file__).resolve().parents[2]
_READY = "[...document.querySelectorAll('button')].some(each => each.checkVisibility() && !each.disabled && "
_READY += "each.innerText.trim() === 'Join')"
# Milliseconds until the first packet was taken out to be played; -1 = never.
_CLICK = """async () => {
  const button = [...document.querySelectorAll("button")]
    .find((each) => each.checkVisibility() && each.innerText.trim() === "Join");
  const begun = performance.now();
  button.click();
  while (performance.now() - begun < 20000) {
    for (const connection of watched.connections)
      for (const receiver of connection.getReceivers())
        if (receiver.getSynchronizationSources().length) return performance.now() - begun;
    await new Promise((done) => setTimeout(done, 4));
  }
  return -1;
}"""


def installed() -> bool:
    """Whether there is a browser to measure with."""
    return Path(EXECUTABLE).exists()


def joins(page: str) -> Figures:
    """Join a room `JOINS` times, while somebody talks there; the first time, when all is cold, does not count."""
    with _talker(page), Background() as background, Chromium(background) as chromium:
        times = [_join(chromium, page) for _ in range(JOINS + 1)][1:]
    good = [time for time in times if time >= 0]
    return {
        "joins": len(good),
        "failed": len(times) - len(good),
        "sound_ms_p50": float(np.percentile(good or [0.0], 50)),
        "sound_ms_p95": float(np.percentile(good or [0.0], 95)),
    }


def _join(chromium: Chromium, page: str) -> float:
    place = urlsplit(page)
    tab = chromium.tab(page)
    try:
        person = RoomPage(tab, f"{place.scheme}://{place.netloc}")
        tab.write("Your name", "Load")
        tab.press("Continue")
        person.wait_view("check")
        tab.wait(_READY)
        found: Any = tab.evaluate(_CLICK)
        return float(found)
    finally:
        tab.close()


@contextlib.contextmanager
def _talker(page: str) -> Iterator[None]:
    """Somebody who talks in the room, all the time."""
    command = [
        sys.executable,
        "-m",
        "tools.load",
        page,
        "--codec",
        "opus",
        "--calls",
        "1",
        "--seconds",
        "600",
    ]
    talker = subprocess.Popen(command, cwd=_PROJECT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        talker.terminate()
        talker.wait()
