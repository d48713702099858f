"""The trunk's end of a session: a pair of UDP ports, and whose packets are taken."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable

from gateway.media.core.latch import Address, SourceLatch
from gateway.media.core.moment import Moment
from gateway.media.counters import rejected
from voice.rtp import RtpError, RtpPacket, is_rtcp, parse

LONGEST = 1500  # bytes; nothing longer fits an Ethernet frame
LAST_PORT = 65535


class TrunkPort:
    """RTP on an even port, RTCP on the next one (RFC 3550 section 11).

    `take` gets the RTP that passes the latch, and `take_rtcp` what comes as RTCP from the host that
    the latch believes; both with the time.
    """

    take: Callable[[RtpPacket, float], None]
    take_rtcp: Callable[[bytes, float], None]

    def __init__(
        self,
        rtp: socket.socket,
        rtcp: socket.socket,
        counters: Counter[str],
        moment: Moment,
    ) -> None:
        self._moment = moment
        self.rtp = rtp
        self.rtcp = rtcp
        self.latch = SourceLatch()
        self.rtcp_target: Address | None = None
        self._counters = counters

    @property
    def address(self) -> Address:
        """Our own address and RTP port, as bound."""
        host, port = self.rtp.getsockname()[:2]
        return host, port

    def expect(self, host: str, port: int, rtcp_port: int | None) -> None:
        """Believe this description from now on."""
        self.latch.expect(host, port)
        rtcp = port + 1 if rtcp_port is None else rtcp_port
        self.rtcp_target = (host, rtcp) if rtcp <= LAST_PORT else None

    def read(self) -> None:
        """Take one datagram from the RTP socket."""
        try:
            datagram, source = self.rtp.recvfrom(LONGEST + 1)
        except OSError:  # nothing left, or an ICMP error of an earlier send
            return
        if not 0 < len(datagram) <= LONGEST:
            self._counters[rejected("trunk", "length")] += 1
            return
        self._counters["trunk_packets_received"] += 1
        if is_rtcp(datagram):  # multiplexed, though we have not said that we could (RFC 5761)
            self._take_rtcp(datagram, source)
            return
        try:
            packet = parse(datagram)
        except RtpError as error:
            self._counters[rejected("trunk", error.reason)] += 1
            return
        now = self._moment.now
        reason = self.latch.refuse(source[:2], packet.ssrc, now)
        if reason is not None:
            self._counters[rejected("trunk", reason)] += 1
            return
        self.take(packet, now)

    def read_rtcp(self) -> None:
        """Take one datagram from the RTCP socket."""
        try:
            datagram, source = self.rtcp.recvfrom(LONGEST + 1)
        except OSError:
            return
        if not 0 < len(datagram) <= LONGEST:
            self._counters[rejected("trunk", "length")] += 1
            return
        self._take_rtcp(datagram, source)

    def _take_rtcp(self, datagram: bytes, source: tuple[str, int]) -> None:
        target = self.latch.target
        if target is None or source[0] != target[0]:
            self._counters[rejected("trunk", "rtcp-stranger")] += 1
            return
        self.take_rtcp(datagram, self._moment.now)

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

    def send_rtcp(self, packet: bytes) -> None:
        """Send RTCP to where the far end's description wants it."""
        if self.rtcp_target is None:
            return
        try:
            self.rtcp.sendto(packet, self.rtcp_target)
        except OSError:
            self._counters["trunk_send_errors"] += 1
        else:
            self._counters["trunk_rtcp_sent"] += 1

    def close(self) -> None:
        """Close both sockets at once, as for a call that nobody was told of."""
        self.rtp.close()
        self.rtcp.close()
