"""A trunk leg's pair of UDP ports, for the packet path; trunk_port.pyx says more."""

from libc.stdint cimport uint8_t

from gateway.media.engine.address cimport Address
from gateway.media.engine.kernel cimport sockaddr_storage
from gateway.media.engine.latch cimport SourceLatch
from gateway.media.engine.transport cimport Transport
from gateway.media.engine.trunk_cipher cimport TrunkCipher
from voice.counters cimport Counters


cdef class TrunkPort(Transport):
    cdef readonly object rtp, rtcp
    cdef readonly SourceLatch latch
    cdef public TrunkCipher cipher  # None: RTP as it is
    cdef Counters counters
    cdef int rtp_fd, rtcp_fd
    cdef Address _rtcp_target  # as described
    cdef Address _source  # ours that packets leave from; none: that of the route
    cdef Address _rtcp_source  # where the far end's reports come from
    cdef uint8_t[::1] _packet

    cdef bint _target_of_rtcp(self, Address *target) noexcept nogil
    cdef bint takes_rtcp_from(self, const Address *source) noexcept nogil
    cdef bint _send(self, int fd, const uint8_t *data, int size, const Address *to) noexcept nogil
    cdef ssize_t _send_from(
        self, int fd, const uint8_t *data, int size, sockaddr_storage *name, unsigned int length
    ) noexcept nogil
