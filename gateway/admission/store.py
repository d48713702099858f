"""What admission must not forget when the process ends: tokens used up, usage, blocks, the switch.

A once-token is good for one call. So its use is on the disk before the call goes out: a gateway
that is killed in between refuses it afterwards. Where the use cannot be written the call is
refused: a full disk must not make each token good for ever.

SQLite, since it needs no server. One thread owns the connection and does all work in order; a write
waits for the disk, and the event loop must not. Without a database the same is kept in memory, and
is gone with the process.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gateway.admission.blocks import KINDS, Block, Stop
from gateway.admission.usage import DayUsage
from gateway.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    import sqlite3

KEPT = 3600.0
"""Seconds for which a used token is remembered after it has expired: for clocks that are set back,
and for the leeway with which tokens are accepted."""

LOCK_TIMEOUT = 2.0  # seconds to wait for another process that writes

_APPLICATION = 0x47574442  # "GWDB": whose file it is, in SQLite's header
_VERSION = 1
_SCHEMA = """
CREATE TABLE used_tokens (jti BLOB PRIMARY KEY, expires REAL) WITHOUT ROWID;
CREATE INDEX used_tokens_by_expiry ON used_tokens (expires);
CREATE TABLE day_usage (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    day TEXT NOT NULL, milliseconds INTEGER NOT NULL, spend TEXT NOT NULL
);
CREATE TABLE blocks (
    kind TEXT NOT NULL, value TEXT NOT NULL, why TEXT NOT NULL, set_by TEXT NOT NULL,
    at REAL NOT NULL, until REAL, PRIMARY KEY (kind, value)
);
CREATE TABLE stop (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    why TEXT NOT NULL, set_by TEXT NOT NULL, at REAL NOT NULL
);
"""
_TABLES = ("used_tokens", "day_usage", "blocks", "stop")
_URL = re.compile(r"sqlite:///(.+)", re.DOTALL)

T = TypeVar("T")


class Store(Protocol):
    """Where admission's memory is. Each method returns when its work is durable."""

    async def use_token(self, jti: str, expires: float | None) -> bool:
        """Mark a token as used, and return whether it was not before.

        Raises
        ------
        UnavailableError
            It cannot be remembered. The token must be refused.
        """

    async def usage(self) -> DayUsage | None:
        """Return the usage that was saved last."""

    async def save_usage(self, usage: DayUsage) -> None:
        """Save the day's usage in place of what was saved before."""

    async def blocks(self) -> list[Block]:
        """Return the blocks that have not ended, in the order in which they were set."""

    async def save_block(self, block: Block) -> None:
        """Add a block, in place of one with the same kind and value."""

    async def remove_block(self, block: Block) -> None:
        """Remove a block, if it is there."""

    async def switch(self) -> Stop | None:
        """Return why no new call is taken."""

    async def save_switch(self, switch: Stop | None) -> None:
        """Save why no new call is taken, None for nothing."""

    async def close(self) -> None:
        """Let go of the file; the second time does nothing."""


async def open_store(database: str, wall: Callable[[], float]) -> Store:
    """Return the store in a database: sqlite:///path, or "" for memory.

    Raises
    ------
    ConfigError
        The database is of another kind, or its file cannot be used; the message says why.
    """
    if database in ("", "sqlite:///:memory:"):
        return MemoryStore(wall)
    found = _URL.fullmatch(database)
    if found is None:
        scheme = database.partition(":")[0]  # what follows may hold a password
        raise ConfigError(
            f"records.admission_database is of the kind {scheme!r}: sqlite:/// and a path is "
            'needed, or "" for none'
        )
    return await SqliteStore.open(Path(found[1]), wall)


class MemoryStore:
    """Remembers as long as the process lives."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._used: dict[str, float | None] = {}
        self._sweep_at = 0
        self._usage: DayUsage | None = None
        self._blocks: dict[tuple[str, str], Block] = {}
        self._switch: Stop | None = None

    async def use_token(self, jti: str, expires: float | None) -> bool:
        if len(self._used) >= self._sweep_at:  # seldom, so that its cost is shared by many
            before = self._wall() - KEPT
            self._used = {j: e for j, e in self._used.items() if e is None or e > before}
            self._sweep_at = 2 * len(self._used) + 1000
        if jti in self._used:
            return False
        self._used[jti] = expires
        return True

    async def usage(self) -> DayUsage | None:
        return self._usage

    async def save_usage(self, usage: DayUsage) -> None:
        self._usage = usage

    async def blocks(self) -> list[Block]:
        now = self._wall()
        return [b for b in self._blocks.values() if b.until is None or b.until > now]

    async def save_block(self, block: Block) -> None:
        self._blocks[block.kind, block.value] = block

    async def remove_block(self, block: Block) -> None:
        self._blocks.pop((block.kind, block.value), None)

    async def switch(self) -> Stop | None:
        return self._switch

    async def save_switch(self, switch: Stop | None) -> None:
        self._switch = switch

    async def close(self) -> None:
        pass


class SqliteStore:
    """Remembers in a file. Gateways of one machine that share it share the used tokens."""

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        self._path = path
        self._wall = wall
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None

    @classmethod
    async def open(cls, path: Path, wall: Callable[[], float]) -> SqliteStore:
        """Open a file, or make it.

        Raises
        ------
        ConfigError
            It is damaged, locked, not writable, another program's, or of a newer version.
        """
        store = cls(path, wall)
        try:
            await store._run(store._open)
        except UnavailableError as error:
            await store.close()
            raise ConfigError(str(error)) from None
        except BaseException:
            await store.close()
            raise
        return store

    async def use_token(self, jti: str, expires: float | None) -> bool:
        key = jti.encode("utf-8", "surrogatepass")  # JSON may hold what is no text

        def work(connection: sqlite3.Connection) -> bool:
            self._forget_expired(connection)
            done = connection.execute(
                "INSERT OR IGNORE INTO used_tokens VALUES (?, ?)", (key, expires)
            )
            return done.rowcount == 1

        return await self._write(work)

    async def usage(self) -> DayUsage | None:
        rows = await self._read("SELECT day, milliseconds, spend FROM day_usage")
        return DayUsage(rows[0][0], rows[0][1], int(rows[0][2])) if rows else None

    async def save_usage(self, usage: DayUsage) -> None:
        # Text: a day's spend in sixtieths of a billionth may pass 64 bits
        row = (usage.day, usage.milliseconds, str(usage.spend))
        await self._execute("INSERT OR REPLACE INTO day_usage VALUES (1, ?, ?, ?)", row)

    async def blocks(self) -> list[Block]:
        rows = await self._read(
            "SELECT kind, value, why, set_by, at, until FROM blocks "
            "WHERE until IS NULL OR until > ? ORDER BY at, value",
            (self._wall(),),
        )
        return [Block(*row) for row in rows if row[0] in KINDS]

    async def save_block(self, block: Block) -> None:
        row = (block.kind, block.value, block.why, block.by, block.at, block.until)
        await self._execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?)", row)

    async def remove_block(self, block: Block) -> None:
        await self._execute(
            "DELETE FROM blocks WHERE kind = ? AND value = ?", (block.kind, block.value)
        )

    async def switch(self) -> Stop | None:
        rows = await self._read("SELECT why, set_by, at FROM stop")
        return Stop(*rows[0]) if rows else None

    async def save_switch(self, switch: Stop | None) -> None:
        if switch is None:
            await self._execute("DELETE FROM stop", ())
            return
        row = (switch.why, switch.by, switch.at)
        await self._execute("INSERT OR REPLACE INTO stop VALUES (1, ?, ?, ?)", row)

    async def close(self) -> None:
        with suppress(RuntimeError):  # closed before
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        import sqlite3  # 10 ms that only those pay who have a database

        with suppress(FileExistsError):
            # Before SQLite, which would let everybody read who is called from where
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=LOCK_TIMEOUT, isolation_level=None)
        self._connection = connection
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise UnavailableError(f"{self._path} is in a place where SQLite cannot work (no WAL)")
        # A commit is on the disk when it returns; NORMAL would lose the last ones with the power
        connection.execute("PRAGMA synchronous = FULL")
        self._transact(self._check_schema)
        for table in _TABLES:
            found = connection.execute(f"PRAGMA quick_check({table})").fetchone()[0]
            if found != "ok":
                raise UnavailableError(f"{self._path} is damaged: {found}")
        self._transact(self._forget_expired)

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        # Call records, which may have had this file to themselves until now, are no other program's
        tables = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE tbl_name NOT GLOB 'call_records*'"
        ).fetchone()[0]
        if not tables and not owner:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        elif owner != _APPLICATION:
            raise UnavailableError(f"{self._path} is another program's database")
        elif version > _VERSION:
            raise UnavailableError(
                f"{self._path} is of version {version}, made by a newer gateway: "
                f"this one knows versions up to {_VERSION}"
            )

    def _forget_expired(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM used_tokens WHERE expires <= ?", (self._wall() - KEPT,))

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise UnavailableError(f"{self._path} is closed")
        connection.execute("BEGIN IMMEDIATE")  # two gateways must not both find a token unused
        try:
            done = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite itself has gone back when the disk is full
                connection.execute("ROLLBACK")
            raise
        return done

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _execute(self, statement: str, row: tuple[Any, ...]) -> None:
        await self._write(lambda connection: connection.execute(statement, row))

    async def _read(self, statement: str, row: tuple[Any, ...] = ()) -> list[Any]:
        return await self._write(lambda connection: connection.execute(statement, row).fetchall())

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(lambda: self._transact(work))

    async def _run(self, work: Callable[[], T]) -> T:
        """Do work on the thread, and say in words what was wrong with the file."""

        def told() -> T:
            import sqlite3

            try:
                return work()
            except (sqlite3.Error, OSError, OverflowError) as error:
                raise UnavailableError(f"the database {self._path}: {_in_words(error)}") from error

        try:
            done = asyncio.get_running_loop().run_in_executor(self._thread, told)
        except RuntimeError:
            raise UnavailableError(f"the database {self._path} is closed") from None
        return await done


def _in_words(error: Exception) -> str:
    text = str(error)
    if "locked" in text:
        return f"another process has locked it for more than {LOCK_TIMEOUT:g} s"
    if "malformed" in text or "not a database" in text:
        return f"it is damaged ({text}); move it away to begin with an empty one"
    if isinstance(error, OSError):
        return error.strerror or text
    return text
