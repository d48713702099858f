"""Reading many datagrams in one call of the kernel, each with the time when it came.

The kernel notes the time (SO_TIMESTAMPNS) when a datagram reaches the socket. So neither the
clock's 5 ms nor a stall of the process is taken for the network's jitter.
"""

from libc.string cimport memcpy, memset
from posix.time cimport timespec

import socket

import numpy as np

from gateway.media.engine.address cimport Address, read_address
from gateway.media.engine.kernel cimport (
    CMSG_DATA,
    CMSG_FIRSTHDR,
    CMSG_NXTHDR,
    MSG_DONTWAIT,
    SO_TIMESTAMPNS,
    SOL_SOCKET,
    cmsghdr,
    recvmmsg,
    sockaddr_storage,
)
from gateway.media.engine.pktinfo cimport read_destination

_WIDTH = 2048  # bytes of a buffer: a packet, and what SRTP adds

# A socket's own receive buffer holds no more than this; an older time is the system clock's step
cdef double _LONGEST_WAIT = 2.0  # seconds


def tell_arrivals(sock: socket.socket) -> None:
    """Ask the kernel for each datagram's time of arrival."""
    sock.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, 1)


cdef class Inbox:
    """Buffers for one batch of datagrams; shared by all sockets of an engine.

    Attributes
    ----------
    kernel_time
        Whether the kernel's times are believed, and not only the caller's `now`.
    """

    def __init__(self) -> None:
        cdef int place
        self.packets = np.zeros((BATCH, _WIDTH), np.uint8)
        memset(self.messages, 0, sizeof(self.messages))
        for place in range(BATCH):
            self.vectors[place].iov_base = &self.packets[place, 0]
            self.vectors[place].iov_len = LONGEST_PACKET + 1  # a longer one shows
            self.messages[place].msg_hdr.msg_iov = &self.vectors[place]
            self.messages[place].msg_hdr.msg_iovlen = 1
            self.messages[place].msg_hdr.msg_name = &self.slots[place].name
            self.messages[place].msg_hdr.msg_control = self.slots[place].control

    cdef int receive(self, int fd, int most) noexcept nogil:
        cdef int place, got
        for place in range(most):
            self.messages[place].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
            self.messages[place].msg_hdr.msg_controllen = CONTROL_SIZE
        got = recvmmsg(fd, self.messages, most, MSG_DONTWAIT, NULL)
        return got if got > 0 else 0  # an error is an ICMP answer to an earlier send

    cdef int size_of(self, int place) noexcept nogil:
        return <int> self.messages[place].msg_len

    cdef bint source_of(self, int place, Address *address) noexcept nogil:
        return read_address(&self.slots[place].name, address)

    cdef void destination_of(self, int place, Address *address) noexcept nogil:
        read_destination(&self.messages[place].msg_hdr, address)

    cdef double arrival_of(self, int place, double now, double unix_now) noexcept nogil:
        """Return when a datagram came, in seconds of the clock that says `now`."""
        cdef cmsghdr *header
        cdef timespec stamp
        cdef double waited
        if not self.kernel_time:
            return now
        header = CMSG_FIRSTHDR(&self.messages[place].msg_hdr)
        while header != NULL:
            if header.cmsg_level == SOL_SOCKET and header.cmsg_type == SO_TIMESTAMPNS:
                memcpy(&stamp, CMSG_DATA(header), sizeof(timespec))
                waited = unix_now - (<double> stamp.tv_sec + 1e-9 * <double> stamp.tv_nsec)
                # A tick that is behind its time reads what has come after it, too
                return now - waited if -_LONGEST_WAIT < waited < _LONGEST_WAIT else now
            header = CMSG_NXTHDR(&self.messages[place].msg_hdr, header)
        return now
