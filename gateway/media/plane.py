"""The media plane of one process: every session, one clock, and the batches that serve them."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
from collections.abc import Callable
from time import perf_counter, time

from gateway.errors import UnavailableError
from gateway.media import clock
from gateway.media.core.down_batch import DownBatch
from gateway.media.core.moment import Moment
from gateway.media.core.trunk_port import TrunkPort
from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.core.up_batch import UpBatch
from gateway.media.counters import Counters
from gateway.media.parameters import MediaConfig
from gateway.media.ports import PortRange
from gateway.media.receiver import Receiver
from gateway.media.session import MediaSession
from voice import libopus

logger = logging.getLogger(__name__)

WATCH_TICKS = round(1 / clock.TICK)  # sessions are looked after once a second, each at its own tick

# What a tick reads later than this after its time may have come long before
PUNCTUAL = 0.004  # seconds

# Calls leave cycles behind, which only a collection of all generations finds. It stops the clock
# for some 0.2 ms per call that goes on, and what is made up for must not be spent on it
COLLECTED = 100  # calls that are over
FEW = 100  # calls that go on; with more the interpreter's own turn has to do

SWEEP = 0.5  # seconds between looks at the ports of calls that are over


class MediaPlane:
    """Opens sessions and moves their audio.

    The clock runs while there are sessions: an idle gateway does nothing.
    """

    def __init__(self, config: MediaConfig) -> None:
        self._config = config
        self._ports = PortRange(config.address, *config.ports)
        self._ports.begin_at(secrets.randbits(16))
        self._sessions: set[MediaSession] = set()
        self._watched: list[list[MediaSession]] = [[] for _ in range(WATCH_TICKS)]
        self._noisy: set[MediaSession] = set()
        self._slots: list[list[TrunkSender]] = [[] for _ in range(clock.SLOTS)]
        self._paced: list[TrunkSender] = []  # whose packets are no frames of the clock
        self._clock: asyncio.Task[None] | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False
        self._ended = 0  # calls since the last collection
        self._tick_number = 0
        self.counters = Counters()
        self.receiver = Receiver(self.counters)
        self.down = DownBatch(self.counters)
        self._up = UpBatch()
        self.moment = Moment(perf_counter())
        self.unix_offset = time() - self.moment.now

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
        if not self._sessions:
            self.moment.now = perf_counter()
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
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        self._ports.close()
        self.receiver.close()

    # What sessions ask of their plane

    def enlist(self, session: MediaSession) -> None:
        """Serve this session from now on."""
        if self._closed:
            raise UnavailableError("the media plane is closed")
        port = session.port
        try:
            self.receiver.add(port.rtp.fileno(), port.read)
            self.receiver.add(port.rtcp.fileno(), port.read_rtcp)
        except BaseException:
            self.receiver.remove(port.rtp.fileno())
            raise
        self._sessions.add(session)
        self._watched[self._tick_number % WATCH_TICKS].append(session)
        self._join(session.sender, min(range(clock.SLOTS), key=lambda n: len(self._slots[n])))
        if self._clock is None:
            self._clock = asyncio.create_task(clock.run(self._tick, self._skip), name="media-clock")
            self._clock.add_done_callback(self._clock_ended)

    def _clock_ended(self, task: asyncio.Task[None]) -> None:
        """Without a clock no call has audio: end them all, so that somebody hears of it."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        logger.critical("the media clock stopped", exc_info=error)
        self._clock = None
        for session in tuple(self._sessions):
            session.failed()

    def discharge(self, session: MediaSession) -> None:
        """Serve this session no longer; call before its sockets are closed."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        self._noisy.discard(session)
        for watched in self._watched:
            if session in watched:
                watched.remove(session)
        self.receiver.remove(session.port.rtp.fileno())
        self.receiver.remove(session.port.rtcp.fileno())
        self._slots[session.sender.slot].remove(session.sender)
        if session.sender in self._paced:
            self._paced.remove(session.sender)
        self.down.forget(session.down.leg)
        self._ended += 1
        if not self._sessions:
            self._stop_clock()
        if self._sweeping is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._sweeping = loop.call_later(SWEEP, self._sweep)

    def follow(self, sender: TrunkSender) -> None:
        """Put a sender into the slot that is served next: its stream's first packet is here."""
        self._move(sender, self._tick_number % clock.SLOTS)

    def pace(self, sender: TrunkSender) -> None:
        """Ask a sender each tick for packets that are due, if its are no frames of the clock."""
        if sender in self._paced:
            self._paced.remove(sender)
        if sender.packetizer is not None:
            self._paced.append(sender)

    def fill_silence(self, session: MediaSession) -> None:
        """Have a session make noise each frame, until its trunk sends again."""
        self._noisy.add(session)

    def retire(self, port: TrunkPort) -> None:
        """Take a port back; it is used again once nothing comes there any more."""
        self._ports.retire((port.rtp, port.rtcp), perf_counter())

    def _sweep(self) -> None:
        left = self._ports.sweep(perf_counter())
        if not self._sessions or (self._ended >= COLLECTED and len(self._sessions) <= FEW):
            self._ended = 0
            gc.collect()
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(SWEEP, self._sweep) if left or self._ended else None

    def _join(self, sender: TrunkSender, slot: int) -> None:
        sender.slot = slot
        self._slots[slot].append(sender)

    def _move(self, sender: TrunkSender, slot: int) -> None:
        self._slots[sender.slot].remove(sender)
        self._join(sender, slot % clock.SLOTS)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _skip(self, frames: int) -> None:
        """Let time pass that nothing was sent in: the process stood still for too long."""
        self.counters["frames_skipped"] += frames * len(self._sessions)
        for session in self._sessions:
            session.sender.skip(frames)

    def _tick(self, number: int, due: float) -> None:
        self._tick_number = number
        # The time that a tick was for: the clock's own unrest is none of the network's
        moment = self.moment
        moment.now = now = due
        moment.stale = perf_counter() - due > PUNCTUAL
        self.receiver.drain()
        if self._noisy:
            self._noisy = {each for each in self._noisy if each.make_noise(now)}
        self._guard(self.down.serve)
        self._guard(lambda: self._serve_slot(number, now))
        for sender in tuple(self._paced):
            try:
                sender.send_due(number)
            except Exception:  # one call's fault is its own
                logger.exception("a packet could not be sent")
                sender.failed()
        for session in tuple(self._watched[number % WATCH_TICKS]):
            session.watch(now, WATCH_TICKS * clock.TICK)

    def _serve_slot(self, number: int, now: float) -> None:
        slot = number % clock.SLOTS
        moves = self._up.serve(self._slots[slot], now, number)
        for sender in moves.later:
            self._move(sender, slot + 1)
        for sender in moves.earlier:
            self._move(sender, slot - 1)

    def _guard(self, work: Callable[[], None]) -> None:
        """Do a batch's work; whatever goes wrong in it, the clock goes on."""
        try:
            work()
        except Exception:
            logger.exception("a batch could not be served")
            self.counters["faults"] += 1
