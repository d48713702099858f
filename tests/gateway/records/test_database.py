"""Both databases, real ones: what goes in comes out, once, in order; their tables are made once."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.admission.store import open_store
from gateway.errors import RequestError, UnavailableError
from gateway.records import database as database_module
from gateway.records.database import Database, _upgrade, head
from gateway.records.journal import Rated
from gateway.records.migrations.versions import v4_holder
from gateway.records.row import Leg
from gateway.records.search import Search, read_cursor
from gateway.records.tables import metadata
from tests.gateway.records.rows import STARTED, row
from tests.peers.postgres import PASSWORD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy import Connection

    from tests.peers.postgres import Postgres


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


async def test_a_row_comes_back_as_it_was(url: str) -> None:
    full = row(
        1,
        ringing=STARTED + 0.5,
        rule="deny",
        fallback="+1555",
        trunk_leg=Leg(mos=1.5, rtt_ms=20.25, packets_sent=2**40),
        identity="ünï “quoted” \N{GRINNING FACE}",
        heard_loss=0.25,
        heard_rtt_ms=31.5,
        feedback_score=2,
        holder_identity="support",
        feedback_issue="ünï “quoted”",
    )
    bare = row(2, answered=None, ended=None, browser=Leg(), cost=None, code=None)
    async with open_database(url) as database:
        assert await database.insert([full, bare]) == []
        assert await database.find(full.id) == full
        assert await database.find(bare.id) == bare
        assert await database.find("0") is None


async def test_a_row_that_comes_twice_stays_as_it_came_first(url: str) -> None:
    async with open_database(url) as database:
        await database.insert([row(1, cause="hangup"), row(2)])
        assert await database.insert([row(1, cause="other"), row(3)]) == []
        page = await database.search(Search())
        assert [each.id for each in page.rows] == [row(n).id for n in (3, 2, 1)]
        assert page.rows[-1].cause == "hangup"


async def test_what_is_said_of_calls_goes_into_their_rows(url: str) -> None:
    async with open_database(url) as database:
        await database.insert([row(1), row(2, feedback_score=3), row(3)])
        said = [Rated(row(1).id, 5), Rated(row(2).id, 1, "an “echo”"), Rated(row(1).id, 4)]
        for _ in range(2):  # a crash may send it again
            await database.rate([*said, Rated("unknown", 5)])
        page = await database.search(Search())
    found = [(each.feedback_score, each.feedback_issue) for each in page.rows]
    assert found == [(None, None), (1, "an “echo”"), (4, None)]
    assert page.rows[1] == row(2, feedback_score=1, feedback_issue="an “echo”"), "nothing else"


async def test_pages_are_whole_and_stable_while_calls_end(url: str) -> None:
    # Several of one moment: the id decides
    rows = [row(number, started=STARTED + number // 3) for number in range(20)]
    async with open_database(url) as database:
        await database.insert(rows)
        seen: list[str] = []
        cursor = None
        while True:
            after = None if cursor is None else read_cursor(cursor)
            page = await database.search(Search(after=after, limit=7))
            seen += [each.id for each in page.rows]
            await database.insert([row(100 + len(seen))])  # newer ones, on pages that are past
            cursor = page.next
            if cursor is None:
                break
        assert seen == [each.id for each in reversed(rows)]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (Search(from_number="+15550001"), {1, 2, 4}),
        (Search(to_number="+44*"), {2}),
        (Search(to_number="+44"), set()),
        (Search(to_number="%*"), set()),
        (Search(identity="support"), {3}),
        (Search(trunk="london"), {2}),
        (Search(cause="busy"), {3}),
        (Search(direction="incoming"), {4}),
        (Search(since=STARTED + 2, until=STARTED + 4), {2, 3}),
        (Search(direction="outgoing", since=STARTED + 2), {2, 3}),
    ],
)
async def test_what_is_looked_for_is_found(url: str, search: Search, found: set[int]) -> None:
    rows = [
        row(1),
        row(2, to_number="+442071234567", trunk="london"),
        row(3, identity="support", from_number=None, cause="busy"),
        row(4, direction="incoming"),
    ]
    async with open_database(url) as database:
        await database.insert(rows)
        page = await database.search(search)
        assert {int(each.id, 16) for each in page.rows} == found


async def test_a_row_that_no_database_takes_costs_no_other(url: str) -> None:
    bad = [row(2, duration_ms=2**80), row(4, to_number=None), row(5, started=1e18)]
    async with open_database(url) as database:
        assert await database.insert([row(1), bad[0], row(3), *bad[1:]]) == bad
        page = await database.search(Search())
        assert [each.id for each in page.rows] == [row(3).id, row(1).id]


async def test_of_many_that_start_at_once_one_makes_the_tables(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT", 20.0)  # each waits for all before it
    databases = [Database(url) for _ in range(4)]
    try:
        await asyncio.gather(*(each.insert([row(n)]) for n, each in enumerate(databases)))
        page = await databases[0].search(Search())
        assert len(page.rows) == 4
    finally:
        for each in databases:
            await each.close()


MIGRATE = """
import asyncio, sys
from gateway.records.database import Database
async def main():
    database = Database(sys.argv[1])
    await database.migrate()
    await database.close()
asyncio.run(main())
"""


@pytest.mark.peer
def test_processes_that_start_at_once_do_so_as_well(postgres: Postgres) -> None:
    postgres.query("CREATE DATABASE at_once")
    command = [sys.executable, "-c", MIGRATE, postgres.url("at_once")]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [each.wait(60) for each in processes] == [0, 0]
    assert postgres.query("SELECT count(*) FROM call_records", "at_once") == ["0"]


async def test_the_migrations_make_what_the_tables_say(url: str) -> None:
    async with open_database(url) as database:
        await database.migrate()

        def differences(connection: Connection) -> list[object]:
            context = MigrationContext.configure(
                connection,
                opts={"include_object": _is_ours, "version_table": "call_records_version"},
            )
            return list(compare_metadata(context, metadata))

        async with database._engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    assert head() == v4_holder.revision


async def test_records_of_the_version_before_stay(url: str) -> None:
    async with open_database(url) as database:
        async with database._writing() as connection:
            await connection.run_sync(_upgrade, "1")
            await connection.exec_driver_sql(
                "INSERT INTO call_records (id, node, direction, state, started, duration_ms, "
                "to_number) VALUES ('a', 'n', 'outgoing', 'ended', '2026-01-01 00:00:00', 0, '+1')"
            )
        assert await database.insert([row(1, redirected_to="+15559876543")]) == []
        before = await database.find("a")
        assert before is not None
        assert (before.to_number, before.redirected_to) == ("+1", None)
        after = await database.find(row(1).id)
        assert after is not None
        assert after.redirected_to == "+15559876543"


def _is_ours(thing: object, name: str | None, *rest: object) -> bool:
    return (name or "").startswith("call_records") and name != "call_records_version"


async def test_tables_of_a_newer_gateway_are_left_alone(url: str) -> None:
    async with open_database(url) as database:
        await database.insert([row(1)])
        async with database._writing() as connection:
            await connection.exec_driver_sql("UPDATE call_records_version SET version_num = '99'")
    async with open_database(url) as database:
        with pytest.raises(UnavailableError, match="a newer gateway"):
            await database.insert([row(2)])


async def test_a_table_that_somebody_takes_away_is_made_again(url: str) -> None:
    async with open_database(url) as database:
        await database.insert([row(1)])
        async with database._writing() as connection:
            for name in ("call_records", "call_records_version"):
                await connection.exec_driver_sql(f"DROP TABLE {name}")
        with pytest.raises(UnavailableError):
            await database.insert([row(2)])
        assert await database.insert([row(2)]) == []


async def test_admission_and_records_share_a_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    url = f"sqlite:///{file}"
    store = await open_store(url, lambda: STARTED)
    async with open_database(url) as database:
        for number in range(20):
            used, _ = await asyncio.gather(
                store.use_token(f"token-{number}", None), database.insert([row(number)])
            )
            assert used
    await store.close()
    again = await open_store(url, lambda: STARTED)  # the other tables are no reason to refuse it
    assert not await again.use_token("token-7", None)
    await again.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM call_records").fetchone() == (20,)
    assert file.stat().st_mode & 0o077 == 0


async def test_admission_comes_into_a_file_that_records_had_to_themselves(tmp_path: Path) -> None:
    """`records.admission_database` was set, and is not any more."""
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with open_database(url) as database:
        await database.insert([row(1)])
        store = await open_store(url, lambda: STARTED)
        assert await store.use_token("token-1", None)
        await store.close()
        assert await database.find(row(1).id) == row(1)


async def test_a_file_of_its_own_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """Where admission's memory is another file, which has been made first otherwise."""
    file = tmp_path / "records.db"
    async with open_database(f"sqlite:///{file}") as database:
        await database.insert([row(1)])
        for each in (file, file.with_name("records.db-wal")):
            assert each.stat().st_mode & 0o077 == 0


async def test_a_file_that_is_locked_is_away(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    async with open_database(f"sqlite:///{file}") as database:
        await database.insert([row(1)])
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(UnavailableError, match="locked"):
                await database.insert([row(2)])
            other.execute("ROLLBACK")
        assert await database.insert([row(2)]) == []


@pytest.mark.peer
async def test_a_password_is_in_no_message(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for url, words in (
        (postgres.url(password="wr0ng-w0rd"), "password authentication failed"),
        (postgres.url().replace(str(postgres.port), "1"), "onnect"),
        (postgres.url("nowhere"), '"nowhere" does not exist'),
    ):
        async with open_database(url) as database:
            with pytest.raises(UnavailableError, match=words) as caught:
                await database.insert([row()])
            said = f"{caught.value!r} {database.name} {caplog.text}"
            assert "wr0ng-w0rd" not in said
            assert PASSWORD not in said


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "No such file"),
        ("ssl=bogus", "`sslmode` parameter must be one of"),
        ("ssl=bogus&sslpassword=wr0ng-w0rd", "`sslmode` parameter must be one of"),
        ("sslmode=disable&connect_timeout=5", "onnect"),  # the server's to refuse, and it is away
    ],
)
async def test_what_a_url_has_wrong_is_said_and_costs_no_row(query: str, words: str) -> None:
    async with open_database(f"postgresql://u@127.0.0.1:1/db?{query}") as database:
        for asked in (database.insert([row()]), database.find("1"), database.examine()):
            with pytest.raises(UnavailableError, match=words) as caught:
                await asked
            assert "wr0ng-w0rd" not in str(caught.value)


async def test_a_goodbye_that_nobody_hears_holds_up_no_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As asyncpg's does behind a dead network: for ten seconds, and for each connection."""

    async def hang(self: AsyncEngine) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(AsyncEngine, "dispose", hang)
    monkeypatch.setattr(database_module, "CLOSE_TIMEOUT", 0.01)
    async with asyncio.timeout(5):
        await Database(f"sqlite:///{tmp_path}/gateway.db").close()


@pytest.mark.peer
async def test_a_password_of_a_file_takes_the_place_of_the_urls(postgres: Postgres) -> None:
    database = Database(postgres.url(password="wrong"), PASSWORD)
    assert await database.find("1") is None
    await database.close()


@pytest.mark.parametrize(
    "cursor", ["", "x", "////", "MTIz", "ü", "MS4", "OTk5OTk5OTk5OTk5OTk5OTk5LmE"]
)
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(RequestError, match="cursor"):
        read_cursor(cursor)
