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
    hostile = 'x\r\n{"event":"forged"}\x1b[31m\x9b31m\u2028\udcff'
    journal.write({"event": "joined", "name": hostile})
    journal.write({"event": "left", "present": 3, "detail": "y" * 50_000})
    journal.write({f"field {number}": "\x00" * 9_000 for number in range(30)})
    journal.close()
    assert all(len(line) <= 8_000 for line in (tmp_path / "audit.jsonl").read_bytes().splitlines())
    first, second, third = lines(tmp_path / "audit.jsonl")
    assert first["event"] == "joined"
    assert second["event"] == "left" and second["present"] == 3 and second["cut"] is True
    assert third["cut"] is True


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


def test_a_disk_that_fills_up_within_a_line_tears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write, room = os.write, [7]

    def little(file: int, line: bytes) -> int:
        written = real_write(file, line[: room[0]])
        room[0] -= written
        return written

    journal = Journal(tmp_path / "audit.jsonl", lambda _: None)
    monkeypatch.setattr(os, "write", little)
    journal.write({"n": "one"})
    journal.write({"n": "two"})
    room[0] = 1_000
    journal.write({"n": "three"})
    journal.close()
    assert [entry["n"] for entry in lines(tmp_path / "audit.jsonl")] == ["one", "two", "three"]


def test_beyond_the_spool_the_newest_line_is_lost_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles: list[str] = []
    journal = Journal(tmp_path / "audit.jsonl", troubles.append)
    monkeypatch.setattr("bridge.journal.SPOOL_BYTES", 20)
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda *_: 0)
    for number in range(4):
        journal.write({"n": number})
    assert journal.lost == 2 and "journal-line-lost" in troubles
    monkeypatch.setattr(os, "write", real_write)
    journal.close()
    assert [entry["n"] for entry in lines(tmp_path / "audit.jsonl")] == [0, 1]


def test_a_line_torn_by_a_kill_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_text('{"n":1}\n{"n":')
    journal = Journal(tmp_path / "audit.jsonl", lambda _: None)
    journal.write({"n": 2})
    journal.close()
    assert (tmp_path / "audit.jsonl").read_text().splitlines()[-1] == '{"n":2}'


def test_a_closed_journal_writes_into_nothing(tmp_path: Path) -> None:
    troubles: list[str] = []
    journal = Journal(tmp_path / "audit.jsonl", troubles.append)
    journal.close()
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)
    journal.write({"n": 1})
    os.close(other)
    assert troubles and not (tmp_path / "other").read_bytes()
