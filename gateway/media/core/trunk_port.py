"""The trunk's end of a session: a pair of UDP ports, and whose packets are taken."""

from __future__ import annotations

import socket
from collections import Counter

from gateway.media.core.latch import Address, SourceLatch


class TrunkPort:
    """RTP on an even port, RTCP on the next one (RFC 3550 section 11)."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket, counters: Counter[str]) -> None:
        self.rtp = rtp
        self.rtcp = rtcp
        self.latch = SourceLatch()
        self._counters = counters

    @property
    def address(self) -> Address:
        """Our own address and RTP port, as bound."""
        host, port = self.rtp.getsockname()[:2]
        return host, port

    def send(self, packet: bytes | memoryview) -> None:
        """Send one RTP packet; what the system cannot take now is lost, as on any network."""
        target = self.latch.target
        if target is None:
            return
        try:
            self.rtp.sendto(packet, target)
        except OSError:  # a full buffer, or the far end's ICMP: the next packet may pass
            self._counters["trunk_send_errors"] += 1
        else:
            self._counters["trunk_packets_sent"] += 1

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()
