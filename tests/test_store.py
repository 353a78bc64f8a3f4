"""The store keeps PIN hashes and counters over a restart, and sets a broken file aside instead of failing."""

from __future__ import annotations

from pathlib import Path

from bridge.store import Store


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
