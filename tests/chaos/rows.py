"""Where the rows of calls go: a file that can be locked, or a server that can be away."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.postgres import Postgres

_CAUSES = "SELECT cause, code, count(*) FROM call_records GROUP BY cause, code"
# Nothing is deleted, and nothing is changed: so the place of a row says when it came
_IN_ORDER = "SELECT to_number, cause FROM call_records ORDER BY ctid"


class Rows(Protocol):
    """A database of records."""

    @property
    def url(self) -> str:
        """What the gateway's configuration calls it."""
        ...

    def recorded(self) -> Counter[str]:
        """Count the rows of calls, by how they have ended."""
        ...

    def mend(self) -> None:
        """Undo every fault there may be."""
        ...


class FileRows:
    """A file of SQLite, beside the gateway's other ones."""

    url = "sqlite:///gateway.db"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "gateway.db"
        self._lock: sqlite3.Connection | None = None

    def recorded(self) -> Counter[str]:
        with closing(sqlite3.connect(self._file)) as database:
            rows = database.execute(_CAUSES)
            return Counter({f"{cause}({code})": count for cause, code, count in rows})

    def hours_off(self) -> Counter[int]:
        """Count the rows by how many hours after now their calls began."""
        with closing(sqlite3.connect(self._file)) as database:
            rows = database.execute("SELECT started FROM call_records").fetchall()
        now = datetime.now(UTC).replace(tzinfo=None)
        times = [datetime.fromisoformat(started) for (started,) in rows]
        return Counter(round((each - now).total_seconds() / 3600) for each in times)

    def lock(self) -> None:
        self._lock = sqlite3.connect(self._file, isolation_level=None)
        self._lock.execute("BEGIN EXCLUSIVE")

    def unlock(self) -> None:
        assert self._lock is not None
        self._lock.close()

    def mend(self) -> None:
        if self._lock is not None:
            self._lock.close()


class ServerRows:
    """A PostgreSQL server."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.url = server.url()

    def recorded(self) -> Counter[str]:
        rows = [line.split("|") for line in self.server.query(_CAUSES)]
        return Counter({f"{cause}({code})": int(count) for cause, code, count in rows})

    def arrived(self) -> list[str]:
        """Return each row's number and cause, in the order in which they came."""
        return self.server.query(_IN_ORDER)

    def mend(self) -> None:
        self.server.go_on()
        if not self.server.running:
            self.server.start()
