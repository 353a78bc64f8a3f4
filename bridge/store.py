"""What must outlive a restart: hashes of generated PINs, counters of wrong tries, seats and locks, in one SQLite file.

A file that is damaged is set aside under another name and a new one is begun; `set_aside` tells. Nothing opens by such
an accident: a PIN whose hash is lost is made anew, never dropped. A file that only cannot be had now (locked, no right
to it, made by a newer Samrom) is left alone, and the bridge does not start.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VERSION = 3
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS pin (number TEXT, role TEXT, hash TEXT NOT NULL, PRIMARY KEY (number, role));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS seat (
    key_hash TEXT PRIMARY KEY, leg TEXT NOT NULL UNIQUE, room TEXT NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL,
    inside INTEGER NOT NULL, expires REAL, interpreter INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS run (room TEXT PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS mark (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), at REAL NOT NULL);
PRAGMA user_version = {VERSION};
"""


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A seat as it is kept. `expires`: wallclock [Unix seconds], None = while its leg is there."""

    key_hash: str
    leg: str
    room: str
    role: str
    name: str
    inside: bool
    expires: float | None
    interpreter: bool = False


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
        return self._write("INSERT OR REPLACE INTO counters VALUES (?, ?)", name, state)

    # -- seats and runs; each change says whether the file took it ------------------------------------------------

    def seat(self, key_hash: str) -> SeatRow | None:
        """The seat that this key opens."""
        query = "SELECT key_hash, leg, room, role, name, inside, expires, interpreter FROM seat WHERE key_hash = ?"
        row = self._database.execute(query, (key_hash,)).fetchone()
        if row is None:
            return None
        key, leg, room, role, name, inside, expires, interpreter = row
        return SeatRow(key, leg, room, role, name, bool(inside), expires, bool(interpreter))

    def seat_legs(self) -> set[str]:
        """The legs that have a seat."""
        return {str(leg) for (leg,) in self._database.execute("SELECT leg FROM seat")}

    def save_seat(self, row: SeatRow) -> bool:
        """Keep a seat; it takes the place of the one that its leg had before."""
        values = (
            row.key_hash, row.leg, row.room, row.role, row.name, row.inside, row.expires, row.interpreter
        )  # fmt: skip
        return self._write(
            "INSERT OR REPLACE INTO seat (key_hash, leg, room, role, name, inside, expires, interpreter)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *values,
        )

    def delete_seat(self, leg: str) -> bool:
        """Forget the seat of a leg."""
        return self._write("DELETE FROM seat WHERE leg = ?", leg)

    def delete_vacant_seats(self, room: str) -> bool:
        """Forget the seats in this room whose legs are not there."""
        return self._write("DELETE FROM seat WHERE room = ? AND expires IS NOT NULL", room)

    def vacate_seats(self, expires: float) -> bool:
        """No leg is there any more: all seats that are held expire then."""
        return self._write("UPDATE seat SET expires = ? WHERE expires IS NULL", expires)

    def expire_seats(self, now: float) -> bool:
        """Forget the seats whose time is over."""
        return self._write("DELETE FROM seat WHERE expires <= ?", now)

    def runs(self) -> dict[str, bytes]:
        """What was set in the runs that were on, by room."""
        return {str(room): bytes(state) for room, state in self._database.execute("SELECT * FROM run")}

    def save_run(self, room: str, state: bytes) -> bool:
        """Keep what is set in a run; it is on the disk when this returns, for a lock must outlive a power cut."""
        self._database.execute("PRAGMA synchronous = FULL")
        try:
            return self._write("INSERT OR REPLACE INTO run VALUES (?, ?)", room, state)
        finally:
            self._database.execute("PRAGMA synchronous = NORMAL")

    def delete_run(self, room: str) -> bool:
        """Forget what was set in a run."""
        return self._write("DELETE FROM run WHERE room = ?", room)

    def keeps(self) -> bool:
        """Whether there is a seat or a run at all."""
        query = "SELECT EXISTS (SELECT 1 FROM seat) OR EXISTS (SELECT 1 FROM run)"
        return bool(self._database.execute(query).fetchone()[0])

    def mark(self) -> float | None:
        """When the bridge was last known to live, wallclock [Unix seconds]."""
        row = self._database.execute("SELECT at FROM mark").fetchone()
        return float(row[0]) if row else None

    def save_mark(self, at: float) -> bool:
        """The bridge lives at this time."""
        return self._write("INSERT OR REPLACE INTO mark VALUES (1, ?)", at)

    def _write(self, statement: str, *values: str | bytes | float | None) -> bool:
        try:
            with self._database:
                self._database.execute(statement, values)
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
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise sqlite3.OperationalError("made by a newer Samrom")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            if database.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("quick_check failed")
            if version == 2:
                database.execute("ALTER TABLE seat ADD COLUMN interpreter INTEGER NOT NULL DEFAULT 0")
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
