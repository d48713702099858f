"""One end of the socket pair between the gateway and a media worker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

from gateway.errors import UnavailableError
from gateway.media.workers.messages import Message
from gateway.media.workers.wire import Frame, FrameReader, encode

# What may wait to be sent. Commands and events take 100 to 500 bytes: an end that lets so many lie
# has stopped for longer than its calls last
MAX_WAITING = 4 * 1024 * 1024  # bytes

_READ = 64 * 1024  # bytes at a time


class ChannelError(UnavailableError):
    """Nothing can be sent: the other end is gone, or reads no more."""


class Channel:
    """Sends at once and without waiting; reads frame by frame. Made by `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def waiting(self) -> int:
        """Bytes that the other end has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    def send(self, message: Message, *, request: int = 0, session: int = 0) -> None:
        """Send a message after those that were sent before.

        Raises
        ------
        ChannelError
            The other end is gone, or too much waits for it already.
        WireError
            The message cannot be written.
        """
        if self._writer.is_closing():
            raise ChannelError("the other end of a media worker's channel is gone")
        if self.waiting > MAX_WAITING:
            raise ChannelError(f"{self.waiting} bytes wait for a media worker's channel already")
        self._writer.write(encode(Frame(request, session, message)))

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield frames until the other end closes the channel or dies.

        Raises
        ------
        WireError
            What came is no frame.
        """
        reader = FrameReader()
        while True:
            try:
                data = await self._reader.read(_READ)
            except ConnectionError:
                return
            if not data:
                return
            for frame in reader.feed(data):
                yield frame

    async def close(self) -> None:
        """Send what waits, and close; a dead or stuck other end holds nobody up."""
        self._writer.close()
        try:
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()
        except (TimeoutError, ConnectionError):
            self._writer.transport.abort()


async def connect(end: socket.socket) -> Channel:
    """Make a channel on one end of a socket pair; the channel owns it from now on."""
    end.setblocking(False)
    return Channel(*await asyncio.open_unix_connection(sock=end))
