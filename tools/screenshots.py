"""Takes pictures of every state of the page: as on a phone and as on a desktop, light and dark, into a folder.

    python -m tools.screenshots [--into out/screenshots]

It starts a bridge, the browser and some other people on loopback, as the tests do.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.states import ROOMS, walk
from tests.peers.background import Background
from tests.peers.bridge import CALM, BridgeProcess
from tests.peers.chromium import Chromium

SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
SETTLE_S = 0.3  # for what moves when a window changes its size


def take(into: Path) -> list[Path]:
    """Make the pictures, and return where they are."""
    into.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    with (
        Background() as background,
        BridgeProcess(ROOMS, limits=CALM) as bridge,
        Chromium(background) as chromium,
    ):
        for number, (name, tab) in enumerate(walk(bridge, background, chromium), 1):
            for device, (width, height) in SIZES.items():
                for theme in ("light", "dark"):
                    tab.appear(dark=theme == "dark", width=width, height=height)
                    time.sleep(SETTLE_S)
                    words = re.sub(r"[^a-z]+", "-", name)
                    made.append(into / f"{number:02}-{words}-{device}-{theme}.png")
                    tab.screenshot(made[-1])
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, take the pictures, tell where they are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, default=Path("out/screenshots"))
    into = parser.parse_args(arguments).into
    print(f"{len(take(into))} pictures in {into}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
