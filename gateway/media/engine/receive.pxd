"""Reading many datagrams in one call of the kernel, each with the time when it came."""

from libc.stdint cimport uint8_t

from gateway.media.engine.address cimport Address
from gateway.media.engine.kernel cimport iovec, mmsghdr, sockaddr_storage

cdef enum:
    LONGEST_PACKET = 1500  # bytes; nothing longer fits an Ethernet frame
    BATCH = 64  # datagrams
    CONTROL_SIZE = 96  # bytes; a timestamp takes 32, and where it has come to 40

cdef struct Slot:
    sockaddr_storage name
    uint8_t control[CONTROL_SIZE]


cdef class Inbox:
    cdef uint8_t[:, ::1] packets  # [BATCH, LONGEST_PACKET + 1 and more]
    cdef Slot slots[BATCH]
    cdef iovec vectors[BATCH]
    cdef mmsghdr messages[BATCH]
    cdef public bint kernel_time

    # Returns how many datagrams of at most `most` have come; `now` is used where no time is told
    cdef int receive(self, int fd, int most) noexcept nogil
    cdef int size_of(self, int place) noexcept nogil
    cdef bint source_of(self, int place, Address *address) noexcept nogil
    # Ours that it has come to; none where the socket was not asked to tell
    cdef void destination_of(self, int place, Address *address) noexcept nogil
    cdef double arrival_of(self, int place, double now, double unix_now) noexcept nogil
