"""Trunk → us: all trunk sockets drained once per tick, all RTP headers read at once."""

from __future__ import annotations

import select
import socket
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.trunk_port import TrunkPort
from gateway.media.counters import rejected
from voice.rtp import RtpPacket, parse_batch

LONGEST = 1500  # bytes; nothing longer fits an Ethernet frame
ROWS = 256  # datagrams read before their headers are parsed
PER_SOCKET = 16  # datagrams of one socket per tick: a flood on one call must not starve the others


Take = Callable[[RtpPacket, float], None]


class TrunkReceiver:
    """Reads the RTP and RTCP sockets of every session."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._epoll = select.epoll()
        self._rtp: dict[int, tuple[TrunkPort, Take]] = {}
        self._rtcp: dict[int, socket.socket] = {}
        # One byte more than the longest, so that a longer datagram shows
        self._rows: NDArray[np.uint8] = np.zeros((ROWS, LONGEST + 1), np.uint8)
        self._lengths: NDArray[np.int32] = np.zeros(ROWS, np.int32)
        self._origins: list[tuple[TrunkPort, Take, tuple[str, int]]] = []

    def add(self, port: TrunkPort, take: Take) -> None:
        """Read this port from now on; `take` gets what passes its latch."""
        self._rtp[port.rtp.fileno()] = (port, take)
        self._rtcp[port.rtcp.fileno()] = port.rtcp
        self._epoll.register(port.rtp.fileno(), select.EPOLLIN)
        self._epoll.register(port.rtcp.fileno(), select.EPOLLIN)

    def remove(self, port: TrunkPort) -> None:
        """Stop reading this port; call before it is closed."""
        if self._rtp.pop(port.rtp.fileno(), None) is not None:
            del self._rtcp[port.rtcp.fileno()]
            self._epoll.unregister(port.rtp.fileno())
            self._epoll.unregister(port.rtcp.fileno())

    def drain(self, now: float) -> None:
        """Take all that has come."""
        for fd, _ in self._epoll.poll(0):
            found = self._rtp.get(fd)
            if found is not None:
                self._read(*found, now)
            elif fd in self._rtcp:
                self._skip_rtcp(self._rtcp[fd])
        self._hand_out(now)

    def _read(self, port: TrunkPort, take: Take, now: float) -> None:
        for _ in range(PER_SOCKET):
            row = len(self._origins)
            if row == ROWS:
                self._hand_out(now)
                row = 0
            try:
                length, source = port.rtp.recvfrom_into(self._rows[row])
            except OSError:  # nothing left, or an ICMP error of an earlier send
                return
            if not 0 < length <= LONGEST:
                self._counters[rejected("trunk", "length")] += 1
                continue
            self._lengths[row] = length
            self._origins.append((port, take, source[:2]))

    def _hand_out(self, now: float) -> None:
        count = len(self._origins)
        if not count:
            return
        batch = parse_batch(self._rows[:count], self._lengths[:count])
        origins, self._origins = self._origins, []
        for row, (port, take, source) in enumerate(origins):
            ssrc = int(batch.ssrc[row])
            reason = batch.reasons[row] or port.latch.refuse(source, ssrc, now)
            if reason:
                self._counters[rejected("trunk", reason)] += 1
                continue
            start = batch.start[row]
            packet = RtpPacket(
                int(batch.payload_type[row]),
                bool(batch.marker[row]),
                int(batch.sequence[row]),
                int(batch.timestamp[row]),
                ssrc,
                self._rows[row, start : start + batch.length[row]].tobytes(),
            )
            take(packet, now)
        self._counters["trunk_packets_received"] += count

    def _skip_rtcp(self, sock: socket.socket) -> None:
        for _ in range(PER_SOCKET):
            try:
                sock.recv(1)
            except OSError:
                return
            self._counters["trunk_rtcp_packets"] += 1

    def close(self) -> None:
        self._epoll.close()
