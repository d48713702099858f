"""What comes by a socket, and when: the kernel says it, however late this process looks."""

from __future__ import annotations

import socket
import struct
from time import perf_counter, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# socket(7). Linux has the same number for the option and for what comes with a packet, a struct
# timespec
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("ll")


class Arrivals:
    """The datagrams of a socket, each with the time of its arrival by `perf_counter`."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket = sock
        self._offset = time() - perf_counter()

    def take(self) -> Iterator[tuple[float, bytes, tuple[str, int]]]:
        """Take what has come: when, the datagram, and from where."""
        while True:
            try:
                data, extra, _, source = self._socket.recvmsg(2048, 64)
            except OSError:  # nothing left, or an ICMP error of an earlier send
                return
            seconds, nanoseconds = TIMESPEC.unpack(extra[0][2])
            yield seconds + nanoseconds / 1e9 - self._offset, data, source
