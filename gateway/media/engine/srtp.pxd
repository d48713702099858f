"""Encryption and decryption of packets in place; srtp.pyx says more."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t

cpdef enum:
    # What libsrtp may add (SRTP_MAX_TRAILER_LEN), and an RTCP index
    TRAILER = 148


@cython.final
cdef class SrtpSession:
    cdef object _session
    cdef void *_handle

    # The new size of the packet in the first `size` bytes of a buffer; negative if libsrtp refuses
    # it. For encryption the buffer has room for a trailer behind them
    cpdef int protect(self, uint8_t[::1] packet, int size) noexcept nogil
    cpdef int unprotect(self, uint8_t[::1] packet, int size) noexcept nogil
    cpdef int protect_rtcp(self, uint8_t[::1] packet, int size) noexcept nogil
    cpdef int unprotect_rtcp(self, uint8_t[::1] packet, int size) noexcept nogil
    cdef void forget(self, uint32_t ssrc) noexcept nogil
