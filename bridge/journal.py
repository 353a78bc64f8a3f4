"""Append-only files of JSON lines: the audit log and the call records.

A line is written before its effect is told to anybody. When the disk is full the lines wait in memory, up to
`SPOOL_BYTES`, and `on_trouble` is told; they are written, in order, as soon as the file takes them again.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from bridge.text import writable

SPOOL_BYTES: Final = 10 * 1024 * 1024
MAX_LINE_BYTES: Final = 8000
# What is left of a longer entry is shorter than MAX_LINE_BYTES, though JSON may need 6 bytes for a character.
MAX_CUT_FIELDS: Final = 20
MAX_CUT_CHARACTERS: Final = 50


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
        """Append one entry; values are plain JSON values. Of an entry over 8 kB only the beginnings of texts stay."""
        line = self._encoder.encode({key: writable(value) for key, value in entry.items()})
        if len(line) > MAX_LINE_BYTES:
            short = {
                key: writable(value)[:MAX_CUT_CHARACTERS] if isinstance(value, str) else value
                for key, value in list(entry.items())[:MAX_CUT_FIELDS]
                if isinstance(value, (str, int, float))
            }
            line = self._encoder.encode(short | {"cut": True})
        self._append(line + b"\n")

    def close(self) -> None:
        """Write what still waits, as far as the disk takes it, and close the file. What is written later is lost."""
        self._drain()
        os.close(self._file)
        self._file = -1  # the number may soon be another file's

    def _open(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            with contextlib.suppress(OSError):
                os.write(file, b"\n")  # the last one to write was killed in the middle of a line
        return file

    def _append(self, line: bytes) -> None:
        self._spool.append(line)
        self._spooled_bytes += len(line)
        self._drain()
        if self._spooled_bytes > SPOOL_BYTES:
            self._spooled_bytes -= len(self._spool.pop())
            self.lost += 1
            self._on_trouble("journal-line-lost")

    def _drain(self) -> None:
        while self._spool:
            line = self._spool[0]
            try:
                written = os.write(self._file, line)
            except OSError:
                written = 0
            self._spooled_bytes -= written
            if written < len(line):
                self._spool[0] = line[written:]  # the disk filled up in the middle: the rest comes later
                self._on_trouble("journal-write-failed")
                return
            self._spool.popleft()
