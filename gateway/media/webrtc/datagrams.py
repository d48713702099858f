"""A UDP socket in the shape that aioice wants, read by the event loop or by the media clock.

asyncio's own transports read whenever a packet comes, and cannot be told to stop. While ICE and
DTLS come up that is right: every round trip counts. Once media flows the clock reads all sockets at
once (`gateway.media.receiver`), which costs a fraction of it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from gateway.media.receiver import Receiver

Take = Callable[[bytes, Any], None]

LONGEST = 1500  # bytes; one more is read, so that a longer datagram shows


class SocketTransport(asyncio.DatagramTransport):
    """Owns the socket. The protocol is told what asyncio's transport would tell it."""

    def __init__(self, sock: socket.socket, protocol: asyncio.DatagramProtocol) -> None:
        super().__init__()
        self._socket = sock
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._listening = False
        self._receiver: Receiver | None = None
        self._take: Take = protocol.datagram_received
        protocol.connection_made(self)
        self.resume_reading()

    def resume_reading(self) -> None:
        """Have the event loop read."""
        if not self._listening and not self._closing:
            self._loop.add_reader(self._socket.fileno(), self.read)
            self._listening = True

    def pause_reading(self) -> None:
        """Read no longer; whoever reads instead has `get_extra_info("socket")`."""
        if self._listening:
            self._loop.remove_reader(self._socket.fileno())
            self._listening = False
        if self._receiver is not None:
            self._receiver.remove(self._socket.fileno())
            self._receiver = None

    def read_by(self, receiver: Receiver, take: Take | None = None) -> None:
        """Have the receiver read from now on; `take` gets what it reads, else the protocol."""
        if not self._closing:
            self.pause_reading()
            self._take = take or self._protocol.datagram_received
            receiver.add(self._socket.fileno(), self.read)
            self._receiver = receiver

    def read(self) -> None:
        """Take one datagram and hand it on."""
        try:
            data, address = self._socket.recvfrom(LONGEST + 1)
        except OSError as error:
            if not isinstance(error, BlockingIOError):  # an ICMP error of an earlier send
                self._protocol.error_received(error)
            return
        self._take(data, address)

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send at once; what the system cannot take now is lost, as on any network."""
        if self._closing:
            return
        try:
            self._socket.sendto(data, addr)
        except OSError as error:
            self._protocol.error_received(error)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self._socket, "sockname": self._socket.getsockname()}.get(name, default)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Close the socket; the protocol hears of it in the loop's next turn."""
        if self._closing:
            return
        self.pause_reading()
        self._closing = True
        self._socket.close()
        self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()
