"""A thread that serves legs, seen from the event loop.

The engine has a thread of its own: commands are posted to it, and what it has to tell comes back
into the event loop, where the legs' owners live.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Protocol, TypeVar, cast

from gateway.errors import UnavailableError
from gateway.media.engine.engine import Engine
from gateway.media.engine.pktinfo import tell_destinations
from gateway.media.engine.receive import tell_arrivals
from gateway.own_address import is_anywhere, take_both

logger = logging.getLogger(__name__)

# Of all browsers' packets: a default buffer holds 5 ms of a thousand calls
RECEIVE_BUFFER = 8 * 1024 * 1024  # bytes

STOP_TIMEOUT = 2.0  # seconds; a tick takes 5 ms

# A thread that spends more of its time on ticks than this has none left for one more call, and
# takes calls again below the second figure
BUSY, AT_EASE = 0.85, 0.70

T = TypeVar("T")


class Owner(Protocol):
    """Whoever is told what happens to a leg, as far as faults go."""

    def on_failed(self) -> None: ...


class MediaThread:
    """One engine, its UDP port for browsers, and its thread.

    Attributes
    ----------
    address
        Where browsers send to, as bound.
    sessions
        How many calls it serves.
    """

    def __init__(self, address: str, port: int, name: str) -> None:
        self.socket = _bind(address, port)
        self.address: tuple[str, int] = self.socket.getsockname()[:2]
        try:
            self.engine = Engine(self.socket, self._tell)
        except OSError as error:
            self.socket.close()
            raise UnavailableError(f"{name}: {error}") from None
        self.post = self.engine.post
        self.sessions = 0
        self._thread = threading.Thread(target=self.engine.run, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: set[asyncio.Future[object]] = set()  # that the engine has not answered yet
        self._told = False
        self._stopped = False
        self._overloaded = False

    @property
    def now(self) -> float:
        """Seconds of the engine's clock, whose own `now` stands still while there is no call."""
        return monotonic()

    @property
    def overloaded(self) -> bool:
        """Whether the clock has no time left for one more call."""
        load = self.engine.load if self.sessions else 0.0
        self._overloaded = load > (AT_EASE if self._overloaded else BUSY)
        return self._overloaded

    def start(self) -> None:
        """Serve from now on; call on the event loop that the owners of legs live on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Have a function called on the engine's thread, and return what it returns or raises.

        Raises
        ------
        UnavailableError
            When the thread has stopped.
        """
        if self._stopped:
            raise UnavailableError("the media thread has stopped")
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._calls.add(done)
        try:
            self.post(_carry_out, loop, done, function, arguments)
            result: T = await done
            return result
        finally:
            self._calls.discard(done)
            del done  # an error keeps this frame, and must not be kept by it

    def order(self, owner: Owner, function: Callable[..., None], *arguments: object) -> None:
        """Have a function called on the engine's thread, and wait for nothing.

        If it fails, the leg's owner hears of that.
        """
        self.post(self._obey, owner, function, arguments)

    def _obey(
        self, owner: Owner, function: Callable[..., None], arguments: tuple[object, ...]
    ) -> None:
        try:
            function(*arguments)
        except Exception:
            logger.exception("an order to the media engine failed")
            if self._loop is not None:
                _in_loop(self._loop, _give_up, owner)

    async def stop(self) -> None:
        """End the thread and let its engine go; harmless when called twice."""
        self.engine.stop()
        if self._loop is not None:
            await asyncio.to_thread(self._thread.join, STOP_TIMEOUT)
            if self._thread.is_alive():  # the engine still uses what would be closed
                logger.error("%s has not stopped", self._thread.name)
                return
        self._stopped = True
        self._deliver()
        for done in self._calls:
            if not done.done():
                done.set_exception(UnavailableError("the media thread has stopped"))
        self.engine.close()
        self.socket.close()

    def _tell(self) -> None:
        """Called on the engine's thread: there is news."""
        if not self._told and self._loop is not None:
            self._told = True
            _in_loop(self._loop, self._deliver)

    def _deliver(self) -> None:
        self._told = False
        for method, *arguments in self.engine.take_news():
            try:
                method(*arguments)
            except Exception:  # one call's fault is its own
                logger.exception("news of the media engine could not be taken")
                _give_up(method.__self__)


def _give_up(owner: object) -> None:
    try:
        cast(Owner, owner).on_failed()
    except Exception:
        logger.exception("nobody heard of a fault")


def _carry_out(
    loop: asyncio.AbstractEventLoop,
    done: asyncio.Future[T],
    function: Callable[..., T],
    arguments: tuple[object, ...],
) -> None:
    try:
        result = function(*arguments)
    except Exception as error:  # noqa: BLE001 - it is the caller's to hear of
        _in_loop(loop, _fail, done, error)
    else:
        _in_loop(loop, _succeed, done, result)
    finally:
        del done  # which keeps the error, which keeps this frame


def _in_loop(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: object) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody is there to hear of it
        loop.call_soon_threadsafe(function, *args)


def _succeed(done: asyncio.Future[T], result: T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[T], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if is_anywhere(address):
            take_both(sock)
            tell_destinations(sock)
        sock.bind((address, port))
        tell_arrivals(sock)
        _widen(sock)
    except OSError as error:
        sock.close()
        why = error.strerror or str(error)
        raise UnavailableError(
            f"media.browser_port = {port} on media.address = '{address}': {why}"
        ) from None
    return sock


def _widen(sock: socket.socket) -> None:
    """Ask for a large receive buffer; who is not root gets what net.core.rmem_max allows."""
    force = 33  # SO_RCVBUFFORCE, which the socket module does not name
    try:
        sock.setsockopt(socket.SOL_SOCKET, force, RECEIVE_BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    got = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel doubles it
    if got < RECEIVE_BUFFER:
        logger.info(
            "the browsers' port has a receive buffer of %d kB; net.core.rmem_max allows no more",
            got // 1024,
        )
