"""The trunk's end of a leg: RTP on an even UDP port, RTCP on the next one (RFC 3550 section 11)."""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

import numpy as np

from gateway.media.engine.address cimport (
    Address,
    parse_address,
    same_host,
    write_address,
)
from gateway.media.engine.kernel cimport (
    MSG_DONTWAIT,
    iovec,
    msghdr,
    sendmsg,
    sendto,
    sockaddr,
    sockaddr_storage,
)
from gateway.media.engine.pktinfo cimport Control, read_own, write_source
from gateway.media.engine.receive cimport LONGEST_PACKET
from gateway.media.engine.srtp cimport TRAILER
from voice.counters cimport RTCP_SENT, SEND_ERRORS, Counters

LAST_PORT = 65535


cdef class TrunkPort(Transport):
    """Sends to where the latch says; the engine reads both sockets.

    Parameters
    ----------
    rtp, rtcp
        Bound UDP sockets; the port does not close them.

    Attributes
    ----------
    cipher
        What encrypts and decrypts; None for a trunk that speaks RTP.
    """

    def __init__(self, rtp: object, rtcp: object, counters: Counters) -> None:
        self.rtp, self.rtcp = rtp, rtcp
        self.rtp_fd, self.rtcp_fd = rtp.fileno(), rtcp.fileno()
        self.counters = counters
        self.latch = SourceLatch()
        self._packet = np.zeros(2048 + TRAILER, np.uint8)

    def expect(self, host: str, port: int, rtcp_port: int | None) -> None:
        """Believe this description from now on."""
        self.latch.expect(host, port)
        memset(&self._rtcp_source, 0, sizeof(Address))
        rtcp = port + 1 if rtcp_port is None else rtcp_port
        if rtcp > LAST_PORT:
            memset(&self._rtcp_target, 0, sizeof(Address))
        else:
            self._rtcp_target = parse_address(host, rtcp)

    def leave_from(self, host: str | None) -> None:
        """Send from this address of ours; None: from that which the route begins at."""
        read_own(host, &self._source)

    def send_rtcp(self, packet: bytes) -> None:
        """Send RTCP to where the far end's description wants it, or its media has moved to."""
        cdef Address target
        cdef int size = <int> len(packet)
        if not 0 < size <= LONGEST_PACKET or not self._target_of_rtcp(&target):
            return
        memcpy(&self._packet[0], <const char *> packet, size)
        if self.cipher is not None:
            size = self.cipher.outbound.protect_rtcp(self._packet, size)
        if size > 0 and self._send(self.rtcp_fd, &self._packet[0], size, &target):
            self.counters.count(RTCP_SENT, 1)

    cdef bint _target_of_rtcp(self, Address *target) noexcept nogil:
        """Fill in where reports go; false while that is nowhere."""
        target[0] = self._rtcp_target
        if target.family and self.latch.moved:
            # The described address cannot be reached, so its reports tell (RFC 4961 section 4)
            target[0] = self._rtcp_source
        return target.family != 0

    def close(self) -> None:
        """Send no more: the sockets' numbers may be another call's soon."""
        self.rtp_fd = self.rtcp_fd = -1
        self.cipher = None

    cdef uint8_t[::1] next_packet(self) noexcept nogil:
        return self._packet

    cdef bint send_packet(self, int size) noexcept nogil:
        cdef Address target
        if not self.latch.target(&target) or not 0 < size <= self._packet.shape[0] - TRAILER:
            return False
        if self.cipher is not None:
            size = self.cipher.outbound.protect(self._packet, size)
            if size < 0:
                return False
        return self._send(self.rtp_fd, &self._packet[0], size, &target)

    cdef bint is_open(self) noexcept nogil:
        cdef Address target
        return self.latch.target(&target)

    cdef bint takes_rtcp_from(self, const Address *source) noexcept nogil:
        cdef Address target
        if not self.latch.target(&target) or not same_host(source, &target):
            return False
        self._rtcp_source = source[0]
        return True

    cdef bint _send(self, int fd, const uint8_t *data, int size, const Address *to) noexcept nogil:
        """Send one packet; what the system cannot take now is lost, as on any network."""
        cdef sockaddr_storage name
        cdef unsigned int length = write_address(to, &name)
        cdef ssize_t sent
        if fd < 0:
            return False
        if self._source.family:
            sent = self._send_from(fd, data, size, &name, length)
        else:
            sent = sendto(fd, data, size, MSG_DONTWAIT, <sockaddr *> &name, length)
        if sent == size:
            return True
        self.counters.count(SEND_ERRORS, 1)  # a full buffer, or the far end's ICMP
        return False

    cdef ssize_t _send_from(
        self, int fd, const uint8_t *data, int size, sockaddr_storage *name, unsigned int length
    ) noexcept nogil:
        """Send one packet from the address that the far end has been told."""
        cdef iovec vector
        cdef msghdr message
        cdef Control control
        vector.iov_base, vector.iov_len = <void *> data, size
        memset(&message, 0, sizeof(message))
        message.msg_name, message.msg_namelen = name, length
        message.msg_iov, message.msg_iovlen = &vector, 1
        write_source(&message, &self._source, &control)
        return sendmsg(fd, &message, MSG_DONTWAIT)
