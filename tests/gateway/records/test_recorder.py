"""Records from the news of calls to a real database, whatever stops in between."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Callable
from contextlib import asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.admission.mask import mask
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Opened, Rated
from gateway.calls.end import By, CallEnd
from gateway.calls.opinion import Feedback
from gateway.calls.record import CallRecord
from gateway.calls.request import CallRequest
from gateway.errors import ForbiddenError
from gateway.records import recorder as recorder_module
from gateway.records import refusals
from gateway.records.database import Database
from gateway.records.journal import Alive
from gateway.records.recorder import Account, Recorder
from gateway.records.search import Search
from gateway.records.spool import Spool
from tests.gateway.records.rows import STARTED, record
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from gateway.records.row import Row
    from tests.peers.postgres import Postgres

LIMIT = 10.0  # seconds for what takes milliseconds on an idle machine
END = CallEnd.made_here(By.LOCAL, "hangup", 200, "You ended the call.")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "RETRY", 0.05)
    monkeypatch.setattr(recorder_module, "CLOSE_TIMEOUT", 0.5)


@asynccontextmanager
async def run_recorder(
    url: str, spool: Path, account: Account | None = None, *, limit: int = 10_000_000
) -> AsyncIterator[Recorder]:
    recorder = Recorder(Database(url), Spool(spool, limit), account or Account("one"))
    try:
        await recorder.start()
        yield recorder
    finally:
        await recorder.close()


def begin(recorder: Recorder, number: int) -> CallRecord:
    call = record(number, started=STARTED + number)
    recorder.hear(CallNews(call, Opened()))
    return call


def answer(recorder: Recorder, call: CallRecord) -> None:
    event = news.Answered("opus", "PCMU")
    call.learn(event, call.started + 1)
    recorder.hear(CallNews(call, event))


def end(recorder: Recorder, call: CallRecord) -> None:
    event = news.Ended(END, 2000, "lab")
    call.learn(event, call.started + 3)
    recorder.hear(CallNews(call, event))
    recorder.hear(CallNews(call, Closed()))


def run_calls(recorder: Recorder, numbers: range) -> None:
    for number in numbers:
        call = begin(recorder, number)
        answer(recorder, call)
        end(recorder, call)


async def ids(recorder: Recorder) -> list[int]:
    page = await recorder.search(Search(limit=500))
    return [int(row.id, 16) for row in reversed(page.rows)]


async def test_a_call_is_one_row(url: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    async with run_recorder(url, spool) as recorder:
        call = begin(recorder, 1)
        answer(recorder, call)
        await until(lambda: spool.stat().st_size)
        assert await ids(recorder) == [], "it runs: /v1/calls has it"
        end(recorder, call)
        assert await recorder.flush(LIMIT)
        found = await recorder.find(call.id)
        assert found is not None
        assert (found.cause, found.codec_trunk, found.duration_ms) == ("hangup", "PCMU", 2000)
        assert await ids(recorder) == [1]
        assert (recorder.counts.written, recorder.queued, recorder.faults) == (1, 0, [])
        await until(lambda: not spool.stat().st_size)


def rate(recorder: Recorder, call: CallRecord, score: int, issue: str | None = None) -> None:
    call.feedback = Feedback(score, issue)
    recorder.hear(CallNews(call, Rated()))


async def said(recorder: Recorder) -> list[tuple[int | None, str | None]]:
    page = await recorder.search(Search())
    return [(row.feedback_score, row.feedback_issue) for row in reversed(page.rows)]


async def test_what_is_said_of_a_call_is_in_its_row(url: str, tmp_path: Path) -> None:
    async with run_recorder(url, tmp_path / "spool") as recorder:
        during, after, long_after, crossing = (begin(recorder, number) for number in range(4))
        rate(recorder, during, 2)
        for call in (during, after, long_after):
            end(recorder, call)
        crossing.learn(news.Ended(END, 2000, "lab"), STARTED)
        rate(recorder, crossing, 1)
        recorder.hear(CallNews(crossing, Closed()))
        rate(recorder, after, 5, "x" * 1000 + "\0")
        found = await recorder.find(after.id)
        assert found is not None
        assert found.feedback_score == 5, "at once"
        assert await recorder.flush(LIMIT)
        recorder._recent.clear()  # a thousand calls later
        rate(recorder, long_after, 4, "an echo")
        rate(recorder, after, 3, "a\0b\ud800")
        assert await recorder.flush(LIMIT)
        assert await said(recorder) == [
            (2, None),
            (3, "a\N{REPLACEMENT CHARACTER}b?"),
            (4, "an echo"),
            (1, None),
        ]
        assert recorder.counts.written == 4


async def test_what_was_said_before_a_kill_is_kept(tmp_path: Path) -> None:
    url, spool = f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool"
    before = Recorder(Database(url), Spool(spool, 10_000_000), Account("one"))
    await before.start()
    rate(before, begin(before, 1), 1, "I hear nothing")
    await until(lambda: not before._inbox)
    await _kill(before)
    async with run_recorder(url, spool) as recorder:
        assert await recorder.flush(LIMIT)
        assert await said(recorder) == [(1, "I hear nothing")]


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


async def test_the_record_of_a_call_that_has_just_ended_can_be_read_at_once(
    tmp_path: Path,
) -> None:
    async with run_recorder(f"sqlite:///{tmp_path}/no/folder.db", tmp_path / "spool") as recorder:
        run_calls(recorder, range(1, 2))
        found = await recorder.find(record(1).id)
        assert found is not None
        assert found.cause == "hangup"


async def test_what_a_kill_has_left_is_closed_at_the_next_start(url: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    before = Recorder(Database(url), Spool(spool, 10_000_000), Account("one"))
    await before.start()
    ringing, talking = begin(before, 1), begin(before, 2)
    answer(before, talking)
    run_calls(before, range(3, 4))
    assert await before.flush(LIMIT)
    await _kill(before)
    async with run_recorder(url, spool) as recorder:
        run_calls(recorder, range(4, 5))
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [1, 2, 3, 4]
        page = await recorder.search(Search(cause="interrupted"))
        assert [row.id for row in page.rows] == [talking.id, ringing.id]
        assert {row.ended_by for row in page.rows} == {"gateway"}
        assert [row.duration_ms > 0 for row in page.rows] == [True, False]
    async with run_recorder(url, spool) as recorder:
        assert await ids(recorder) == [1, 2, 3, 4], "each of them once"


async def _kill(recorder: Recorder) -> None:
    """Leave a recorder as kill -9 does, but for what a process lets go of."""
    for task in recorder._tasks:
        task.cancel()
    await asyncio.gather(*recorder._tasks, return_exceptions=True)
    recorder._spool.close()
    recorder._thread.shutdown()
    await recorder._database.close()


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


@pytest.mark.peer
async def test_a_server_that_is_killed_gets_every_row_once(
    postgres: Postgres, tmp_path: Path
) -> None:
    postgres.query("CREATE DATABASE killed")
    async with run_recorder(postgres.url("killed"), tmp_path / "spool") as recorder:
        for start in range(0, 90, 30):
            run_calls(recorder, range(start, start + 30))
            await until(lambda start=start: recorder.counts.written > start)  # type: ignore[misc]
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


async def test_a_row_that_passed_by_a_full_disk_leaves_no_call_open(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "spool"
    async with run_recorder(url, spool, limit=3000) as recorder:
        passing, running = begin(recorder, 1), begin(recorder, 2)
        await until(lambda: spool.stat().st_size)
        recorder._spool._limit = 10  # a full disk, but the database's
        end(recorder, passing)
        await until(lambda: recorder.counts.written == 1)
        recorder._spool._limit = 3000
        end(recorder, running)
        assert await recorder.flush(LIMIT)
        await until(lambda: not spool.stat().st_size)
        assert not recorder._spool.has_open
    caplog.clear()
    async with run_recorder(url, tmp_path / "spool") as recorder:
        assert await ids(recorder) == [1, 2]
        assert caplog.text == "", "no call was running"


async def test_a_kill_makes_no_row_again_that_passed_by_a_full_disk(tmp_path: Path) -> None:
    url, spool = f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool"
    before = Recorder(Database(url), Spool(spool, 10_000), Account("one"))
    await before.start()
    passing, running = begin(before, 1), begin(before, 2)
    await until(lambda: not before._inbox)
    before._spool._limit = 10  # a full disk, but the database's
    end(before, passing)
    await until(lambda: before.counts.written == 1)
    before._spool._limit = 10_000
    answer(before, running)
    await until(lambda: not before._inbox)
    await _kill(before)
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as file, file:
        file.execute("DELETE FROM call_records")  # as an operator does with old ones
    async with run_recorder(url, spool) as recorder:
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [2]


async def test_what_has_no_room_anywhere_is_counted_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "MOST_WAITING", 50)
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


async def test_a_flood_of_refused_calls_is_no_flood_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(refusals, "AT_ONCE_OF_ONE", 5)
    async with run_recorder(f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool") as recorder:
        for number in range(20):
            call = record(number)
            call.refuse(ForbiddenError("it may not be called", rule="deny"), STARTED)
            recorder.hear(CallNews(call, Closed()))
        run_calls(recorder, range(20, 21))
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [*range(5), 20]
    assert (recorder.counts.skipped, caplog.text.count("refused calls are too many")) == (15, 1)


def arrive(number: int, trunk: str = "lab") -> CallRecord:
    """Return the record of a trunk's call that no page has."""
    request = CallRequest(to="+15551234567", offer="", caller="+15550001", identity="sales")
    return CallRecord(
        f"{number:016x}", request, trunk, STARTED + number, "ringing", direction="incoming"
    )


def refuse(recorder: Recorder, call: CallRecord, rule: str | None = "stopped") -> None:
    """Refuse a trunk's call as it comes, as `Reception` does; without a rule it is for nobody."""
    call.rule = rule
    recorder.hear(CallNews(call, Opened()))
    call.learn(news.Ended(END, 0, call.trunk), call.started)
    recorder.hear(CallNews(call, Closed()))


@pytest.mark.parametrize("rule", ["stopped", None])
async def test_a_flood_of_refused_calls_of_a_trunk_leaves_none_open(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    rule: str | None,
) -> None:
    monkeypatch.setattr(refusals, "AT_ONCE_OF_ONE", 5)
    url, spool = f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool"
    async with run_recorder(url, spool) as recorder:
        for number in range(20):
            refuse(recorder, arrive(number), rule)
        refuse(recorder, arrive(20, "another trunk"), rule)
        assert await recorder.flush(LIMIT)
        await until(lambda: not spool.stat().st_size)
        assert recorder.counts.skipped == 15
    assert (
        caplog.text.count("refused calls are too many for a record each: address=- trunk=lab") == 1
    )
    async with run_recorder(url, spool) as recorder:
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [*range(5), 20]
        assert (await recorder.search(Search(cause="interrupted"))).rows == []


async def test_calls_that_rang_and_whose_fallback_floods_are_not_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, but the spool says that they run by the time that something refuses them."""
    monkeypatch.setattr(refusals, "AT_ONCE_OF_ONE", 0)
    url, spool = f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool"

    def ring(recorder: Recorder, number: int) -> CallRecord:
        call = arrive(number)
        call.ringing = call.started
        recorder.hear(CallNews(call, Opened()))
        return call

    def refuse_fallback(recorder: Recorder, call: CallRecord) -> None:
        call.rule = "loop"
        recorder.hear(CallNews(call, Closed()))

    async with run_recorder(url, spool) as recorder:
        call = ring(recorder, 1)
        await until(lambda: recorder._spool.has_open)
        refuse_fallback(recorder, call)
        await until(lambda: not spool.stat().st_size)
        recorder._spool._limit = 0  # a full disk
        for number in range(2, 9):
            refuse_fallback(recorder, ring(recorder, number))
        await until(lambda: not recorder._inbox)
        assert recorder.counts.skipped == 8
    assert spool.read_bytes() == b""


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


async def test_what_a_call_costs_is_by_the_rate_that_it_began_with(tmp_path: Path) -> None:
    cents = 1

    def price(number: str) -> Callable[[int], float]:
        rate = cents
        return lambda milliseconds: rate * milliseconds / 100_000

    account = Account("one", price=price)
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with run_recorder(url, tmp_path / "spool", account) as recorder:
        call = begin(recorder, 1)
        answer(recorder, call)
        cents = 50  # a reload
        end(recorder, call)
        unanswered = begin(recorder, 2)
        recorder.hear(CallNews(unanswered, Closed()))
        found = [await recorder.find(each.id) for each in (call, unanswered)]
        assert [each and each.cost for each in found] == [0.02, None]


@pytest.mark.parametrize(("shown", "cost"), [(str, 180.0), (mask, None)])
async def test_what_a_kill_has_cut_off_costs_what_it_has_lasted(
    url: str, tmp_path: Path, shown: Callable[[str], str], cost: float | None
) -> None:
    """A number that is masked does not say it, and nothing is better than the first second."""

    def price(number: str) -> Callable[[int], float]:
        assert number == "+15551234567"
        return lambda milliseconds: milliseconds / 1000

    account, spool = Account("one", shown, price), tmp_path / "spool"
    before = Recorder(Database(url), Spool(spool, 10_000_000), account)
    await before.start()
    call = begin(before, 1)
    answer(before, call)
    before._put(Alive(call.started + 1 + 180))
    await until(lambda: not before._inbox)
    await _kill(before)
    async with run_recorder(url, spool, account) as recorder:
        assert await recorder.flush(LIMIT)
        found = await recorder.find(call.id)
        assert found is not None
        assert (found.duration_ms, found.cost) == (180_000, cost)


async def test_no_call_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs holds up nobody but the rows."""
    hanging = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = Spool.append

    def append(self: Spool, lines: object) -> None:
        asyncio.run_coroutine_threadsafe(hanging.wait(), loop).result(LIMIT)
        real(self, lines)  # type: ignore[arg-type]

    monkeypatch.setattr(Spool, "append", append)
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with run_recorder(url, tmp_path / "spool") as recorder:
        before = loop.time()
        run_calls(recorder, range(100))
        assert loop.time() - before < 1.0
        hanging.set()
        assert await recorder.flush(LIMIT)
        assert len(await ids(recorder)) == 100
