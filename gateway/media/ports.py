"""UDP ports of the media range, handed out in turn, and again only once nothing comes there.

In turn, and not the lowest free one, so that a port comes round again as late as the range allows.
A trunk that has not heard of a call's end goes on sending to its port; as nobody can tell such
packets from the next call's, the sockets stay open, unread by any call, until they are quiet.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Container, Iterator
from dataclasses import dataclass

from gateway.errors import UnavailableError
from gateway.own_address import take_both

RECEIVE_BUFFER = 256 * 1024  # a pause of the process of more than a second loses nothing

QUIET = 1.0  # seconds without a packet after which a port may be used again
LONGEST_RETIREMENT = 60.0  # seconds; a sender that does not stop then meets a closed port
SWEPT = 256  # datagrams that are read of one socket at a time


class PortRange:
    """Sockets bound to `address` within `first`..`last` (inclusive)."""

    def __init__(self, address: str, first: int, last: int) -> None:
        self._address = address
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._first = first + first % 2  # pairs start on an even port (RFC 3550 section 11)
        self._last = last
        self._next = self._first
        self._retired: list[_Retired] = []

    def pairs(self, taken: Container[int] = ()) -> int:
        """How many calls the range carries, where somebody else holds the ports `taken`."""
        pairs = range(self._first, self._last, 2)
        return sum(port not in taken and port + 1 not in taken for port in pairs)

    @property
    def retired(self) -> int:
        """How many pairs wait until nothing comes there any more."""
        return len(self._retired)

    def begin_at(self, pair: int) -> None:
        """Hand out from this pair on, counted round the range.

        After a crash the calls before are still sent to, and they had the first ports.
        """
        pairs = max(1, (self._last - self._first + 1) // 2)
        self._next = self._first + 2 * (pair % pairs)

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
            When no such pair is free, or no file descriptor is left.
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

    def retire(self, sockets: tuple[socket.socket, ...], now: float) -> None:
        """Take sockets back whose call is over; `sweep` closes them."""
        self._retired.append(_Retired(sockets, now, now))

    def sweep(self, now: float) -> int:
        """Close what has become quiet; return how many calls' sockets are left."""
        self._retired = [each for each in self._retired if not each.is_over(now)]
        return len(self._retired)

    def close(self) -> None:
        """Close all that were retired, quiet or not."""
        for each in self._retired:
            each.close()
        self._retired.clear()

    def check(self) -> None:
        """Raise UnavailableError if the address is none of this machine's."""
        with socket.socket(self._family, socket.SOCK_DGRAM) as sock:
            try:
                take_both(sock)
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
        try:
            sock = socket.socket(self._family, socket.SOCK_DGRAM)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):  # the next port would not help
                raise UnavailableError("no file descriptor is left (see `ulimit -n`)") from None
            raise
        try:
            sock.setblocking(False)
            take_both(sock)
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


@dataclass(slots=True)
class _Retired:
    """One call's sockets after its end; times in seconds."""

    sockets: tuple[socket.socket, ...]
    since: float
    heard: float

    def is_over(self, now: float) -> bool:
        """Read what has come; close the sockets and say so once nothing does."""
        for sock in self.sockets:
            if _read_away(sock):
                self.heard = now
        if now - self.heard < QUIET and now - self.since < LONGEST_RETIREMENT:
            return False
        self.close()
        return True

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def _read_away(sock: socket.socket) -> int:
    """Return how many datagrams have come, and forget them."""
    for count in range(SWEPT):
        try:
            sock.recv(1)
        except OSError:
            return count
    return SWEPT
