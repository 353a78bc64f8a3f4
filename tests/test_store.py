"""The store keeps PIN hashes and counters over a restart, sets a broken file aside instead of failing, and never takes
a file that is only locked, or too new, for a broken one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bridge.store import SeatRow, Store


def test_hashes_and_counters_outlive_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_pin_hash("1002", "host", "$argon2id$x")
    store.save_counters("guard", b"\x01\x02")
    store.close()
    store = Store(tmp_path)
    assert store.pin_hash("1002", "host") == "$argon2id$x"
    assert store.pin_hash("1002", "guest") is None
    assert store.counters("guard") == b"\x01\x02"
    assert store.counters("other") is None
    store.close()


def test_a_broken_file_is_set_aside(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_pin_hash("1002", "host", "$argon2id$x")
    store.close()
    (tmp_path / "samrom.sqlite3").write_bytes(b"not a database" * 400)
    store = Store(tmp_path)
    assert store.set_aside is not None
    assert store.set_aside.exists()
    assert store.pin_hash("1002", "host") is None
    store.close()


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    assert (tmp_path / "samrom.sqlite3").stat().st_mode & 0o077 == 0


def test_a_locked_file_is_not_set_aside(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save_pin_hash("1002", "host", "$argon2id$x")
    other = sqlite3.connect(tmp_path / "samrom.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not store.save_counters("guard", b"\x01"), "it says so, and the verdict goes on"
    other.execute("COMMIT")
    other.close()
    store.close()
    other = sqlite3.connect(tmp_path / "samrom.sqlite3", isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OSError, match="locked"):
        Store(tmp_path)
    other.close()
    store = Store(tmp_path)
    assert store.set_aside is None and store.pin_hash("1002", "host") == "$argon2id$x"
    store.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    other = sqlite3.connect(tmp_path / "samrom.sqlite3")
    other.execute("PRAGMA user_version = 1000")
    other.close()
    with pytest.raises(OSError, match="newer"):
        Store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["samrom.sqlite3"]


def test_a_file_of_the_version_before_keeps_its_seats(tmp_path: Path) -> None:
    before = sqlite3.connect(tmp_path / "samrom.sqlite3")
    before.executescript("""
        CREATE TABLE seat (key_hash TEXT PRIMARY KEY, leg TEXT NOT NULL UNIQUE, room TEXT NOT NULL, role TEXT NOT NULL,
            name TEXT NOT NULL, inside INTEGER NOT NULL, expires REAL);
        INSERT INTO seat VALUES ('k', 'leg', '1002', 'guest', 'Guest', 1, NULL);
        PRAGMA user_version = 2;
    """)
    before.close()
    store = Store(tmp_path)
    assert store.seat("k") == SeatRow("k", "leg", "1002", "guest", "Guest", True, None, False)
    store.save_seat(SeatRow("k", "leg", "1002", "guest", "Guest", True, None, True))
    store.close()
    store = Store(tmp_path)
    found = store.seat("k")
    assert found is not None and found.interpreter
    store.close()


def test_a_folder_that_cannot_be_used_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "samrom.sqlite3").mkdir()
    with pytest.raises(OSError, match="unable to open"):
        Store(tmp_path)
