"""Packets of another length than the clock's frames; packetizer.pyx says more."""

from libc.stdint cimport int64_t, uint8_t

cdef enum:
    MOST_DUE = 8  # packets: a frame makes two of 10 ms, and a stall holds up a few


cdef class Packetizer:
    cdef int _step, _size, _waiting
    cdef uint8_t[::1] _codes
    cdef int64_t _due[MOST_DUE]
    cdef int _packets
    cdef int64_t _last
    cdef bint _running

    cdef void put_codes(self, const uint8_t[::1] codes, int size, int64_t tick) noexcept nogil
    # Bytes copied into out[at] on; 0 while nothing is due
    cdef int take_due(self, int64_t tick, uint8_t[::1] out, int at) noexcept nogil
    cdef void drop_all(self) noexcept nogil
