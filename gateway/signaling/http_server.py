"""The server below the web application: it counts a connection before a byte of it is read.

The event loop's own server shows a connection only once TLS is agreed on. A handshake that never
ends would then be counted by nobody, and hold a file for a minute. So connections are accepted
here, and have a place before TLS begins.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import uvicorn

from gateway.signaling.http_guard import Connections, GuardedHttp, Place

logger = logging.getLogger(__name__)

TLS_TIMEOUT = 5.0  # seconds for a handshake, and for the end: two round trips of a bad network
# Connections that are taken before others have their turn. When hundreds of pages come back at
# once, one that is open must not wait for the handshakes of all that are not
AT_ONCE = 4
OUT_OF_FILES_PAUSE = 1.0  # seconds, as asyncio waits
WARNING_INTERVAL = 60.0  # seconds


def _nothing() -> None:
    pass


class Server(uvicorn.Server):
    """uvicorn's server with an acceptor of ours.

    Parameters
    ----------
    config
        Its `http` is a class made by `guarded`.
    on_up
        Called once connections are taken.
    """

    def __init__(self, config: uvicorn.Config, on_up: Callable[[], None] = _nothing) -> None:
        super().__init__(config)
        self._on_up = on_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections from `sockets`."""
        http = self.config.http
        assert isinstance(http, type)
        assert issubclass(http, GuardedHttp)

        def create(place: Place) -> GuardedHttp:
            protocol = http(self.config, self.server_state, self.lifespan.state)
            protocol.place = place
            return protocol

        acceptors = [
            Acceptor(each, http.connections_of_addresses, create, self.config)
            for each in sockets or ()
        ]
        for acceptor in acceptors:
            acceptor.start()
        # uvicorn closes them, and waits for their end, as it does with asyncio's
        self.servers = cast("list[asyncio.Server]", acceptors)
        self.started = True
        self._on_up()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command line, which has calls to end first."""
        yield


class Acceptor:
    """Takes connections off a listening socket and hands each to a protocol of its own.

    A quarter of the files that the process may open is left to calls, which need some for media.

    Parameters
    ----------
    connections
        Says which address may have one more.
    create
        Makes the protocol of a connection that has a place; it has to leave it.
    """

    def __init__(
        self,
        listener: socket.socket,
        connections: Connections,
        create: Callable[[Place], GuardedHttp],
        config: uvicorn.Config,
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._create = create
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._warned = float("-inf")

    def start(self) -> None:
        """Listen."""
        self._listener.setblocking(False)
        self._listener.listen(self._config.backlog)
        self._resume()

    def close(self) -> None:
        """Take no more; connections that are complete go on."""
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()
        for handshake in self._handshakes:
            handshake.cancel()

    async def wait_closed(self) -> None:
        """Wait until nothing is left of handshakes that were cut off."""
        if self._handshakes:
            await asyncio.wait(self._handshakes)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # The one that waits would wake us at once again
                self._warn(f"no connection can be taken: {error.strerror}")
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(OUT_OF_FILES_PAUSE, self._resume)
                return
            self._take(connection, address[0])

    def _take(self, connection: socket.socket, host: str) -> None:
        if not _has_files(connection):
            self._warn("connections are closed: the rest of the files is for calls")
            connection.close()
            return
        place = self._connections.enter(host)
        if place is None:
            connection.close()
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._shake_hands(connection, place), name="accept")
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, connection: socket.socket, place: Place) -> None:
        tls = self._config.ssl
        limit = None if tls is None else TLS_TIMEOUT
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._create(place),
                connection,
                ssl=tls,
                ssl_handshake_timeout=limit,
                ssl_shutdown_timeout=limit,
            )
        except OSError:
            # No TLS, or not in time: it never was a connection for the protocol
            place.leave()
        except BaseException:
            place.leave()
            raise

    def _warn(self, text: str) -> None:
        """Say it, but not for each of thousands."""
        now = self._loop.time()
        if now - self._warned >= WARNING_INTERVAL:
            self._warned = now
            logger.warning("%s", text)


def _has_files(newest: socket.socket) -> bool:
    """Whether there are files for calls beside this one: the kernel gives the lowest number."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most == resource.RLIM_INFINITY or newest.fileno() < most - most // 4
