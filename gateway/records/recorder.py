"""Keeps the record of every call: first in the spool, then in the database. No call waits for it.

    calls → inbox → spool (a file, on the disk within milliseconds) → database

Two tasks move the rows on. What blocks is done in a thread. A database that is away only lets the
spool grow. After kill -9 the spool tells which calls ran, and their records are closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING, TypeVar

import msgspec

from gateway.admission.address import client_key
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Opened
from gateway.calls.call_news import Rated as WasRated
from gateway.calls.record import CallRecord
from gateway.errors import UnavailableError
from gateway.records.journal import (
    Alive,
    Done,
    Forgotten,
    Line,
    Rated,
    Running,
    closed,
    write_line,
)
from gateway.records.refusals import Refusals
from gateway.records.row import Row, paid_number, row_of, said_in
from gateway.records.search import Page, Search
from gateway.records.spool import Spool
from gateway.records.toll import Price, Toll
from gateway.repeats import Repeats

if TYPE_CHECKING:
    from gateway.records.database import Database

logger = logging.getLogger(__name__)

# Lines that wait for the disk: 15 MB, and the calls of minutes on a busy gateway
MOST_WAITING = 10_000

# Rows of one transaction: more would hold the event loop for longer than a frame of audio lasts
BATCH = 50

RETRY = 1.0  # seconds until a disk or a database is tried again

# By how much the end of a call may be wrong in a record that was closed after kill -9
ALIVE_EVERY = 10.0  # seconds

# Records of calls that have just ended, for whoever asks before the database has them
RECENT = 1000

MOST_FLOODS = 20  # lines of the log about those whose refused calls are too many, in a minute

# For what waits when the gateway stops; the rest stays in the spool. A server behind a dead network
# takes three seconds more for its transaction and its goodbye, and the whole stop may take ten
CLOSE_TIMEOUT = 2.0  # seconds

_OUR_FAULT = "the gateway failed; its log says why"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """How an account of calls is to be kept.

    `node` names this gateway in each row, `shown` is how a row shows a number, `price` what a call
    to it costs.
    """

    node: str
    shown: Callable[[str], str] = str
    price: Price = lambda number: None


@dataclass(slots=True)
class RecordCounts:
    """Rows since the start."""

    written: int = 0  # into the database
    lost: int = 0  # never to be there
    skipped: int = 0  # refused calls that were too many


class Recorder:
    """Takes the news of calls. Use `open_recorder`."""

    def __init__(self, database: Database, spool: Spool, account: Account) -> None:
        self.counts = RecordCounts()
        self._database = database
        self._spool = spool
        self._account = account
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._inbox: deque[Line] = deque()
        self._begun: set[str] = set()  # running calls of which the spool has heard
        self._tolls: dict[str, Toll] = {}  # of running calls that are answered
        self._recent: OrderedDict[str, Row] = OrderedDict()
        self._refusals = Refusals(monotonic)
        self._floods = Repeats(monotonic, lines=MOST_FLOODS)
        self._waiting = asyncio.Event()  # something is in the inbox
        self._spooled = asyncio.Event()  # something is in the spool
        self._moved = asyncio.Event()  # something has gone on
        self._inserting = asyncio.Lock()
        self._disk_fault = ""
        self._database_fault = ""
        self._overflowing = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def queued(self) -> int:
        """Rows, and what is said of them, that are not in the database yet."""
        return self._spool.backlog + sum(isinstance(line, Done | Rated) for line in self._inbox)

    @property
    def faults(self) -> list[str]:
        """Say what keeps rows from the database; no call fails for it.

        Whoever asks whether the gateway is ready reads it: which database, of which user, and why,
        is in the log alone.
        """
        found = []
        if self._database_fault:
            found.append(f"{self.queued} records wait for their database: the log says why")
        if self._disk_fault:
            found.append(f"records cannot wait on the disk: {self._disk_fault}")
        return found

    async def start(self) -> list[Row]:
        """Close what an earlier gateway has left open, and begin to deliver; return what it was.

        Nothing of that is on the disk before the caller waits for something.
        """
        journal = await self._in_thread(self._spool.recover)
        left = closed(journal, self._account.price)
        if left:
            logger.warning(
                "%d calls were running when the gateway was killed: their records end there",
                len(left),
            )
        self._inbox.extend(map(Done, left))
        self._waiting.set()
        self._spooled.set()
        for work in (self._fill_spool, self._empty_spool, self._tick):
            name = f"records-{work.__name__.strip('_')}"
            self._tasks.append(asyncio.create_task(_go_on(work), name=name))
        return left

    # What calls tell

    def hear(self, told: CallNews) -> None:
        """Take news of a call, at once."""
        record, event = told.record, told.event
        match event:
            case Closed():
                self._end(record)
            case Opened() if record.is_refused:
                pass  # a trunk's call that is refused as it comes: its end says whether it is a row
            case news.Answered() | news.Redirected():
                talked = event.duration_ms if isinstance(event, news.Redirected) else 0
                self._count(record, talked)
                self._run(record)
            case Opened() | news.Ringing():
                self._run(record)
            case WasRated():
                self._rate(record)
            case _:
                pass

    def _run(self, record: CallRecord) -> None:
        """Keep what is known of a call, should the gateway be killed."""
        row, toll = self.row_of(record), self._tolls.get(record.id)
        paid = None
        if toll is not None and toll.number == paid_number(row):  # else it is masked
            paid = toll.paid
        self._begun.add(record.id)
        self._put(Running(row, paid))

    def _end(self, record: CallRecord) -> None:
        """Make the row of a call that is over, unless it is one too many."""
        if record.is_refused and self._is_flood(record):
            self.counts.skipped += 1
            if record.id in self._begun:  # it rang, and its fallback was refused
                self._put(Forgotten(record.id))
        else:
            row = self.row_of(record)
            self._remember(row)
            self._put(Done(row))
        self._tolls.pop(record.id, None)
        self._begun.discard(record.id)

    def _rate(self, record: CallRecord) -> None:
        """Keep what is said of a call: in its row, or for the row that it has got."""
        if record.state != "ended":
            self._run(record)
            return
        score, issue = said_in(record)
        if score is None:
            return
        if (row := self._recent.get(record.id)) is not None:
            self._recent[record.id] = msgspec.structs.replace(
                row, feedback_score=score, feedback_issue=issue
            )
        self._put(Rated(record.id, score, issue))

    def _is_flood(self, record: CallRecord) -> bool:
        """Whether a refused call is one too many of its client's, or of its trunk's."""
        address = record.request.visitor.address
        # No page has had a trunk's call, and so it has no address
        client = address or f"trunk {record.trunk}"
        if self._refusals.take(client):
            return False
        if (earlier := self._floods.add(client_key(client))) is not None:
            logger.warning(
                "refused calls are too many for a record each: address=%s trunk=%s earlier=%d",
                address or "-",
                record.trunk or "-",
                earlier,
            )
        return True

    def row_of(self, record: CallRecord) -> Row:
        """Return the row of a call as it is now."""
        account = self._account
        return row_of(record, account.node, account.shown, self._cost(record))

    def _count(self, record: CallRecord, talked: int) -> None:
        """Count what a call costs from now on, if it is one of ours."""
        number = record.redirected_to or record.fallback
        if number is None and record.direction == "outgoing":
            number = record.request.to
        if number is not None:
            toll = self._tolls.setdefault(record.id, Toll(self._account.price))
            toll.turn_to(number, talked)

    def _cost(self, record: CallRecord) -> float | None:
        """Return what a call has cost so far."""
        toll = self._tolls.get(record.id)
        if toll is None or record.answered is None:
            return None
        talked = record.duration_ms or round((time() - record.answered) * 1000)
        return toll.cost(max(talked, 0))

    def _remember(self, row: Row) -> None:
        self._recent[row.id] = row
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def _put(self, line: Line) -> None:
        if len(self._inbox) >= MOST_WAITING:
            if isinstance(line, Done | Rated):
                self._lose(1)
            return
        self._inbox.append(line)
        self._waiting.set()

    def _lose(self, count: int) -> None:
        self.counts.lost += count
        if not self._overflowing:
            self._overflowing = True
            logger.error(
                "records are lost: neither the disk nor the database takes them, and %d wait",
                len(self._inbox),
            )

    # What is asked

    async def find(self, call_id: str) -> Row | None:
        """Return the record of a call that has ended; raises as `search`."""
        recent = self._recent.get(call_id)
        return recent or await self._database.find(call_id)

    async def search(self, wanted: Search) -> Page:
        """Return a page of records of calls that have ended.

        Raises
        ------
        UnavailableError
            The database is away.
        """
        return await self._database.search(wanted)

    # The tasks

    async def _tick(self) -> None:
        """Write from time to time that the gateway is alive, while calls run."""
        while True:
            await asyncio.sleep(ALIVE_EVERY)
            if self._spool.has_open:
                self._put(Alive(round(time(), 3)))

    async def _fill_spool(self) -> None:
        """Move what calls tell onto the disk, as much at once as has come meanwhile."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            lines = list(self._inbox)
            if not lines:
                continue
            try:
                await self._in_thread(self._spool.append, lines)
            except OSError as error:
                self._note_disk(error.strerror or str(error))
                # A database elsewhere may well take them
                await self._pass_by(lines)
                self._waiting.set()
                await asyncio.sleep(RETRY)
                continue
            self._forget(len(lines))
            self._note_disk("")
            self._spooled.set()

    def _forget(self, count: int) -> None:
        """Take lines that are safe from the inbox; they are its first."""
        for _ in range(count):
            self._inbox.popleft()
        if self._overflowing and len(self._inbox) <= MOST_WAITING // 2:
            self._overflowing = False
            logger.warning("%d records have been lost, and there is room again", self.counts.lost)
        self._moved.set()

    async def _pass_by(self, lines: Sequence[Line]) -> None:
        """Give rows to the database at once, as the disk does not take them; in their order."""
        done = [line for line in lines if isinstance(line, Done | Rated | Forgotten)]
        while done and not self._spool.backlog:
            batch, done = done[:BATCH], done[BATCH:]
            if not await self._deliver(batch):
                return
            await self._in_thread(self._spool.forget, [*_over(batch)])
            self._spooled.set()  # it may be empty now, which needs no room
            kept = [line for line in self._inbox if not _is_settled_by(batch, line)]
            self._inbox.clear()
            self._inbox.extend(kept)
            self._moved.set()

    async def _empty_spool(self) -> None:
        """Move rows from the disk into the database."""
        while True:
            await self._spooled.wait()
            self._spooled.clear()
            while True:
                lines, place = await self._in_thread(self._spool.take, BATCH)
                if lines and not await self._deliver(lines):
                    await asyncio.sleep(RETRY)
                    continue
                count = len(lines)
                await self._in_thread(self._spool.delivered, place, count)
                self._moved.set()
                if not lines:
                    break

    async def _deliver(self, lines: Sequence[Line]) -> bool:
        """Give lines to the database, and return whether it has them.

        What is said of a call comes after its row, also from the spool, and so it may here.
        """
        rows = [line.row for line in lines if isinstance(line, Done)]
        said = [line for line in lines if isinstance(line, Rated)]
        if not (rows or said):
            return True
        async with self._inserting:
            try:
                bad = await self._database.insert(rows) if rows else []
                if said:
                    await self._database.rate(said)
            except UnavailableError as error:
                self._note_database(str(error))
                return False
            except Exception:
                if self._database_fault != _OUR_FAULT:  # and not each second
                    logger.exception("records cannot be written")
                self._note_database(_OUR_FAULT)
                return False
        self._note_database("")
        self.counts.written += len(rows) - len(bad)
        if bad:
            self.counts.lost += len(bad)
            texts = [write_line(Done(row)).strip() for row in bad]
            await self._in_thread(self._spool.put_aside, texts)
        return True

    def _note_database(self, fault: str) -> None:
        if fault and not self._database_fault:
            logger.error("records wait on the disk: %s", fault)
        elif self._database_fault and not fault:
            logger.warning("records go into the database again: %d have waited", self.queued)
        self._database_fault = fault

    def _note_disk(self, fault: str) -> None:
        if fault and not self._disk_fault:
            logger.error("records cannot wait on the disk: %s", fault)
        elif self._disk_fault and not fault:
            logger.warning("records can wait on the disk again")
        self._disk_fault = fault

    async def _in_thread(self, work: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    async def flush(self, limit: float) -> bool:
        """Wait until the database has all rows; False if it has not in so many seconds."""
        return await self._wait_for(lambda: not (self._inbox or self._spool.backlog), limit)

    async def _wait_for(self, holds: Callable[[], bool], limit: float) -> bool:
        try:
            async with asyncio.timeout(limit):
                while not holds():
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def _is_settled(self) -> bool:
        """Whether waiting brings nothing more: all rows are where they can be."""
        return not self._inbox and bool(self._database_fault or not self._spool.backlog)

    async def close(self) -> None:
        """Deliver what can be delivered soon, and let go of everything."""
        if self._tasks:
            await self._wait_for(self._is_settled, CLOSE_TIMEOUT)
            left = sum(isinstance(line, Done | Rated) for line in self._inbox)
            if waiting := self._spool.backlog:
                logger.warning("%d records wait on the disk for the next start", waiting)
            if left:
                self.counts.lost += left
                logger.error("%d records are lost: neither disk nor database takes them", left)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._in_thread(self._spool.close)
        self._thread.shutdown(wait=False)
        await self._database.close()


async def _go_on(work: Callable[[], Awaitable[None]]) -> None:
    """Do work without an end; a fault of ours must not end all records."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("the recorder has failed, and goes on")
            await asyncio.sleep(RETRY)


def _over(lines: Sequence[Line]) -> Iterator[str]:
    """Return the calls that do not run any more, as those lines say."""
    for line in lines:
        if isinstance(line, Done):
            yield line.row.id
        elif isinstance(line, Forgotten):
            yield line.id


def _is_settled_by(settled: Sequence[Line], line: Line) -> bool:
    """Whether nothing is to be done for a line once those are dealt with."""
    if isinstance(line, Running):
        return line.row.id in _over(settled)
    return any(each is line for each in settled)
