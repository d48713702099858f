"""A recorder with a real database and spool, and what happens to them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Opened, Rated
from gateway.calls.end import By, CallEnd
from gateway.calls.opinion import Feedback
from gateway.records.database import Database
from gateway.records.pipeline import Pipeline
from gateway.records.recorder import Account, Recorder
from gateway.records.search import Search
from gateway.records.spool import Spool
from tests.gateway.records.rows import STARTED, record
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gateway.calls.record import CallRecord

LIMIT = 10.0  # seconds for what takes milliseconds on an idle machine
END = CallEnd.made_here(By.LOCAL, "hangup", 200, "You ended the call.")


async def start(
    url: str, spool: Path, account: Account | None = None, *, limit: int = 10_000_000
) -> Recorder:
    """Return a recorder that the caller kills, or closes."""
    database = Database(url)
    pipeline = Pipeline(database, Spool(spool, limit))
    recorder = Recorder(database, pipeline, account or Account("one"))
    await recorder.start()
    return recorder


@asynccontextmanager
async def run_recorder(
    url: str, spool: Path, account: Account | None = None, *, limit: int = 10_000_000
) -> AsyncIterator[Recorder]:
    recorder = await start(url, spool, account, limit=limit)
    try:
        yield recorder
    finally:
        await recorder.close()


async def kill(recorder: Recorder) -> None:
    """Leave a recorder as kill -9 does, but for what a process lets go of."""
    pipeline = recorder._pipeline
    for task in pipeline._tasks:
        task.cancel()
    await asyncio.gather(*pipeline._tasks, return_exceptions=True)
    pipeline._spool.close()
    pipeline._thread.shutdown()
    await recorder._database.close()


async def spooled(recorder: Recorder) -> None:
    """Wait until all that calls have told is on the disk."""
    await until(lambda: not recorder._pipeline._lines)


def limit_spool(recorder: Recorder, size: int) -> None:
    """Fill the disk of the spool, but not the database's, or make room."""
    recorder._pipeline._spool._limit = size


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


def rate(recorder: Recorder, call: CallRecord, score: int, issue: str | None = None) -> None:
    call.feedback = Feedback(score, issue)
    recorder.hear(CallNews(call, Rated()))


async def said(recorder: Recorder) -> list[tuple[int | None, str | None]]:
    page = await recorder.search(Search())
    return [(row.feedback_score, row.feedback_issue) for row in reversed(page.rows)]
