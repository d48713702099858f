"""A worker's own end: carries out what the gateway asks, on a media plane in this process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from gateway.errors import GatewayError, UnavailableError
from gateway.media.events import MediaEvent, Quality
from gateway.media.plane import MediaPlane
from gateway.media.session import MediaSession
from gateway.media.workers import messages
from gateway.media.workers.channel import MAX_WAITING, Channel, ChannelError
from gateway.media.workers.messages import (
    Command,
    Done,
    Message,
    Opened,
    Refused,
    Reply,
    Report,
    SessionCommand,
)
from gateway.media.workers.wire import WireError

logger = logging.getLogger(__name__)

# How often the loop's timers are compared with the clock
SAMPLE = 0.1  # seconds

# Reports may follow each other at once, and no share can be told of no time
MOMENT = 1e-3  # seconds


class Serving:
    """Serves one channel until its other end is gone or asks to stop."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._plane: MediaPlane | None = None
        self._sessions: dict[int, asyncio.Task[MediaSession]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._load = Load()
        self._told: dict[str, int] = {}

    async def run(self) -> None:
        """Serve; every session is closed when this returns."""
        sampling = asyncio.create_task(self._load.sample(), name="load")
        try:
            async for request, session, message in self._channel.frames():
                if isinstance(message, messages.Stop):
                    await self._close_plane()
                    self._send(Done(), request, session)
                    break
                self._begin(request, session, message)
        except WireError as error:
            logger.error("the gateway is not understood: %s", error)
        finally:
            sampling.cancel()
            await self._close_plane()
            await self._channel.close()

    def _begin(self, request: int, session: int, message: Message) -> None:
        if isinstance(message, messages.Ping):
            self._report()
        elif isinstance(message, Command):
            # A task for each: a session that takes its time to close holds no other up, as it
            # would not in one process
            task = asyncio.create_task(self._answer(request, session, message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            raise WireError(f"{type(message).__name__} is no command")

    async def _answer(self, request: int, session: int, command: Command) -> None:
        reply: Reply
        try:
            reply = await self._obey(session, command)
        except GatewayError as error:
            reply = messages.refusal(error)
        except Exception:  # one call's fault is its own
            logger.exception("%s failed", type(command).__name__)
            reply = Refused(GatewayError.name, "a media worker failed; its log says why")
        if isinstance(command, messages.Close):
            self._report()  # what the call has counted is known when it is over
        self._send(reply, request, session)

    async def _obey(self, session: int, command: Command) -> Reply:
        match command:
            case messages.Start(config):
                self._plane = MediaPlane(config)
                await self._plane.start()
            case messages.Open():
                opening = asyncio.create_task(self._open(session))
                self._sessions[session] = opening
                return Opened((await opening).local)
            case messages.Close():
                await self._close(session)
            case _ if isinstance(command, SessionCommand) and session in self._sessions:
                await _pass_on(command, await asyncio.shield(self._sessions[session]))
        return Done()

    async def _open(self, number: int) -> MediaSession:
        if self._plane is None:
            raise UnavailableError("the media plane has not been started")
        session = await self._plane.open()
        session.report_to(lambda event: self._tell(number, event))
        return session

    async def _close(self, number: int) -> None:
        opening = self._sessions.pop(number, None)
        if opening is not None:
            await asyncio.wait([opening])
            if not opening.cancelled() and opening.exception() is None:
                await opening.result().close()

    async def _close_plane(self) -> None:
        plane, self._plane = self._plane, None
        if plane is not None:
            await plane.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _tell(self, session: int, event: MediaEvent) -> None:
        # The gateway stands still: what is of interest only while it is new is left out first
        if isinstance(event, Quality) and self._channel.waiting > MAX_WAITING / 4:
            return
        self._send(event, 0, session)

    def _report(self) -> None:
        counters: dict[str, int] = {} if self._plane is None else dict(self._plane.counters)
        changed = {name: n for name, n in counters.items() if self._told.get(name) != n}
        self._told = counters
        self._send(self._load.report(changed), 0, 0)

    def _send(self, message: Message, request: int, session: int) -> None:
        try:
            self._channel.send(message, request=request, session=session)
        except (ChannelError, WireError) as error:
            logger.error("%s is lost: %s", type(message).__name__, error)


class Load:
    """How much of its core the process takes, and how late its event loop runs.

    Parameters
    ----------
    wall, cpu
        Clocks, in seconds: time that passes, and time that this process computes.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._clocks = wall, cpu
        self._last = wall(), cpu()
        self._late: list[float] = []

    async def sample(self) -> None:
        """Compare the loop's timers with the clock until cancelled."""
        while True:
            due = time.perf_counter() + SAMPLE
            await asyncio.sleep(SAMPLE)
            self.note(time.perf_counter() - due)

    def note(self, late: float) -> None:
        """Take note of how many seconds a timer came too late."""
        self._late.append(max(0.0, late))

    def report(self, counters: dict[str, int]) -> Report:
        """Return how it went since the last report."""
        now = tuple(clock() for clock in self._clocks)
        wall, cpu = (new - old for new, old in zip(now, self._last, strict=True))
        late = sum(self._late) / max(len(self._late), 1)
        self._last, self._late = (now[0], now[1]), []
        return Report(cpu=cpu / max(wall, MOMENT), late=late, counters=counters)


async def _pass_on(command: SessionCommand, session: MediaSession) -> None:
    match command:
        case messages.ConnectBrowser(remote):
            await session.connect_browser(remote)
        case messages.AddCandidate(candidate):
            await session.add_candidate(candidate)
        case messages.ConnectTrunk(remote):
            await session.connect_trunk(remote)
        case messages.SetFlow(flow):
            await session.set_flow(flow)
        case messages.SendDigits(digits, duration_ms, gap_ms):
            await session.send_digits(digits, duration_ms, gap_ms)
