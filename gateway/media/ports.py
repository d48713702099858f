"""UDP ports of the media range, handed out in turn.

In turn, and not the lowest free one: a port that has just been given back may still receive the
last packets of its old call, so it comes round again as late as the range allows.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from gateway.errors import UnavailableError

RECEIVE_BUFFER = 256 * 1024  # a pause of the process of more than a second loses nothing


class PortRange:
    """Sockets bound to `address` within `first`..`last` (inclusive)."""

    def __init__(self, address: str, first: int, last: int) -> None:
        self._address = address
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._first = first + first % 2  # pairs start on an even port (RFC 3550 section 11)
        self._last = last
        self._next = self._first

    def bind_one(self) -> socket.socket:
        """One socket, for ICE with RTP and RTCP multiplexed.

        Raises
        ------
        UnavailableError
            When every port of the range is taken.
        """
        for port in self._turn():
            try:
                return self._bind(port)
            except OSError:
                continue
        raise self._exhausted()

    def bind_pair(self) -> tuple[socket.socket, socket.socket]:
        """An even port for RTP and the next one for RTCP.

        Raises
        ------
        UnavailableError
            When no such pair is free.
        """
        for port in self._turn():
            if port + 1 > self._last:
                continue
            try:
                rtp = self._bind(port)
            except OSError:
                continue
            try:
                return rtp, self._bind(port + 1)
            except OSError:
                rtp.close()
        raise self._exhausted()

    def check(self) -> None:
        """Raise UnavailableError if the address is none of this machine's."""
        with socket.socket(self._family, socket.SOCK_DGRAM) as sock:
            try:
                sock.bind((self._address, 0))
            except OSError as error:
                raise UnavailableError(
                    f"media.address = '{self._address}': {error.strerror or error}"
                ) from None

    def _turn(self) -> Iterator[int]:
        for _ in range((self._last - self._first) // 2 + 1):
            port = self._next
            self._next += 2
            if self._next > self._last:
                self._next = self._first
            yield port

    def _bind(self, port: int) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.bind((self._address, port))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        except BaseException:
            sock.close()
            raise
        return sock

    def _exhausted(self) -> UnavailableError:
        return UnavailableError(
            f"no free media port on {self._address} between {self._first} and {self._last}"
            " (setting media.ports)"
        )
