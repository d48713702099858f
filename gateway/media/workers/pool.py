"""Worker processes that carry the media of all calls, behind the interface of a `MediaPlane`.

Each worker has a media plane, an event loop and a clock of its own. Calls go to the one that has
least to do. One that dies or hangs takes its own calls with it and is started again; signaling
goes on, and new calls go to the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from gateway.errors import GatewayError, UnavailableError
from gateway.media.parameters import MediaConfig
from gateway.media.workers.process import WorkerProcess, launch
from gateway.media.workers.session import WorkerSession
from gateway.media.workers.sharing import burden, delays, split_ports

logger = logging.getLogger(__name__)

# A worker that has lived so long did not fail for what made the one before it fail
SETTLED = 10.0  # seconds


class _Place:
    """A worker's number and ports; the workers in it come and go."""

    def __init__(self, number: int, config: MediaConfig) -> None:
        self.number = number
        self.config = config
        self.worker: WorkerProcess | None = None

    async def fill(self) -> WorkerProcess:
        """Start a worker here."""
        self.worker = await launch(self.number, self.config)
        return self.worker


class WorkerPool:
    """Opens sessions in worker processes.

    Parameters
    ----------
    config
        What each worker's plane is made with; the ports are shared out among them.
    count
        How many workers.

    Raises
    ------
    ConfigError
        There are too few ports for so many workers.
    """

    def __init__(self, config: MediaConfig, count: int) -> None:
        self._config = config
        self._places = [
            _Place(number, replace(config, ports=ports))
            for number, ports in enumerate(split_ports(config.ports, count), start=1)
        ]
        self._past: Counter[str] = Counter()  # what the workers that are gone have counted
        self._keepers: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def workers(self) -> list[WorkerProcess]:
        """The workers that take calls."""
        running = [place.worker for place in self._places if place.worker is not None]
        return [worker for worker in running if not worker.ended.is_set()]

    @property
    def counters(self) -> Mapping[str, int]:
        """What all workers have counted so far, those that are gone included."""
        total = Counter(self._past)
        for worker in self._filled():
            total.update(worker.counters)
        return total

    def stats(self) -> dict[str, int]:
        """Return what the plane has counted so far, by name."""
        return {"sessions": self._sessions(), **self.counters}

    async def start(self) -> None:
        """Start every worker.

        Raises
        ------
        UnavailableError
            One of them cannot start.
        """
        try:
            async with asyncio.TaskGroup() as starting:
                for place in self._places:
                    starting.create_task(place.fill())
        except BaseExceptionGroup as group:
            await self.close()
            raise group.exceptions[0] from None  # they fail for the same reason, or after the first
        for place in self._places:
            keeper = asyncio.create_task(self._keep(place), name=f"media-keeper-{place.number}")
            keeper.add_done_callback(_report_fault)
            self._keepers.append(keeper)

    async def open(self) -> WorkerSession:
        """Open a session in the worker that has least to do.

        Raises
        ------
        UnavailableError
            No worker runs or has a port free, or as many sessions are open as the plane may carry.
        """
        if self._closed:
            raise UnavailableError("the media plane is closed")
        if self._sessions() >= self._config.sessions:
            raise UnavailableError(f"all {self._config.sessions} media sessions are in use")
        refusal = UnavailableError("no media worker is running; one is being started")
        for worker in sorted(self.workers, key=_burden):
            try:
                return await worker.open()
            except UnavailableError as error:
                logger.warning("media worker %d opens no session: %s", worker.number, error)
                refusal = error
        raise refusal

    async def close(self) -> None:
        """Close every session and end every worker; harmless when called twice."""
        self._closed = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        stopping = [worker.stop() for worker in self._filled()]
        for fault in await asyncio.gather(*stopping, return_exceptions=True):
            if fault is not None:
                logger.error("a media worker did not stop", exc_info=fault)

    def _filled(self) -> list[WorkerProcess]:
        return [place.worker for place in self._places if place.worker is not None]

    def _sessions(self) -> int:
        return sum(worker.sessions for worker in self._filled())

    async def _keep(self, place: _Place) -> None:
        """Start the worker of a place again whenever it is gone."""
        now = asyncio.get_running_loop().time
        waits = delays()
        began = now()
        while place.worker is not None:
            await place.worker.ended.wait()
            self._past.update({**place.worker.counters, "workers_lost": 1})
            place.worker = None
            if now() - began > SETTLED:
                waits = delays()
            while place.worker is None:
                await asyncio.sleep(next(waits))
                began = now()
                try:
                    await place.fill()
                except GatewayError as error:
                    logger.error("media worker %d is not back yet: %s", place.number, error)


def _burden(worker: WorkerProcess) -> tuple[bool, float]:
    return worker.slow, burden(worker.sessions, worker.report)


def _report_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("a media worker is not kept running any more", exc_info=error)
