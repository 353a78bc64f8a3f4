"""The journal writes whole JSON lines, keeps them over a full disk, and never lets a field forge a line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bridge.journal import Journal


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_entry_is_one_line_whatever_it_holds(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit.jsonl", lambda _: None)
    hostile = 'x\r\n{"event":"forged"}\x1b[31m\udcff'
    journal.write({"event": "joined", "name": hostile})
    journal.write({"event": "left", "detail": "y" * 50_000})
    journal.close()
    first, second = lines(tmp_path / "audit.jsonl")
    assert first["event"] == "joined"
    assert second["event"] == "left" and second["cut"] is True


def test_a_full_disk_delays_lines_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    troubles: list[str] = []
    journal = Journal(tmp_path / "audit.jsonl", troubles.append)
    real_write = os.write

    def full(_: int, __: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    journal.write({"n": 1})
    journal.write({"n": 2})
    assert troubles
    monkeypatch.setattr(os, "write", real_write)
    journal.write({"n": 3})
    journal.close()
    assert [entry["n"] for entry in lines(tmp_path / "audit.jsonl")] == [1, 2, 3]
