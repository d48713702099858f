"""Takes events, puts them on the disk, and sends them: two tasks, and no call waits for either.

    calls → inbox → queue (a file, on the disk within milliseconds) → the operator's server

Events of one call are sent in their order, those of several beside each other. A server that is
away is asked by one attempt at a time, less and less often; once it has taken one, all that is due
follows. An event that it refuses waits alone, and what comes after it in its call.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, time
from typing import Protocol, TypeVar

from gateway.errors import UnavailableError
from gateway.webhooks.event import Event
from gateway.webhooks.post import Answer, Verdict
from gateway.webhooks.queue import Dead, Queue, Waiting
from gateway.webhooks.schedule import wait_after
from gateway.webhooks.signature import Signer

logger = logging.getLogger(__name__)

# Attempts at a time: a server that takes 100 ms for each takes 80 events a second
AT_ONCE = 8
# Events that wait for the disk: 20 MB, and the calls of minutes on a busy gateway
MOST_INBOX = 10_000
# How long what is too old may stay; and how soon a disk that took nothing is tried again
SWEEP_EVERY = 30.0  # seconds
RETRY = 1.0  # seconds
# For the last events when the gateway stops: where it does not come back, nobody sends them later
CLOSE_TIMEOUT = 2.0  # seconds

T = TypeVar("T")


class Post(Protocol):
    """What makes an attempt."""

    async def post(self, body: str, headers: dict[str, str]) -> Answer: ...


@dataclass(slots=True)
class Counts:
    """Since the start."""

    sent: int = 0
    failed: int = 0  # attempts
    lost: int = 0  # events for which there was no room, or nobody to take them


class Webhooks:
    """The tasks. Use `open_webhooks`.

    Parameters
    ----------
    url
        Whom `post` leads to.
    retry_for
        Seconds after which an event is not sent any more.
    """

    def __init__(
        self,
        queue: Queue,
        post: Post,
        signer: Signer,
        *,
        url: str,
        retry_for: float,
        wall: Callable[[], float] = time,
        clock: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = url
        self.counts = Counts()
        self.shut = queue.is_shut(url)
        self.why = ""  # the last attempt has failed
        self._queue = queue
        self._post = post
        self._signer = signer
        self._retry_for = retry_for
        self._wall = wall
        self._clock = clock  # no setting of the wall's makes a server wait
        self._chance = chance
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhooks")
        self._inbox: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._wake = asyncio.Event()
        self._failures = 0  # of the server's, in a row
        self._resume_at = float("-inf")  # of the clock that does not jump
        self._running: dict[asyncio.Task[None], str] = {}  # with its key
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """Events that have not been sent."""
        return self._queue.waiting + len(self._inbox)

    @property
    def dead_count(self) -> int:
        """Events that will not be."""
        return self._queue.dead_count

    @property
    def faults(self) -> list[str]:
        """Say what keeps events from the server; no call fails for it."""
        if self.shut:
            return ["no webhooks are sent: their server has said 410 Gone"]
        return [f"{self.waiting} webhooks wait: {self.why}"] if self._failures else []

    def start(self) -> None:
        """Begin to send what an earlier gateway has left."""
        for work in (self._store, self._send):
            name = f"webhooks-{work.__name__.strip('_')}"
            self._tasks.append(asyncio.create_task(self._go_on(work), name=name))

    async def close(self) -> None:
        """Give the last events a moment; what is left is on the disk."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                while self._inbox or (self._queue.waiting and not (self._failures or self.shut)):
                    self._wake.set()
                    await asyncio.sleep(0.02)
        running = [*self._tasks, *self._running]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        if self._inbox:
            logger.error("%d webhooks are lost: the disk has not taken them", len(self._inbox))
        await self._in_thread(self._queue.close)
        self._thread.shutdown(wait=False)

    # What comes

    def put(self, event: Event) -> None:
        """Take an event, at once."""
        if self.shut or len(self._inbox) >= MOST_INBOX:
            self._lose(1)
            return
        self._inbox.append(event)
        self._arrived.set()

    def _lose(self, count: int) -> None:
        if count and not self.shut and not self.counts.lost:
            logger.error("webhooks are lost: %d wait, and there is no more room", self.waiting)
        self.counts.lost += count

    # What the operator asks for

    async def dead(self, most: int) -> list[Dead]:
        """Return the events that are not sent any more, the latest first.

        Raises
        ------
        UnavailableError
            The disk fails.
        """
        return await self._asked(lambda: self._queue.dead(most))

    async def revive(self, ids: Sequence[str] | None) -> int:
        """Send them again, all or these; a server that wanted none is asked again.

        Raises as `dead`.
        """
        count = await self._asked(lambda: self._queue.revive(ids, self._wall()))
        self.shut, self._failures, self._resume_at = False, 0, float("-inf")
        self._wake.set()
        return count

    async def forget(self) -> int:
        """Throw the dead ones away. Raises as `dead`."""
        return await self._asked(self._queue.forget)

    async def _asked(self, work: Callable[[], T]) -> T:
        try:
            return await self._in_thread(work)
        except (sqlite3.Error, OSError) as error:
            logger.warning("webhooks.queue_file: %s", error)
            raise UnavailableError(f"the file of webhooks cannot be used now: {error}") from error

    # The tasks

    async def _go_on(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it for ever: a fault costs time, and no event."""
        while True:
            try:
                await work()
            except (sqlite3.Error, OSError) as error:
                logger.warning("webhooks.queue_file: %s", error)
            except Exception:
                logger.exception("sending webhooks has failed")
            await asyncio.sleep(RETRY)

    async def _store(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self._store_all(list(self._inbox))
            self._wake.set()

    async def _store_all(self, events: list[Event]) -> None:
        try:
            self._lose(await self._in_thread(lambda: self._queue.add(events)))
        except BaseException:
            self._arrived.set()  # they are still in the inbox
            raise
        for _ in events:
            self._inbox.popleft()

    async def _send(self) -> None:
        while True:
            self._wake.clear()
            now = self._wall()
            await self._give_up(now)
            for each in await self._due(now):
                task = asyncio.create_task(self._attempt(each), name="webhook")
                self._running[task] = each.event.key
                task.add_done_callback(self._done)
            await self._nap()

    async def _give_up(self, now: float) -> None:
        expired = await self._in_thread(lambda: self._queue.expire(now - self._retry_for, now))
        if expired:
            logger.error("%d webhooks were not taken in time, and are given up", expired)

    async def _due(self, now: float) -> list[Waiting]:
        most = (1 if self._failures else AT_ONCE) - len(self._running)
        if self.shut or most <= 0 or self._clock() < self._resume_at:
            return []
        busy = set(self._running.values())
        return await self._in_thread(lambda: self._queue.ready(now, most, busy))

    async def _nap(self) -> None:
        """Wait until something has changed, or is due."""
        seconds = SWEEP_EVERY
        # An attempt that ends wakes us anyway, and a long queue takes time to look through
        if not (self.shut or self._running):
            due = await self._in_thread(self._queue.next_due)
            if due is not None:
                until = max(due - self._wall(), self._resume_at - self._clock())
                seconds = min(max(until, 0.01), SWEEP_EVERY)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a webhook could not be sent", exc_info=error)

    async def _attempt(self, waiting: Waiting) -> None:
        event, now, failures = waiting.event, self._wall(), self._failures
        try:
            answer = await self._post.post(event.body, self._signer.headers(event, now))
        except Exception:
            if not failures:
                logger.exception("a webhook could not be sent")
            answer = Answer(Verdict.AWAY, "the gateway failed; its log says why")
        await self._settle(waiting, answer, failures)

    async def _settle(self, waiting: Waiting, answer: Answer, failures: int) -> None:
        self._note(answer, failures)
        try:
            await self._write(waiting, answer)
        except (sqlite3.Error, OSError) as error:
            # It may be sent once more, and not before the disk has had some time
            logger.warning("webhooks.queue_file: %s", error)
            self._failures += 1
            self._resume_at = self._clock() + wait_after(self._failures, self._chance())

    async def _write(self, waiting: Waiting, answer: Answer) -> None:
        event, queue, now = waiting.event, self._queue, self._wall()
        match answer.verdict:
            case Verdict.TAKEN:
                await self._in_thread(lambda: queue.delivered(event))
            case Verdict.GONE:
                self.shut = True
                await self._in_thread(lambda: queue.shut(self.url, answer.why, now))
            case Verdict.AWAY:
                pause = wait_after(self._failures, self._chance(), answer.retry_after)
                self._resume_at = self._clock() + pause
                await self._in_thread(lambda: queue.failed(event, answer.why, 0))
            case Verdict.REFUSED:
                pause = wait_after(waiting.attempts + 1, self._chance(), answer.retry_after)
                await self._in_thread(lambda: queue.failed(event, answer.why, now + pause))

    def _note(self, answer: Answer, failures: int) -> None:
        """Count an attempt, and log when the server goes and comes.

        There were so many failures when it began: of attempts beside each other that find the
        server away all together are one.
        """
        before, away = self._failures, answer.verdict is Verdict.AWAY
        self._failures = failures + 1 if away else 0
        self.why = answer.why
        if answer.verdict is Verdict.TAKEN:
            self.counts.sent += 1
        else:
            self.counts.failed += 1
        if answer.verdict is Verdict.GONE:
            logger.error("webhooks are given up: %s", answer.why)
        elif away and not before:
            logger.warning("webhooks wait: %s", answer.why)
        elif before and not away:
            self._resume_at = float("-inf")
            logger.info("webhooks are taken again after %d attempts", before)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
