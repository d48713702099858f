"""Lines on their way to the database: from memory into the spool, and from there on.

    put → memory → spool (a file, on the disk within milliseconds) → database

Two tasks move them on. What blocks is done in a thread. A database that is away only lets the spool
grow, and a full disk lets rows pass it by.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import time
from typing import TYPE_CHECKING, TypeVar

from gateway.errors import UnavailableError
from gateway.records.journal import (
    Alive,
    Done,
    Forgotten,
    Journal,
    Line,
    Rated,
    Running,
    write_line,
)
from gateway.records.spool import Spool

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

# For what waits when the gateway stops; the rest stays in the spool. A server behind a dead network
# takes three seconds more for its transaction and its goodbye, and the whole stop may take ten
CLOSE_TIMEOUT = 2.0  # seconds

_OUR_FAULT = "the gateway failed; its log says why"

T = TypeVar("T")


class Pipeline:
    """Takes lines, and sees to it that the database gets what it is to get of them.

    Since the start `written` rows have come to be in the database, and `lost` will never be there.
    """

    def __init__(self, database: Database, spool: Spool) -> None:
        self.written = self.lost = 0
        self._database = database
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._lines: deque[Line] = deque()  # in memory
        self._waiting = asyncio.Event()  # something is in memory
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
        return self._spool.backlog + sum(isinstance(line, Done | Rated) for line in self._lines)

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

    async def recover(self) -> Journal:
        """Read what an earlier gateway has left in the spool; once, before `start`."""
        return await self._in_thread(self._spool.recover)

    def start(self, first: Iterable[Line]) -> None:
        """Begin to move lines on, some of them at once.

        Nothing of them is on the disk before the caller waits for something.
        """
        self._lines.extend(first)
        self._waiting.set()
        self._spooled.set()
        for work in (self._fill_spool, self._empty_spool, self._tick):
            name = f"records-{work.__name__.strip('_')}"
            self._tasks.append(asyncio.create_task(_go_on(work), name=name))

    def put(self, line: Line) -> None:
        """Take a line, at once; without room it is lost, counted, and said in the log."""
        if len(self._lines) >= MOST_WAITING:
            if isinstance(line, Done | Rated):
                self._lose(1)
            return
        self._lines.append(line)
        self._waiting.set()

    def _lose(self, count: int) -> None:
        self.lost += count
        if not self._overflowing:
            self._overflowing = True
            logger.error(
                "records are lost: neither the disk nor the database takes them, and %d wait",
                len(self._lines),
            )

    # The tasks

    async def _tick(self) -> None:
        """Write from time to time that the gateway is alive, while calls run."""
        while True:
            await asyncio.sleep(ALIVE_EVERY)
            if self._spool.has_open:
                self.put(Alive(round(time(), 3)))

    async def _fill_spool(self) -> None:
        """Move what is in memory onto the disk, as much at once as has come meanwhile."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            lines = list(self._lines)
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
        """Take lines that are safe from memory; they are its first."""
        for _ in range(count):
            self._lines.popleft()
        if self._overflowing and len(self._lines) <= MOST_WAITING // 2:
            self._overflowing = False
            logger.warning("%d records have been lost, and there is room again", self.lost)
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
            kept = [line for line in self._lines if not _is_settled_by(batch, line)]
            self._lines.clear()
            self._lines.extend(kept)
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
        self.written += len(rows) - len(bad)
        if bad:
            self.lost += len(bad)
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
        return await self._wait_for(lambda: not (self._lines or self._spool.backlog), limit)

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
        return not self._lines and bool(self._database_fault or not self._spool.backlog)

    async def close(self) -> None:
        """Deliver what can be delivered soon, and let go of everything."""
        if self._tasks:
            await self._wait_for(self._is_settled, CLOSE_TIMEOUT)
            left = sum(isinstance(line, Done | Rated) for line in self._lines)
            if waiting := self._spool.backlog:
                logger.warning("%d records wait on the disk for the next start", waiting)
            if left:
                self.lost += left
                logger.error("%d records are lost: neither disk nor database takes them", left)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._in_thread(self._spool.close)
        self._thread.shutdown(wait=False)


async def _go_on(work: Callable[[], Awaitable[None]]) -> None:
    """Do work without an end; a fault of ours must not end all records."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("records have failed to move on, and are tried again")
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
