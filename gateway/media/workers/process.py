"""One worker process as the gateway sees it: started, asked, watched, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from asyncio.subprocess import Process

from gateway.errors import GatewayError, UnavailableError
from gateway.media.events import MediaEvent
from gateway.media.parameters import MediaConfig
from gateway.media.workers import messages
from gateway.media.workers.channel import Channel, ChannelError, connect
from gateway.media.workers.messages import Command, Done, Message, Opened, Refused, Reply
from gateway.media.workers.session import WorkerLostError, WorkerSession
from gateway.media.workers.wire import WireError

logger = logging.getLogger(__name__)

# Python, numpy and the libraries of media take most of a second, on a machine that is busy longer
START_TIMEOUT = 20.0  # seconds
# Commands take milliseconds. A worker that hangs is killed before this, and they end with it
COMMAND_TIMEOUT = 5.0
STOP_TIMEOUT = 3.0

PING_INTERVAL = 0.5
# Unanswered pings after which new calls go elsewhere, and after which the worker is killed. They
# are counted rather than timed: a pause of our own process is no fault of a worker's
SLOW = 2
HUNG = 6

# More commands than so many at a time are not waiting for a worker, but piling up before one
MAX_PENDING = 4096


class WorkerProcess:
    """A worker that runs, or did. Made by `launch`; `ended` is set when it is gone."""

    def __init__(self, number: int, process: Process, channel: Channel) -> None:
        self.number = number
        self.counters: dict[str, int] = {}
        self.report = messages.Report()
        self.ended = asyncio.Event()
        self._process = process
        self._channel = channel
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self._sessions: dict[int, WorkerSession] = {}
        self._last_request = self._last_session = 0
        self._unanswered = 0
        self._stopping = False
        self._watching: asyncio.Task[None] | None = None
        self._living = asyncio.create_task(self._live(), name=f"media-worker-{number}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def sessions(self) -> int:
        """Sessions that are open or being opened."""
        return len(self._sessions)

    @property
    def slow(self) -> bool:
        """Whether it has not answered for a while."""
        return self._unanswered >= SLOW

    async def start(self, config: MediaConfig) -> None:
        """Have it make its media plane, and watch it from then on.

        Raises
        ------
        UnavailableError
            Its plane cannot start (`MediaPlane.start`), or it has ended.
        """
        try:
            await self.ask(messages.Start(config), limit=START_TIMEOUT)
        except WorkerLostError:
            raise UnavailableError(
                f"media worker {self.number} ended as it started; the log says why"
            ) from None
        self._watching = asyncio.create_task(self._watch(), name=f"media-watch-{self.number}")

    async def open(self) -> WorkerSession:
        """Open a session in this worker.

        Raises
        ------
        UnavailableError
            The worker is gone, has no port left, or does not answer.
        """
        self._last_session += 1
        number = self._last_session
        self._sessions[number] = session = WorkerSession(self, number)
        try:
            reply = await self.ask(messages.Open(), number)
            if not isinstance(reply, Opened):
                raise UnavailableError(f"media worker {self.number} answers Open with {reply}")
        except BaseException:
            self.forget(number)
            self._abandon(number)
            raise
        session.local = reply.local
        return session

    def _abandon(self, session: int) -> None:
        """Have a session closed that may still be opening, and that nobody waits for."""
        with contextlib.suppress(ChannelError):
            self._channel.send(messages.Close(), session=session)

    async def ask(
        self, command: Command, session: int = 0, limit: float = COMMAND_TIMEOUT
    ) -> Reply:
        """Have a command carried out, and return the reply.

        Raises
        ------
        GatewayError
            What the worker has raised.
        WorkerLostError
            The worker is gone.
        UnavailableError
            It did not answer in time.
        """
        if self.ended.is_set():
            raise self._lost_error()
        if len(self._pending) >= MAX_PENDING:
            raise UnavailableError(f"media worker {self.number} has {MAX_PENDING} commands to do")
        self._last_request += 1
        request = self._last_request
        answered = asyncio.get_running_loop().create_future()
        self._pending[request] = answered
        try:
            self._channel.send(command, request=request, session=session)
            async with asyncio.timeout(limit):
                reply: Reply = await answered
        except TimeoutError:
            what = f"did not answer {type(command).__name__} within {limit:g} s"
            raise UnavailableError(f"media worker {self.number} {what}") from None
        finally:
            del self._pending[request]
        if isinstance(reply, Refused):
            raise messages.error_of(reply)
        return reply

    def forget(self, session: int) -> None:
        """Hand on no more events of this session."""
        self._sessions.pop(session, None)

    async def stop(self) -> None:
        """End it in an orderly way, and by force what does not end in time."""
        self._stopping = True
        for session in self._sessions.values():
            session.let_go()
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self.ask(messages.Stop())
                await self.ended.wait()
        except (GatewayError, TimeoutError) as error:
            if not self.ended.is_set():
                logger.error("media worker %d does not stop, and is killed: %s", self.number, error)
        finally:
            await self.discard()

    def kill(self) -> None:
        """End it at once, if it has not ended; its calls hear of it."""
        if self._process.returncode is None:
            self._process.kill()

    async def discard(self) -> None:
        """End it by force, and wait until it is gone."""
        self._stopping = True
        self.kill()
        await asyncio.shield(self._living)

    async def _live(self) -> None:
        """Read what comes up until nothing can come any more."""
        try:
            async for frame in self._channel.frames():
                self._unanswered = 0
                self._take(frame.request, frame.session, frame.message)
        except WireError as error:
            logger.error("media worker %d is not understood, and is killed: %s", self.number, error)
        finally:
            if self._watching is not None:
                self._watching.cancel()
            self._lose()  # calls first: what follows may take a while
            self.kill()
            status = await self._process.wait()
            await self._channel.close()
            if not self._stopping:
                logger.error("media worker %d has ended, status %d", self.number, status)

    def _take(self, request: int, session: int, message: Message) -> None:
        match message:
            case Done() | Opened() | Refused():
                answered = self._pending.get(request)
                if answered is not None and not answered.done():
                    answered.set_result(message)
            case messages.Report():
                self.report = message
                self.counters.update(message.counters)
            case _ if isinstance(message, MediaEvent):
                self._happened(session, message)
            case _:
                raise WireError(f"{type(message).__name__} is a command")

    def _happened(self, number: int, event: MediaEvent) -> None:
        session = self._sessions.get(number)
        if session is None:  # closed while its event was on the way
            return
        try:
            session.happened(event)
        except Exception:  # one call's fault is its own
            logger.exception("an event of a session could not be handed on")

    async def _watch(self) -> None:
        """Ping it, and kill it when it does not answer."""
        while self._unanswered < HUNG:
            with contextlib.suppress(ChannelError):  # it reads no more: that is no answer either
                self._channel.send(messages.Ping())
            self._unanswered += 1
            await asyncio.sleep(PING_INTERVAL)
        seconds = HUNG * PING_INTERVAL
        logger.error("media worker %d hangs for %g s, and is killed", self.number, seconds)
        self.kill()

    def _lose(self) -> None:
        self.ended.set()
        for answered in self._pending.values():
            if not answered.done():
                answered.set_exception(self._lost_error())
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            session.lose()

    def _lost_error(self) -> WorkerLostError:
        return WorkerLostError(f"media worker {self.number} has ended")


async def launch(number: int, config: MediaConfig) -> WorkerProcess:
    """Start a worker process; it takes calls when this returns.

    Raises
    ------
    UnavailableError
        The process or its media plane cannot start.
    """
    try:
        worker = await _spawn(number)
    except OSError as error:
        why = error.strerror or str(error)
        raise UnavailableError(f"media worker {number} cannot be started: {why}") from error
    try:
        await worker.start(config)
    except BaseException:
        await worker.discard()
        raise
    logger.info("media worker %d runs, process %d", number, worker.pid)
    return worker


async def _spawn(number: int) -> WorkerProcess:
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *_command(number, theirs.fileno()),
                env={**os.environ, "PYTHONPATH": _search_path()},
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C in a terminal goes to every process of its group, and our calls are to
                # end with BYE before their media does
                start_new_session=True,
            )
        return WorkerProcess(number, process, await connect(ours))
    except BaseException:
        ours.close()
        raise


def _command(number: int, descriptor: int) -> list[str]:
    level = logging.getLevelName(logging.getLogger().getEffectiveLevel()).lower()
    options = {"--fd": str(descriptor), "--number": str(number), "--log-level": level}
    arguments = [word for option in options.items() for word in option]
    # -P: the folder that the gateway was started in is no place to import from
    return [sys.executable, "-P", "-m", "gateway.media.workers", *arguments]


def _search_path() -> str:
    """Return where we import from: a worker is to be the same code, wherever that lies."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)
