"""At which of our addresses datagrams come, and from which they leave; pktinfo.pyx says more."""

from libc.stdint cimport uint64_t

from gateway.media.engine.address cimport Address
from gateway.media.engine.kernel cimport msghdr

cdef struct Control:
    uint64_t words[6]  # aligned as the kernel's headers are; IPv6's takes 40 bytes

cdef bint read_destination(msghdr *message, Address *address) noexcept nogil
cdef void write_source(msghdr *message, const Address *source, Control *control) noexcept nogil
cdef int read_own(str host, Address *address) except -1
