"""The file in which events wait, and those lie that could not be delivered (SQLite).

All of it blocks: it is used in one thread. A queue of files as the records have is not enough here:
events leave it in any order, since one call's do not wait for another's, and dead ones stay.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError
from gateway.webhooks.event import Event
from gateway.webhooks.schedule import LONGEST_WAIT

# Dead events are for a person to look at: 2 MB of them, and no more
MOST_DEAD = 1000
LOCK_TIMEOUT = 2.0  # seconds

_APPLICATION = 0x6777_6877  # "gwhw", in the file's header (sqlite.org/fileformat.html, 1.3.17)
_VERSION = 1
_SCHEMA = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    why TEXT NOT NULL DEFAULT '',
    died REAL
);
CREATE INDEX waiting ON events (key, seq) WHERE died IS NULL;
CREATE INDEX age ON events (at) WHERE died IS NULL;
CREATE INDEX dead ON events (died) WHERE died IS NOT NULL;
CREATE TABLE gone (url TEXT PRIMARY KEY)
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that may be sent now, and how often it has been."""

    event: Event
    attempts: int


@dataclass(frozen=True, slots=True)
class Dead:
    """An event that is not sent any more, why, and since when."""

    event: Event
    attempts: int
    why: str
    died: float


class Queue:
    """The file, of one gateway alone.

    Parameters
    ----------
    limit
        Events that may wait in it.

    Raises
    ------
    ConfigError
        The file cannot be used.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._limit = limit
        try:
            self._file = self._open(path)
        except (sqlite3.Error, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(f"webhooks.queue_file = '{path}': {why}") from None
        self._count_all()

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        with suppress(FileExistsError):
            # Before SQLite, which would let everybody read who is called
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        file = sqlite3.connect(
            path, timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            # Held from here on: a second gateway would send everything once more
            file.execute("PRAGMA locking_mode = EXCLUSIVE")
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = FULL")
            file.execute("BEGIN IMMEDIATE")
            owner, version = (
                file.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            )
            if not file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in _SCHEMA.split(";"):
                    file.execute(statement)
                file.execute(f"PRAGMA application_id = {_APPLICATION}")
                file.execute(f"PRAGMA user_version = {_VERSION}")
            elif (owner, version) != (_APPLICATION, _VERSION):
                raise sqlite3.DatabaseError("it is another program's, or of another version")
            file.execute("COMMIT")
        except BaseException:
            file.close()
            raise
        return file

    def _count_all(self) -> None:
        self.waiting = self._count("died IS NULL")
        self.dead_count = self._count("died IS NOT NULL")

    def _count(self, which: str) -> int:
        found: int = self._file.execute(f"SELECT count(*) FROM events WHERE {which}").fetchone()[0]
        return found

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield self._file
            self._file.execute("COMMIT")
        except BaseException:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise

    def add(self, events: Sequence[Event]) -> int:
        """Put events at the end; return for how many there was no room."""
        room = max(0, self._limit - self.waiting)
        with self._change() as file:
            done = file.executemany(
                "INSERT OR IGNORE INTO events (id, kind, key, at, body) VALUES (?, ?, ?, ?, ?)",
                [(each.id, each.kind, each.key, each.at, each.body) for each in events[:room]],
            )
        self.waiting += done.rowcount
        return len(events[room:])

    def ready(self, now: float, most: int, busy: Collection[str]) -> list[Waiting]:
        """Return events that may be sent: the first of each key that is not `busy`.

        One that would be due only after the longest wait is due: the clock has been put back.
        """
        rows = self._file.execute(
            # In the order of `seq`, so that a long queue is not read to its end
            "SELECT id, kind, key, at, body, attempts FROM events AS each NOT INDEXED "
            "WHERE died IS NULL AND key NOT IN (SELECT value FROM json_each(?)) "
            "AND (due <= ? OR due > ?) AND NOT EXISTS (SELECT 1 FROM events AS before "
            "WHERE before.died IS NULL AND before.key = each.key AND before.seq < each.seq) "
            "ORDER BY seq LIMIT ?",
            (json.dumps(list(busy)), now, now + 2 * LONGEST_WAIT, most),
        )
        return [Waiting(Event(*row[:5]), row[5]) for row in rows]

    def next_due(self) -> float | None:
        """Return when the next event is due; None where none waits."""
        row = self._file.execute(
            "SELECT min(due) FROM (SELECT min(seq), due FROM events "
            "WHERE died IS NULL GROUP BY key)"
        ).fetchone()
        due: float | None = row[0]
        return due

    def delivered(self, event: Event) -> None:
        """Forget an event that was taken."""
        with self._change() as file:
            found = file.execute(
                "DELETE FROM events WHERE id = ? RETURNING died IS NULL", (event.id,)
            ).fetchall()
        for (waited,) in found:  # one that took long may have been given up meanwhile
            if waited:
                self.waiting -= 1
            else:
                self.dead_count -= 1

    def failed(self, event: Event, why: str, due: float) -> None:
        """Keep an event for another attempt."""
        with self._change() as file:
            file.execute(
                "UPDATE events SET attempts = attempts + 1, due = ?, why = ? WHERE id = ?",
                (due, why, event.id),
            )

    def expire(self, before: float, now: float) -> int:
        """Send events no more that are older; return how many."""
        if not self._count_older(before):
            return 0
        with self._change() as file:
            done = file.execute(
                "UPDATE events SET died = ? WHERE died IS NULL AND at < ?", (now, before)
            )
            self._limit_dead(file)
        self._count_all()
        return done.rowcount

    def _count_older(self, before: float) -> int:
        found: int = self._file.execute(
            "SELECT count(*) FROM events WHERE died IS NULL AND at < ?", (before,)
        ).fetchone()[0]
        return found

    def shut(self, url: str, why: str, now: float) -> None:
        """Send nothing more: that URL wants no events."""
        with self._change() as file:
            file.execute("INSERT OR REPLACE INTO gone VALUES (?)", (url,))
            file.execute("UPDATE events SET died = ?, why = ? WHERE died IS NULL", (now, why))
            self._limit_dead(file)
        self._count_all()

    def is_shut(self, url: str) -> bool:
        """Whether that URL wants no events."""
        return bool(self._file.execute("SELECT 1 FROM gone WHERE url = ?", (url,)).fetchone())

    def dead(self, most: int) -> list[Dead]:
        """Return the events that are not sent any more, the latest first."""
        rows = self._file.execute(
            "SELECT id, kind, key, at, body, attempts, why, died FROM events "
            "WHERE died IS NOT NULL ORDER BY died DESC, seq DESC LIMIT ?",
            (most,),
        )
        return [Dead(Event(*row[:5]), *row[5:]) for row in rows]

    def revive(self, ids: Sequence[str] | None, now: float) -> int:
        """Send dead events again, all or these; return how many. Whoever was gone is asked again.

        They have all the time once more, hence `at`; what was sent says when it happened.
        """
        named = json.dumps(list(ids or ()))
        with self._change() as file:
            file.execute("DELETE FROM gone")
            done = file.execute(
                "UPDATE events SET died = NULL, due = 0, attempts = 0, at = ? "
                "WHERE died IS NOT NULL AND (? OR id IN (SELECT value FROM json_each(?)))",
                (now, ids is None, named),
            )
        self._count_all()
        return done.rowcount

    def forget(self) -> int:
        """Throw the dead events away; return how many there were."""
        with self._change() as file:
            done = file.execute("DELETE FROM events WHERE died IS NOT NULL")
        self._count_all()
        return done.rowcount

    @staticmethod
    def _limit_dead(file: sqlite3.Connection) -> None:
        file.execute(
            "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE died IS NOT NULL "
            "ORDER BY died DESC, seq DESC LIMIT -1 OFFSET ?)",
            (MOST_DEAD,),
        )

    def close(self) -> None:
        """Let go of the file; the second time does nothing."""
        self._file.close()
