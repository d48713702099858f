"""The database of call records, by SQLAlchemy: SQLite in a file, or PostgreSQL.

Nothing else imports SQLAlchemy and Alembic, and this module is imported only where there is a
database: together they take a third of a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import (
    URL,
    Connection,
    Select,
    bindparam,
    event,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.errors import UnavailableError
from gateway.records.journal import Rated
from gateway.records.migrations import VERSION_TABLE
from gateway.records.row import Row
from gateway.records.search import Page, Search, page_of
from gateway.records.tables import call_records, row_from, values_of

logger = logging.getLogger(__name__)

# Seconds. Somebody at the API waits for a search; rows wait in their spool
CONNECT_TIMEOUT = 5.0
COMMAND_TIMEOUT = 10.0
CLOSE_TIMEOUT = 1.0  # for all goodbyes; what is behind a dead network does not hold up a stop
LOCK_TIMEOUT = 2.0  # for another process that writes into the file

# Any number will do that is ours alone: whoever migrates holds this lock of PostgreSQL's
_MIGRATION_LOCK = 0x6777_6361_6C6C

_WRITES = "gateway_writes"  # an execution option of ours


class Database:
    """Where records go in the end.

    Parameters
    ----------
    url
        `sqlite:///path` or `postgresql+asyncpg://…`.
    password
        In place of one in the URL.
    """

    def __init__(self, url: str, password: str | None = None) -> None:
        self._url = _driver_url(url, password)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _make_engine(self._url)
        dialect = sqlite if self._is_sqlite else postgresql
        # The first one counts: a row that was delivered before a crash may come a second time
        self._insert = dialect.insert(call_records).on_conflict_do_nothing(index_elements=["id"])
        self._migrated = False

    @property
    def name(self) -> str:
        """The database in words, without a password, and without a query, which may hold one."""
        url = self._url.set(query={})
        return url.render_as_string(hide_password=True).replace("+aiosqlite", "")

    async def insert(self, rows: Sequence[Row]) -> list[Row]:
        """Add rows that are not there yet, all at once; return those that can never be added.

        Raises
        ------
        UnavailableError
            The database is away; nothing may have been added.
        """
        try:
            await self._add(rows)
        except _RowError as error:
            if len(rows) == 1:
                logger.error("the record of %s cannot be kept: %s", rows[0].id, error)
                return list(rows)
            return [bad for row in rows for bad in await self.insert([row])]
        except _TROUBLE as error:
            self._migrated = False  # what comes back may be another one
            raise self._away(error) from error
        return []

    async def _add(self, rows: Sequence[Row]) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT + COMMAND_TIMEOUT):
            if not self._migrated:
                await self.migrate()
            async with self._writing() as connection:
                try:
                    await connection.execute(self._insert, [values_of(row) for row in rows])
                except (SQLAlchemyError, ValueError, OverflowError) as error:
                    if _is_of_a_row(error):
                        raise _RowError(in_words(error)) from error
                    raise

    async def rate(self, said: Sequence[Rated]) -> None:
        """Write what is said of calls into their rows, the last word last.

        Of a call without a row nothing is kept. Raises as `insert`.
        """
        values = [{"call": each.id, "score": each.score, "issue": each.issue} for each in said]
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT + COMMAND_TIMEOUT):
                if not self._migrated:
                    await self.migrate()
                async with self._writing() as connection:
                    await connection.execute(_RATE, values)
        except _TROUBLE as error:
            self._migrated = False
            raise self._away(error) from error

    async def migrate(self) -> None:
        """Bring the tables up to date. Of several gateways that do so at once, one does it.

        Raises
        ------
        UnavailableError
            The tables are of a newer gateway.
        """
        async with self._writing() as connection:
            if not self._is_sqlite:
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK}
                )
            await connection.run_sync(_upgrade)
        self._migrated = True

    async def examine(self) -> str | None:
        """Say why records could not be kept, changing nothing; None where they could.

        Raises
        ------
        UnavailableError
            The database is away.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT), self._engine.connect() as connection:
                return await connection.run_sync(_missing)
        except _TROUBLE as error:
            raise self._away(error) from error

    async def find(self, call_id: str) -> Row | None:
        """Return the record of a call; raises as `search`."""
        found = await self._read(select(call_records).where(call_records.c.id == call_id))
        return found[0] if found else None

    async def search(self, wanted: Search) -> Page:
        """Return a page of records.

        Raises
        ------
        UnavailableError
            The database is away.
        """
        return page_of(await self._read(statement_of(wanted)), wanted.limit)

    async def _read(self, statement: Select[Any]) -> list[Row]:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT + COMMAND_TIMEOUT):
                if not self._migrated:
                    await self.migrate()
                async with self._engine.connect() as connection:
                    found = await connection.execute(statement)
                    return [row_from(each) for each in found.mappings()]
        except _TROUBLE as error:
            raise self._away(error) from error

    def _writing(self) -> Any:
        return _Writing(self._engine)

    def _away(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"the database of records {self.name}: {in_words(error)}")

    async def close(self) -> None:
        """Let go of every connection; the second time does nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._engine.dispose()


_RATE = (
    update(call_records)
    .where(call_records.c.id == bindparam("call"))
    .values(feedback_score=bindparam("score"), feedback_issue=bindparam("issue"))
)


class _Writing:
    """A transaction that writes from its beginning on.

    SQLite would let one that has read first fail where another process has written meanwhile.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._begin = engine.execution_options(**{_WRITES: True}).begin()

    async def __aenter__(self) -> AsyncConnection:
        return await self._begin.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await self._begin.__aexit__(*error)


# Sockets raise theirs past SQLAlchemy while they connect, and so does asyncpg what it finds wrong
# with the URL and the certificates that it names: a ValueError
_TROUBLE = (SQLAlchemyError, OSError, TimeoutError, CommandError, ValueError)


class _RowError(Exception):
    """A row is what no database takes."""


def _is_of_a_row(error: Exception) -> bool:
    """Whether a row is what no database takes; all else is the database's trouble, and passes."""
    if isinstance(error, DataError | IntegrityError | ValueError | OverflowError):
        return True
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return True  # it has not even come to the database
    # asyncpg looks at values itself, and SQLAlchemy has no name for what it finds
    orig = getattr(error, "orig", None)
    state = getattr(orig, "sqlstate", None) or ""
    return isinstance(getattr(orig, "__cause__", None), ValueError) or state.startswith("22")


def statement_of(wanted: Search) -> Select[Any]:
    """Return the statement of a search, for one row more than a page has."""
    columns = call_records.c
    found = select(call_records)
    for column, value in (
        (columns.from_number, wanted.from_number),
        (columns.to_number, wanted.to_number),
    ):
        if value is not None and value.endswith("*"):
            found = found.where(column.startswith(value[:-1], autoescape=True))
        elif value is not None:
            found = found.where(column == value)
    for name in ("identity", "trunk", "cause", "direction"):
        value = getattr(wanted, name)
        if value is not None:
            found = found.where(columns[name] == value)
    if wanted.since is not None:
        found = found.where(columns.started >= wanted.since)
    if wanted.until is not None:
        found = found.where(columns.started < wanted.until)
    if wanted.after is not None:
        started, name = wanted.after
        found = found.where(
            (columns.started < started) | ((columns.started == started) & (columns.id < name))
        )
    return found.order_by(columns.started.desc(), columns.id.desc()).limit(wanted.limit + 1)


def in_words(error: Exception) -> str:
    """Say what is wrong with a database, in a line and without its parameters."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, CommandError):  # Alembic does not know the version that it finds
        return "its tables are of a newer gateway than this one"
    if isinstance(cause, TimeoutError):
        return "it does not answer in time"
    words = str(cause).strip().partition("\n")[0]
    # asyncpg's errors begin with their class, as SQLAlchemy passes them on
    return words.rpartition(">: ")[2] or type(cause).__name__


def head() -> str:
    """Return the version of the tables that this gateway knows."""
    return str(ScriptDirectory.from_config(_alembic()).get_current_head())


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _upgrade(connection: Connection, version: str = "head") -> None:
    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def _missing(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    version = context.get_current_revision()
    known = {each.revision for each in ScriptDirectory.from_config(_alembic()).walk_revisions()}
    if version is not None and version not in known:
        return "its tables are of a newer gateway than this one"
    if connection.dialect.name == "sqlite":  # who may write a file is asked of the file
        return None
    asked, why = _MAY_CREATE if version is None else _MAY_INSERT
    return None if connection.execute(text(asked)).scalar() else why


_MAY_CREATE = (
    "SELECT has_schema_privilege(current_schema(), 'CREATE')",
    "this user may not make tables there",
)
_MAY_INSERT = (
    "SELECT has_table_privilege('call_records', 'SELECT') AND "
    "has_table_privilege('call_records', 'INSERT') AND "
    "has_table_privilege('call_records', 'UPDATE')",
    "this user may not read and write call_records there",
)


def _driver_url(url: str, password: str | None) -> URL:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(drivername="sqlite+aiosqlite")
    query = dict(parsed.query)
    if "ssl" in query:  # SQLAlchemy's name for it
        query["sslmode"] = query.pop("ssl")
    parsed = parsed.set(drivername="postgresql+asyncpg", query=query)
    return parsed if password is None else parsed.set(password=password)


def _make_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return create_async_engine(
            url,
            # One for the rows, the others for whoever asks the API
            pool_size=2,
            max_overflow=2,
            pool_timeout=CONNECT_TIMEOUT,
            pool_pre_ping=True,
            hide_parameters=True,  # numbers and addresses of callers have no place in a log
            async_creator=partial(_connect, url.set(drivername="postgresql")),
        )
    engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_TIMEOUT})
    event.listen(engine.sync_engine, "do_connect", _make_file)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


async def _connect(url: URL) -> Any:
    """Connect by asyncpg's own reading of the URL, which knows all that libpq has for TLS.

    SQLAlchemy would pass `sslrootcert` and the like on as arguments that asyncpg does not have.
    """
    return await asyncpg.connect(
        url.render_as_string(hide_password=False),
        timeout=CONNECT_TIMEOUT,
        command_timeout=COMMAND_TIMEOUT,
        server_settings={"application_name": "gateway"},
    )


def _make_file(dialect: Any, record: Any, given: Sequence[Any], named: Any) -> None:
    """Make the file before SQLite does, which would let everybody read who calls whom."""
    with suppress(OSError):  # SQLite will say what is wrong
        Path(given[0]).touch(0o600)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # Else the driver begins transactions when it likes, and none for changes of tables
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
