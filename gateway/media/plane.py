"""The media plane of one process: every session, one clock, and the batches that serve them."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter

from gateway.errors import UnavailableError
from gateway.media import clock
from gateway.media.core.down_batch import DownBatch
from gateway.media.core.trunk_receiver import TrunkReceiver
from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.core.up_batch import UpBatch
from gateway.media.counters import Counters
from gateway.media.parameters import MediaConfig
from gateway.media.ports import PortRange
from gateway.media.session import MediaSession
from voice import libopus

logger = logging.getLogger(__name__)

WATCH_TICKS = round(1 / clock.TICK)  # browsers are looked after once a second


class MediaPlane:
    """Opens sessions and moves their audio.

    The clock runs while there are sessions: an idle gateway does nothing.
    """

    def __init__(self, config: MediaConfig) -> None:
        self._config = config
        self._ports = PortRange(config.address, *config.ports)
        self._sessions: set[MediaSession] = set()
        self._slots: list[list[TrunkSender]] = [[] for _ in range(clock.SLOTS)]
        self._clock: asyncio.Task[None] | None = None
        self._closed = False
        self._tick_number = 0
        self.counters = Counters()
        self.down = DownBatch(self.counters)
        self._up = UpBatch()
        self._receiver = TrunkReceiver(self.counters)

    async def start(self) -> None:
        """Make sure that calls will find what they need.

        Raises
        ------
        UnavailableError
            When libopus cannot be loaded, or the address is none of this machine's.
        """
        try:
            library = libopus.load()
        except libopus.LibopusError as error:
            raise UnavailableError(str(error)) from error
        self._ports.check()
        logger.info("media on %s, libopus %s", self._config.address, library)

    async def open(self) -> MediaSession:
        """Open a session.

        Raises
        ------
        UnavailableError
            When no port is free, or as many sessions are open as the plane may carry.
        """
        if self._closed:
            raise UnavailableError("the media plane is closed")
        if len(self._sessions) >= self._config.sessions:
            raise UnavailableError(f"all {self._config.sessions} media sessions are in use")
        session = MediaSession(self, self._config, self._ports)
        await session.open()
        return session

    def stats(self) -> dict[str, int]:
        """Return what the plane has counted so far, by name."""
        return {"sessions": len(self._sessions), **self.counters}

    async def close(self) -> None:
        """Close every session and stop the clock; harmless when called twice."""
        self._closed = True
        closing = [session.close() for session in self._sessions]
        for fault in await asyncio.gather(*closing, return_exceptions=True):
            if fault is not None:
                logger.error("a session did not close", exc_info=fault)
        self._stop_clock()
        self._receiver.close()

    # What sessions ask of their plane

    def enlist(self, session: MediaSession) -> None:
        """Serve this session from now on."""
        if self._closed:
            raise UnavailableError("the media plane is closed")
        self._receiver.add(session.port, session.from_trunk)
        self._sessions.add(session)
        self._join(session.sender, min(range(clock.SLOTS), key=lambda n: len(self._slots[n])))
        if self._clock is None:
            self._clock = asyncio.create_task(clock.run(self._tick, self._skip), name="media-clock")
            self._clock.add_done_callback(_report_fault)

    def discharge(self, session: MediaSession) -> None:
        """Serve this session no longer; call before its sockets are closed."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        self._receiver.remove(session.port)
        self._slots[session.sender.slot].remove(session.sender)
        if not self._sessions:
            self._stop_clock()

    def follow(self, sender: TrunkSender) -> None:
        """Put a sender into the slot that comes next: its stream's first packet is here."""
        self._move(sender, (self._tick_number + 1) % clock.SLOTS)

    def _join(self, sender: TrunkSender, slot: int) -> None:
        sender.slot = slot
        self._slots[slot].append(sender)

    def _move(self, sender: TrunkSender, slot: int) -> None:
        self._slots[sender.slot].remove(sender)
        self._join(sender, slot)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _skip(self, frames: int) -> None:
        """Let time pass that nothing was sent in: the process stood still for too long."""
        self.counters["frames_skipped"] += frames * len(self._sessions)
        for session in self._sessions:
            session.sender.pass_frames(frames)

    def _tick(self, number: int) -> None:
        self._tick_number = number
        now = perf_counter()
        self._receiver.drain(now)
        self.down.serve()
        for late in self._up.serve(self._slots[number % clock.SLOTS], now):
            self._move(late, (number + 1) % clock.SLOTS)
        if number % WATCH_TICKS == 0:
            for session in list(self._sessions):
                session.watch(now, WATCH_TICKS * clock.TICK)


def _report_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("the media clock stopped", exc_info=error)
