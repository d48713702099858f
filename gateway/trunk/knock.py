"""Finds out early that nobody listens at a trunk's UDP port.

A host without the port says so by ICMP, but Linux tells that only to a socket which is connected to
the one host. The engine's is not: it serves all trunks, and would report one trunk's refusal where
it next sends to another. So a socket of its own sends a keep-alive there, two line ends, which SIP
ignores (RFC 3261 section 7.5), and waits for the refusal.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

KNOCK_AFTER: Final = 0.5  # seconds; a trunk that is well has said 100 within 200 ms
KEEP_ALIVE: Final = b"\r\n\r\n"
REFUSALS: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})


class Knock:
    """Knocks at a port after half a second, and calls `on_refused` (once) if nobody is there.

    A host that stays silent is no refusal: firewalls are. `source` is our own address, empty for
    any. Close it when the trunk has answered, or nobody wants to know any more.
    """

    def __init__(self, host: str, port: int, source: str, on_refused: Callable[[], None]) -> None:
        self._target = (host, port)
        self._source = source
        self._on_refused = on_refused
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._timer = self._loop.call_later(KNOCK_AFTER, self._send)

    def close(self) -> None:
        """Stop waiting. Idempotent."""
        self._timer.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _send(self) -> None:
        try:
            family = socket.AF_INET6 if ":" in self._target[0] else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
        except OSError:  # no descriptor left: the trunk has its time, then
            return
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._read)
        self._guard(self._send_from_own_address)

    def _send_from_own_address(self, knocking: socket.socket) -> None:
        knocking.bind((self._source, 0))
        knocking.connect(self._target)
        knocking.send(KEEP_ALIVE)

    def _read(self) -> None:
        self._guard(lambda knocking: knocking.recv(1500))  # what it says to it matters to nobody

    def _guard(self, work: Callable[[socket.socket], object]) -> None:
        if self._socket is None:
            return
        try:
            work(self._socket)
        except BlockingIOError:
            pass
        except OSError as error:
            self.close()
            if error.errno in REFUSALS:
                self._on_refused()


Knocker = Callable[[Callable[[], None]], Knock]
"""Begins to knock at a place that it knows; it takes what to do at a refusal."""
