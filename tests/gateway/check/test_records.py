"""What `gateway check` says of the database of records, and that it leaves it as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.check import records
from gateway.check.finding import Finding
from gateway.config import Settings
from gateway.records.database import Database
from tests.peers.postgres import PASSWORD, run_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.postgres import Postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with run_postgres() as server:
        yield server


async def examine(**values: Any) -> list[Finding]:
    return await records.examine(Settings.model_validate({"records": values}).records)


async def test_where_no_records_are_kept_nothing_is_asked() -> None:
    assert await examine(database="") == []


async def test_a_spool_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (found,) = await examine(
        database=f"sqlite:///{tmp_path}/gateway.db", spool=tmp_path / "no" / "x"
    )
    assert not found.ok
    assert "records.spool" in found.text
    assert "there is no folder" in found.text


@pytest.mark.peer
async def test_a_server_is_asked_and_left_as_it_is(postgres: Postgres, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    url = f"postgresql+asyncpg://gateway@127.0.0.1:{postgres.port}/postgres"
    (found,) = await examine(database=url, password_file=tmp_path / "password")
    assert found.ok
    assert found.text.endswith("can be written")
    assert postgres.query(r"SELECT count(*) FROM pg_tables WHERE tablename LIKE 'call%'") == ["0"]
    database = Database(postgres.url())
    await database.migrate()
    await database.close()
    (found,) = await examine(database=postgres.url())
    assert found.ok
    assert PASSWORD not in found.text


@pytest.mark.peer
async def test_what_is_wrong_with_a_server_is_said(postgres: Postgres) -> None:
    postgres.query(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    postgres.query("CREATE DATABASE closed")
    url = postgres.url("closed").replace("gateway:", "guest:")
    for database, words in (
        (url, "this user may not make tables there"),
        (postgres.url(password="wrong"), "password authentication failed"),
        (postgres.url("nowhere"), "does not exist"),
        (postgres.url().replace(str(postgres.port), "1"), "onnect"),
    ):
        (found,) = await examine(database=database)
        assert not found.ok
        assert words in found.text
        assert PASSWORD not in found.text
    records_of = Database(postgres.url("closed"))
    await records_of.migrate()
    await records_of.close()
    (found,) = await examine(database=url)
    assert found.text.endswith("permission denied for table call_records_version")
    postgres.query("GRANT SELECT ON call_records_version TO guest", "closed")
    (found,) = await examine(database=url)
    assert found.text.endswith("this user may not read and write call_records there")
    postgres.query("UPDATE call_records_version SET version_num = '99'", "closed")
    (found,) = await examine(database=postgres.url("closed"))
    assert found.text.endswith("its tables are of a newer gateway than this one")
