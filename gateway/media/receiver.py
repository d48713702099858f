"""Reads the sockets of every call, once per tick of the media clock.

An event loop that wakes for each packet spends more on waking than on the packet. Packets wait for
the clock anyway, so all sockets are asked at once when it ticks: one system call says which of them
have something.
"""

from __future__ import annotations

import logging
import select
from collections import Counter
from collections.abc import Callable

logger = logging.getLogger(__name__)

PASSES = 16  # datagrams of one socket per tick: a flood on one call must not starve the others

# Takes one datagram of a socket; it knows what to do with it
Read = Callable[[], None]


class Receiver:
    """The sockets of one media plane."""

    def __init__(self, counters: Counter[str] | None = None) -> None:
        self._counters = Counter() if counters is None else counters
        self._epoll = select.epoll()
        self._reads: dict[int, Read] = {}

    def add(self, descriptor: int, read: Read) -> None:
        """Read this socket from now on."""
        self._epoll.register(descriptor, select.EPOLLIN)
        self._reads[descriptor] = read

    def remove(self, descriptor: int) -> None:
        """Read it no longer; call before it is closed. Harmless when it is not read."""
        if self._reads.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def drain(self) -> None:
        """Take all that has come."""
        poll, reads = self._epoll.poll, self._reads
        # In passes, one datagram of each socket: the poll that finds nothing more is cheaper than
        # an exception from each socket that has nothing more
        for _ in range(PASSES):
            events = poll(0, len(reads) + 1)
            if not events:
                return
            for descriptor, _ in events:
                read = reads.get(descriptor)
                if read is not None:  # else gone by what another socket said
                    self._take(read)

    def _take(self, read: Read) -> None:
        try:
            read()
        except Exception:  # whatever one socket brings, the others are read all the same
            logger.exception("a datagram could not be taken")
            self._counters["faults"] += 1

    def close(self) -> None:
        self._reads.clear()
        self._epoll.close()
