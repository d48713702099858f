"""A TCP relay on loopback that a test can cut, as a network is cut: without a goodbye."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class TcpRelay:
    """Passes bytes between its own port and another one.

    `refuse` closes what connects from now on. `taken` counts what has connected.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.refuse = False
        self.taken = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Reset all that is connected, at both ends."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def swallow(self) -> None:
        """Let nothing more through of what is connected, and tell neither end."""
        self._dead |= self._writers

    async def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()
        self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        if self.refuse:
            writer.transport.abort()
            return
        behind, far = await asyncio.open_connection("127.0.0.1", self._target)
        for each in (writer, far):
            raw = each.get_extra_info("socket")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._writers |= {writer, far}
        try:
            await asyncio.gather(self._pump(reader, far), self._pump(behind, writer))
        finally:
            self._writers -= {writer, far}
            self._dead -= {writer, far}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if sink not in self._dead:
                    sink.write(data)
                    await sink.drain()
        sink.close()


@asynccontextmanager
async def relaying(target: int) -> AsyncIterator[TcpRelay]:
    """Run a relay to a port of loopback."""
    relay = TcpRelay(target)
    await relay.start()
    try:
        yield relay
    finally:
        await relay.close()
