"""Keeps the record of every call: makes lines of what calls tell, for the pipeline to move on.

No call waits for it. After kill -9 the spool tells which calls ran: their records are closed.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING

import msgspec

from gateway.admission.address import client_key
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Opened
from gateway.calls.call_news import Rated as WasRated
from gateway.calls.record import CallRecord
from gateway.records.journal import (
    Done,
    Forgotten,
    Rated,
    Running,
    closed,
)
from gateway.records.pipeline import Pipeline
from gateway.records.refusals import Refusals
from gateway.records.row import Row, paid_number, row_of, said_in
from gateway.records.search import Page, Search
from gateway.records.toll import Price, Toll
from gateway.repeats import Repeats

if TYPE_CHECKING:
    from gateway.records.database import Database

logger = logging.getLogger(__name__)

# Records of calls that have just ended, for whoever asks before the database has them
RECENT = 1000

MOST_FLOODS = 20  # lines of the log about those whose refused calls are too many, in a minute


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

    written: int  # into the database
    lost: int  # never to be there
    skipped: int  # refused calls that were too many


class Recorder:
    """Takes the news of calls. Use `open_recorder`."""

    def __init__(self, database: Database, pipeline: Pipeline, account: Account) -> None:
        self._database = database
        self._pipeline = pipeline
        self._account = account
        self._skipped = 0
        self._begun: set[str] = set()  # running calls of which the spool has heard
        self._tolls: dict[str, Toll] = {}  # of running calls that are answered
        self._recent: OrderedDict[str, Row] = OrderedDict()
        self._refusals = Refusals(monotonic)
        self._floods = Repeats(monotonic, lines=MOST_FLOODS)

    @property
    def queued(self) -> int:
        """Rows, and what is said of them, that are not in the database yet."""
        return self._pipeline.queued

    @property
    def faults(self) -> list[str]:
        """Say what keeps rows from the database; no call fails for it."""
        return self._pipeline.faults

    @property
    def counts(self) -> RecordCounts:
        """Count rows by what has become of them."""
        return RecordCounts(self._pipeline.written, self._pipeline.lost, self._skipped)

    async def start(self) -> list[Row]:
        """Close what an earlier gateway has left open, and begin to deliver; return what it was.

        Nothing of that is on the disk before the caller waits for something.
        """
        left = closed(await self._pipeline.recover(), self._account.price)
        if left:
            logger.warning(
                "%d calls were running when the gateway was killed: their records end there",
                len(left),
            )
        self._pipeline.start(map(Done, left))
        return left

    async def flush(self, limit: float) -> bool:
        """Wait until the database has all rows; False if it has not in so many seconds."""
        return await self._pipeline.flush(limit)

    async def close(self) -> None:
        """Deliver what can be delivered soon, and let go of everything."""
        await self._pipeline.close()
        await self._database.close()

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
        self._pipeline.put(Running(row, paid))

    def _end(self, record: CallRecord) -> None:
        """Make the row of a call that is over, unless it is one too many."""
        if record.is_refused and self._is_flood(record):
            self._skipped += 1
            if record.id in self._begun:  # it rang, and its fallback was refused
                self._pipeline.put(Forgotten(record.id))
        else:
            row = self.row_of(record)
            self._remember(row)
            self._pipeline.put(Done(row))
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
        self._pipeline.put(Rated(record.id, score, issue))

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
