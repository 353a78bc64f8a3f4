"""Append-only files of JSON lines: the audit log and the call records.

A line is written before its effect is told to anybody. When the disk is full the lines wait in memory, up to
`SPOOL_BYTES`, and `on_trouble` is told; they are written, in order, as soon as the file takes them again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

SPOOL_BYTES: Final = 10 * 1024 * 1024
MAX_LINE_BYTES: Final = 8000


class Journal:
    """One file of JSON lines. `lost` counts lines that fitted neither the disk nor the spool."""

    def __init__(self, path: Path, on_trouble: Callable[[str], None]) -> None:
        self._path = path
        self._on_trouble = on_trouble
        self._encoder = msgspec.json.Encoder()
        self._file = self._open()
        # Bounded by SPOOL_BYTES: past that the newest line is lost, counted and reported.
        self._spool: deque[bytes] = deque()
        self._spooled_bytes = 0
        self.lost = 0

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one entry; values are plain JSON values. An entry over 8 kB is cut to its fixed fields."""
        line = self._encoder.encode({key: _clean(value) for key, value in entry.items()})
        if len(line) > MAX_LINE_BYTES:
            short = {key: _clean(value)[:200] for key, value in entry.items() if isinstance(value, str)}
            line = self._encoder.encode(dict(list(short.items())[:20]) | {"cut": True})
        self._append(line + b"\n")

    def close(self) -> None:
        """Write what still waits, as far as the disk takes it, and close the file."""
        self._drain()
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _append(self, line: bytes) -> None:
        if self._spool:
            self._drain()
        if not self._spool and self._put(line):
            return
        if self._spooled_bytes + len(line) > SPOOL_BYTES:
            self.lost += 1
            self._on_trouble("journal-line-lost")
            return
        self._spool.append(line)
        self._spooled_bytes += len(line)

    def _drain(self) -> None:
        while self._spool and self._put(self._spool[0]):
            self._spooled_bytes -= len(self._spool.popleft())

    def _put(self, line: bytes) -> bool:
        try:
            written = os.write(self._file, line)
        except OSError:
            self._on_trouble("journal-write-failed")
            return False
        if written < len(line):  # the disk filled up in the middle: end the torn line, keep the whole one
            self._spool.appendleft(line)
            self._spooled_bytes += len(line)
            self._on_trouble("journal-write-failed")
            return False
        return True


def _clean(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
