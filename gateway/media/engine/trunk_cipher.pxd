"""A trunk's SRTP, for the packet path; trunk_cipher.pyx says more."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from gateway.media.engine.srtp cimport SrtpSession

cdef enum:
    MOST_SOURCES = 8  # SSRCs of one key that are known at a time
    LONGEST_MKI = 128  # bytes (RFC 4568 section 6.1)


@cython.final
cdef class Inbound:
    cdef SrtpSession session
    cdef int tag, rtcp_tag  # bytes of an authentication tag that stands behind the MKI
    cdef uint8_t mki[LONGEST_MKI]
    cdef int mki_size
    cdef uint32_t _known[MOST_SOURCES]
    cdef int _count, _newest, _next

    cdef int unprotect(self, uint8_t[::1] packet, int size, bint rtcp) noexcept nogil
    cdef int _without_mki(self, uint8_t[::1] packet, int size, int tag) noexcept nogil
    cdef void _remember(self, uint32_t ssrc) noexcept nogil


@cython.final
cdef class TrunkCipher:
    cdef SrtpSession outbound
    cdef Inbound inbound, _former
    cdef double _former_until  # seconds: packets of the former key are taken
    cdef uint8_t[::1] _copy
    cdef readonly int64_t taken, refused  # packets since the key that is in use came

    cdef int unprotect(
        self, uint8_t[::1] packet, int size, bint rtcp, double now
    ) noexcept nogil
