"""Rows reach a real database once and in order, whatever stops on the way: server, disk, we."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from gateway.records import pipeline as pipeline_module
from gateway.records.database import Database
from gateway.records.spool import Spool
from tests.gateway.records.recorders import (
    LIMIT,
    answer,
    begin,
    end,
    ids,
    kill,
    limit_spool,
    rate,
    run_calls,
    run_recorder,
    said,
    spooled,
    start,
)
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gateway.records.journal import Line
    from gateway.records.recorder import Recorder
    from gateway.records.row import Row
    from tests.peers.postgres import Postgres


@pytest.mark.peer
async def test_a_server_that_stops_in_mid_run_gets_every_row_once_and_in_order(
    postgres: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    postgres.query("CREATE DATABASE stopped")
    spool = tmp_path / "spool"
    url = postgres.url("stopped")
    async with run_recorder(url, spool) as recorder:
        run_calls(recorder, range(100))
        await until(lambda: recorder.counts.written > 10)
        await asyncio.to_thread(postgres.stop)  # whatever is on its way is cut
        run_calls(recorder, range(100, 200))
        await until(lambda: recorder.faults)
        why = "wait for their database: the log says why"
        assert recorder.faults == [f"{recorder.queued} records {why}"], "not where it is"
        assert "127.0.0.1" in caplog.text
        run_calls(recorder, range(200, 220))
    # The gateway, too, is restarted while the server is away
    async with run_recorder(url, spool) as recorder:
        run_calls(recorder, range(220, 240))
        await until(lambda: recorder.faults)
        assert recorder.queued > 100
        await asyncio.to_thread(postgres.start)
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == list(range(240))
        assert (recorder.faults, recorder.counts.lost) == ([], 0)
    assert "go into the database again" in caplog.text
    order = postgres.query("SELECT id FROM call_records ORDER BY ctid", "stopped")
    assert [int(each, 16) for each in order] == list(range(240))


def has_written(recorder: Recorder, rows: int) -> bool:
    return recorder.counts.written >= rows


@pytest.mark.peer
async def test_a_server_that_is_killed_gets_every_row_once(
    postgres: Postgres, tmp_path: Path
) -> None:
    postgres.query("CREATE DATABASE killed")
    async with run_recorder(postgres.url("killed"), tmp_path / "spool") as recorder:
        for start in range(0, 90, 30):
            run_calls(recorder, range(start, start + 30))
            await until(partial(has_written, recorder, start + 1))
            await asyncio.to_thread(postgres.kill)
            run_calls(recorder, range(1000 + start, 1000 + start + 30))
            await asyncio.to_thread(postgres.start)
        assert await recorder.flush(LIMIT)
        numbers = [n for start in range(0, 90, 30) for n in range(start, start + 30)]
        assert await ids(recorder) == sorted(numbers + [1000 + n for n in numbers])


async def test_a_locked_file_delays_rows_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "gateway.db"
    async with run_recorder(f"sqlite:///{file}", tmp_path / "spool") as recorder:
        run_calls(recorder, range(1))
        assert await recorder.flush(LIMIT)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            run_calls(recorder, range(1, 30))
            await until(lambda: recorder.faults)
            assert "locked" in caplog.text
            other.execute("ROLLBACK")
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == list(range(30))


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_delays_rows(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    async with run_recorder(f"sqlite:///{tmp_path}/gateway.db", spool) as recorder:
        run_calls(recorder, range(5))
        assert await recorder.flush(LIMIT)
        with full_disk(100):
            run_calls(recorder, range(5, 40))
            await until(lambda: len(recorder.faults) == 2)
            assert "cannot wait on the disk: File too large" in recorder.faults[1]
            assert recorder.queued == 35
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == list(range(40))
        assert (recorder.faults, recorder.counts.lost) == ([], 0)


@pytest.mark.peer
async def test_a_full_disk_does_not_stop_rows_for_a_server(
    postgres: Postgres, tmp_path: Path
) -> None:
    postgres.query("CREATE DATABASE full_disk")
    async with run_recorder(postgres.url("full_disk"), tmp_path / "spool") as recorder:
        with full_disk(100):
            run_calls(recorder, range(120))
            await until(lambda: recorder.counts.written == 120)
            assert await ids(recorder) == list(range(120))
            assert len(recorder.faults) == 1, "the disk's"


async def test_what_is_said_passes_by_a_full_disk(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with run_recorder(url, tmp_path / "spool") as recorder:
        run_calls(recorder, range(1))
        assert await recorder.flush(LIMIT)
        with full_disk(100):
            call = begin(recorder, 1)
            end(recorder, call)
            rate(recorder, call, 5)
            await until(lambda: recorder.faults)
            assert recorder.queued == 2
        assert await recorder.flush(LIMIT)
        assert await said(recorder) == [(None, None), (5, None)]


async def test_a_row_that_passed_by_a_full_disk_leaves_no_call_open(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "spool"
    async with run_recorder(url, spool, limit=3000) as recorder:
        passing, running = begin(recorder, 1), begin(recorder, 2)
        await until(lambda: spool.stat().st_size)
        limit_spool(recorder, 10)  # a full disk, but the database's
        end(recorder, passing)
        await until(lambda: recorder.counts.written == 1)
        limit_spool(recorder, 3000)
        end(recorder, running)
        assert await recorder.flush(LIMIT)
        await until(lambda: not spool.stat().st_size)
        assert not recorder._pipeline._spool.has_open
    caplog.clear()
    async with run_recorder(url, tmp_path / "spool") as recorder:
        assert await ids(recorder) == [1, 2]
        assert caplog.text == "", "no call was running"


async def test_a_kill_makes_no_row_again_that_passed_by_a_full_disk(tmp_path: Path) -> None:
    url, spool = f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool"
    before = await start(url, spool, limit=10_000)
    passing, running = begin(before, 1), begin(before, 2)
    await spooled(before)
    limit_spool(before, 10)  # a full disk, but the database's
    end(before, passing)
    await until(lambda: before.counts.written == 1)
    limit_spool(before, 10_000)
    answer(before, running)
    await spooled(before)
    await kill(before)
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as file, file:
        file.execute("DELETE FROM call_records")  # as an operator does with old ones
    async with run_recorder(url, spool) as recorder:
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [2]


async def test_what_has_no_room_anywhere_is_counted_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline_module, "MOST_WAITING", 50)
    async with run_recorder(
        f"sqlite:///{tmp_path}/no/folder.db", tmp_path / "spool", limit=20_000
    ) as recorder:
        for number in range(200):
            run_calls(recorder, range(number, number + 1))
            await asyncio.sleep(0)
        await until(lambda: recorder.counts.lost)
        assert recorder.queued + recorder.counts.lost == 200
    lost = [each for each in caplog.records if "records are lost: neither" in each.message]
    assert len(lost) == 2, "once while it ran, and what it took along when it stopped"


async def test_a_fault_of_ours_is_said_once_and_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0
    real = Database.insert

    async def insert(self: Database, rows: Sequence[Row]) -> list[Row]:
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            raise ZeroDivisionError
        return await real(self, rows)

    monkeypatch.setattr(Database, "insert", insert)
    async with run_recorder(f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool") as recorder:
        run_calls(recorder, range(1))
        await until(lambda: recorder.faults)
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [0]
    assert (attempts, caplog.text.count("Traceback")) == (4, 1)


async def test_a_start_needs_no_database(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    async with run_recorder("postgresql+asyncpg://u:p@127.0.0.1:1/d", spool) as recorder:
        run_calls(recorder, range(3))
        await until(lambda: recorder.faults and recorder.queued == 3)
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with run_recorder(url, spool) as recorder:
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [0, 1, 2]


async def test_no_call_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs holds up nobody but the rows."""
    hanging = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = Spool.append

    def append(self: Spool, lines: Sequence[Line]) -> None:
        asyncio.run_coroutine_threadsafe(hanging.wait(), loop).result(LIMIT)
        real(self, lines)

    monkeypatch.setattr(Spool, "append", append)
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with run_recorder(url, tmp_path / "spool") as recorder:
        before = loop.time()
        run_calls(recorder, range(100))
        assert loop.time() - before < 1.0
        hanging.set()
        assert await recorder.flush(LIMIT)
        assert len(await ids(recorder)) == 100
