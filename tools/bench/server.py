"""A bridge of its own for a measurement: a fresh child process on loopback, with open rooms and high limits."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOM = "100"
_PROJECT = Path(__file__).resolve().parents[2]
_CONFIG = """
[bridge]
state_folder = "{folder}/state"
language = "en"
[sip]
max_calls = 5000
rate_source_per_s = 100000
rate_source_burst = 100000
rate_prefix_per_s = 100000
rate_prefix_burst = 100000
rate_total_per_s = 100000
rate_total_burst = 100000
[[sip.listeners]]
protocol = "udp"
port = {sip}
[media]
port_low = {media}
port_high = {media_last}
[limits]
max_sessions = 5000
# The measurement shall see what happens under too much load, not the refusal of it.
tick_late_ms = 1000
loop_lag_ms = 10000
[web]
port = {web}
connections = 5000
connections_per_source = 5000
slow_per_source = 5000
[rtc]
port = {rtc}
[management]
port = {management}
"""
_ROOM = """
[[rooms]]
number = "{number}"
kind = "open"
limit = 300
tones = {tones}
layout = "{layout}"
"""
_MEDIA_PORTS = 2000


class Server:
    """A running bridge, as a context manager. `steady`: before the machine's other work (needs root).

    `rooms`: their numbers. `tones`: whether a tone says who comes and goes. `layout`: of their pictures.
    """

    def __init__(
        self,
        steady: bool = False,
        rooms: Sequence[str] = (ROOM,),
        tones: bool = False,
        layout: str = "1:7",
    ) -> None:
        self._steady = steady
        self._temporary = tempfile.TemporaryDirectory(prefix="bench")
        self._folder = Path(self._temporary.name)
        first = _free_ports(_MEDIA_PORTS + 4)
        self._sip, self._management, self._web = first, first + 1, first + 2
        config = _CONFIG.format(
            folder=self._folder,
            sip=self._sip,
            management=self._management,
            web=self._web,
            rtc=first + 3,
            media=first + 4,
            media_last=first + 3 + _MEDIA_PORTS,
        )
        config += "".join(
            _ROOM.format(number=number, tones=str(tones).lower(), layout=layout) for number in rooms
        )
        (self._folder / "bridge.toml").write_text(config)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "bridge", "run", "--config", str(self._folder / "bridge.toml")]
        if self._steady:
            command = ["nice", "-n", "-15", *command]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=_PROJECT, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                said = (self._folder / "log").read_text()[-2000:]
                self._end()
                raise RuntimeError(f"the bridge did not start: {said}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._management}/readyz", timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.HTTPError, OSError):
            return False

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._temporary.cleanup()

    @property
    def pid(self) -> int:
        """Of the control process; the media processes are its children."""
        return self._process.pid

    @property
    def uri(self) -> str:
        """The one room to call."""
        return self.uri_of(ROOM)

    @property
    def page(self) -> str:
        """The page of that room."""
        return f"http://127.0.0.1:{self._web}/{ROOM}"

    def uri_of(self, room: str) -> str:
        """A room to call."""
        return f"sip:{room}@127.0.0.1:{self._sip}"


def _free_ports(count: int) -> int:
    """The first of so many free ports in a row, well below those of outgoing sockets."""
    for _ in range(100):
        first = random.randrange(10_000, 32_000 - count, 2)
        if all(_is_free(port) for port in (first, first + 1, first + 2, first + count - 1)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
