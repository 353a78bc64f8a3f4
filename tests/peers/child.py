"""A program that a test starts: it has a log file, and it ends with the test, whatever happens."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

LOOPBACK = "127.0.0.1"
# Below the kernel's range for outgoing sockets, so that nobody is given one of ours between the choice and the bind.
_PORTS = range(10_000, 32_000, 2)
_given: set[int] = set()

Found = TypeVar("Found")


def free_port(count: int = 1) -> int:
    """An even port such that it and its `count` - 1 successors are free for UDP and TCP, and were not given before.

    When all were given once, they are given again: who had the first ones is long gone.
    """
    for _ in range(2):
        for start in random.sample(_PORTS, len(_PORTS)):
            wanted = range(start, start + count)
            if _given.isdisjoint(wanted) and all(_is_free(port) for port in wanted):
                _given.update(wanted)
                return start
        _given.clear()
    raise RuntimeError("no free port")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
    return True


def wait_until(check: Callable[[], Found], timeout: float, what: Callable[[], str]) -> Found:
    """Ask `check` every 20 ms until it gives something true, and return that.

    Raises TimeoutError with the words of `what()` after `timeout` seconds.
    """
    end = time.monotonic() + timeout
    while not (found := check()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout} s: {what()}")
        time.sleep(0.02)
    return found


class Folder:
    """A folder with a short name under the system's temporary folder (baresip cuts long paths), removed at the end."""

    def __init__(self, prefix: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Child:
    """A child process, as a context manager; its output goes to the file `log`.

    The kernel ends it when the thread that started it dies (PR_SET_PDEATHSIG), so start it from a thread that
    lives as long as the child is wanted: in a test, the main one.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        log: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._argv = [str(word) for word in argv]
        self._folder = folder
        self._environment = dict(environment) if environment is not None else None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *self._argv],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self._argv[0]} was not started")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    def text(self) -> str:
        """All that it has printed so far."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def tail(self, length: int = 2000) -> str:
        """The end of what it printed, for messages about failures."""
        return self.text()[-length:]

    def type(self, line: str) -> None:
        """Give it a line on its standard input."""
        stdin = self.process.stdin
        if stdin is None:
            raise RuntimeError("no standard input")
        stdin.write(line.encode() + b"\n")
        stdin.flush()

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """The exit code; raises subprocess.TimeoutExpired."""
        return self.process.wait(timeout)

    def wait_text(self, wanted: str, timeout: float, start: int = 0) -> None:
        """Wait until `wanted` stands in its output after the first `start` characters."""

        def check() -> bool:
            return wanted in self.text()[start:] or not self.alive

        wait_until(check, timeout, lambda: f"{wanted!r} from {self._argv[0]}: {self.tail()}")
        if wanted not in self.text()[start:]:
            raise RuntimeError(f"{self._argv[0]} ended with {self.exit_code}: {self.tail()}")

    def end(self, first: signal.Signals = signal.SIGTERM, grace: float = 3.0) -> int:
        """End this one process by its pid, politely and then not, and return its exit code."""
        process = self.process
        if process.poll() is None:
            process.send_signal(first)
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        if process.stdin is not None and not process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        return process.returncode


def environment_without(*names: str) -> dict[str, str]:
    """This process's environment less some variables."""
    return {key: value for key, value in os.environ.items() if key not in names}
