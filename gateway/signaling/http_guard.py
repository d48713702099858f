"""What a connection may cost before it has asked for anything: some seconds, some bytes, a place.

Uvicorn waits for the end of a request as long as the client likes, and keeps all of its headers. So
whoever sends a byte a minute (a slow loris), or headers without an end, holds a connection and our
memory. A whole request has a time and a size here, and an address a number of connections.

Uvicorn also makes what an answer needs for each request that is read, before the earlier ones have
their answers: for 5,000 short ones that come in one read. Few may wait here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.admission.address import client_key

REQUEST_TIMEOUT = 10.0  # seconds: a phone on a bad network sends its headers within two
MAX_REQUEST = 128 * 1024  # bytes, twice the longest body that the operator's API takes
MAX_WAITING = 8  # requests behind the one that is answered; no browser and no proxy sends any


class Place:
    """A connection's place among those of its address."""

    __slots__ = ("_connections", "_key")

    def __init__(self, connections: Connections, key: str | None) -> None:
        self._connections = connections
        self._key = key  # None: it counts for nobody

    def leave(self) -> None:
        """Give the place back; the second time does nothing."""
        key, self._key = self._key, None
        if key is not None:
            self._connections.leave(key)


class Connections:
    """Counts the connections of each address that are no WebSockets yet.

    Parameters
    ----------
    most
        How many one address may have; 0 for no limit.
    exempt
        Whether an address has no such limit: a proxy, which speaks for many.
    """

    def __init__(self, most: Callable[[], int], exempt: Callable[[str], bool]) -> None:
        self._most = most
        self._exempt = exempt
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def enter(self, host: str) -> Place | None:
        """Count a connection; return its place, None for one that is too many."""
        if self._exempt(host):
            return Place(self, None)
        key = client_key(host)
        if 0 < self._most() <= self._open[key]:
            return None
        self._open[key] += 1
        return Place(self, key)

    def leave(self, key: str) -> None:
        """Take one off again."""
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]


class _TooManyRequestsError(Exception):
    """Stops the parser."""


class GuardedHttp(HttpToolsProtocol):
    """Uvicorn's protocol, with an end to its patience.

    `place` is the connection's own: whoever accepts it sets it, and we leave it.
    """

    connections_of_addresses: ClassVar[Connections]

    place: Place
    _deadline: asyncio.TimerHandle | None = None
    _unread = 0  # bytes of a request that is not whole

    def connection_made(self, transport: Any) -> None:
        """Give the first request its time."""
        super().connection_made(transport)
        self._expect_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave, unless it has become a WebSocket before."""
        self._leave()
        self.pipeline.clear()  # they refer to us
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless a request has no end."""
        self._unread += len(data)
        if self._unread > MAX_REQUEST:
            self.transport.abort()
        else:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Give the request its time, unless too many wait already."""
        if len(self.pipeline) >= MAX_WAITING:
            self.transport.abort()
            raise _TooManyRequestsError
        super().on_message_begin()
        self._expect_end()

    def on_message_complete(self) -> None:
        """Take the time off: it is whole."""
        self._unread = 0
        self._cancel()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the WebSocket, whose own limits hold from here on."""
        self._leave()
        super().handle_websocket_upgrade()
        # It refers to us: collections, which seldom look at everything, are spared both
        self.parser = None  # type: ignore[assignment]  # as uvicorn does at the end

    def _expect_end(self) -> None:
        self._cancel()
        self._deadline = self.loop.call_later(REQUEST_TIMEOUT, self.transport.abort)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _leave(self) -> None:
        self._cancel()
        self.place.leave()


def guarded(connections: Connections) -> type[GuardedHttp]:
    """Return the protocol class for one server: uvicorn makes an object of it per connection."""
    return type("GuardedHttp", (GuardedHttp,), {"connections_of_addresses": connections})
