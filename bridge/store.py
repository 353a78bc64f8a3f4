"""What must outlive a restart: hashes of generated PINs and the counters of wrong tries, in one SQLite file.

A file that is damaged is set aside under another name and a new one is begun; `set_aside` tells. Nothing opens by such
an accident: a PIN whose hash is lost is made anew, never dropped. A file that only cannot be had now (locked, no right
to it, made by a newer Samrom) is left alone, and the bridge does not start.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

VERSION = 1
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS pin (number TEXT, role TEXT, hash TEXT NOT NULL, PRIMARY KEY (number, role));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, state BLOB NOT NULL);
PRAGMA user_version = {VERSION};
"""


class Store:
    """The bridge's small database. Calls are short; they are made on the control loop.

    Raises OSError when the file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "samrom.sqlite3"
        self.set_aside: Path | None = None
        try:
            self._database = self._open()
        except sqlite3.OperationalError as fault:
            raise OSError(f"{self._path}: {fault}") from fault
        except sqlite3.DatabaseError:
            self.set_aside = self._path.with_suffix(f".broken-{os.getpid()}")
            self._path.replace(self.set_aside)
            for ending in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{self._path}{ending}")
            self._database = self._open()

    def pin_hash(self, number: str, role: str) -> str | None:
        """The stored hash of a room's generated PIN, or None."""
        row = self._database.execute(
            "SELECT hash FROM pin WHERE number = ? AND role = ?", (number, role)
        ).fetchone()
        return str(row[0]) if row else None

    def save_pin_hash(self, number: str, role: str, digest: str) -> None:
        """Keep the hash of a generated PIN; the PIN itself is never kept. Raises OSError if it cannot be kept."""
        try:
            with self._database:
                self._database.execute("INSERT OR REPLACE INTO pin VALUES (?, ?, ?)", (number, role, digest))
        except sqlite3.OperationalError as fault:
            raise OSError(f"{self._path}: {fault}") from fault

    def counters(self, name: str) -> bytes | None:
        """The saved state of a set of counters, or None."""
        row = self._database.execute("SELECT state FROM counters WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def save_counters(self, name: str, state: bytes) -> bool:
        """Keep the state of a set of counters; False if the file does not take it now."""
        try:
            with self._database:
                self._database.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, state))
        except sqlite3.OperationalError:
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _open(self) -> sqlite3.Connection:
        # A tenth of a second: a locked file (a copy being made) may delay one verdict, not stop the bridge.
        database = sqlite3.connect(self._path, timeout=0.1)
        with _closing_on_error(database):
            if database.execute("PRAGMA user_version").fetchone()[0] > VERSION:
                raise sqlite3.OperationalError("made by a newer Samrom")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            if database.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("quick_check failed")
            database.executescript(SCHEMA)
        os.chmod(self._path, 0o600)
        return database


@contextlib.contextmanager
def _closing_on_error(database: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError:
        database.close()
        raise
