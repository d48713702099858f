"""Datagrams on their way to DTLS, in place of the queue that aioice keeps for them.

There is one reader, so one future is enough, and nothing is made for a datagram that is waited for.
asyncio's queue is made for many: three deques and an event (2.6 kB of each call), and a coroutine,
around which asyncio.wait_for puts a task for each flight of the handshake. After the handshake
nobody waits any more: a function takes each datagram as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Take = Callable[[bytes | None], None]


class Arrivals:
    """What aioice puts in, in order: a datagram with its component, or None at the end."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._reader: asyncio.Future[bytes] | None = None
        self._take: Take | None = None
        self._over = False

    def qsize(self) -> int:
        """Return how many datagrams wait."""
        return len(self._waiting)

    def put_nowait(self, arrival: tuple[bytes, int] | None) -> None:
        """Hand a datagram to who waits for one, or keep it; None: there will be no more."""
        if self._take is not None:
            self._take(None if arrival is None else arrival[0])
        elif arrival is None:
            self._over = True
        else:
            self._waiting.append(arrival[0])
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            self._serve(reader)

    def divert(self, take: Take | None) -> None:
        """Hand all that waits, and all that comes, to a function; None at the end.

        Without a function it is kept for a reader, as before.
        """
        self._take = take
        if take is None:
            return
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            take(data)
        if self._over:
            take(None)

    def get(self) -> asyncio.Future[bytes]:
        """Return the next datagram, as soon as there is one; ConnectionError after the last."""
        reader: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._serve(reader)
        return reader

    def _serve(self, reader: asyncio.Future[bytes]) -> None:
        if self._waiting:
            reader.set_result(self._waiting.pop(0))
        elif self._over:
            reader.set_exception(ConnectionError("the connection is closed"))
        else:
            self._reader = reader
