"""Counters that wrap, for compiled callers; sequence.pyx says what they do."""

from libc.stdint cimport int64_t, uint16_t, uint32_t

cpdef enum:
    SEQUENCE_BITS = 16
    TIMESTAMP_BITS = 32

    # RFC 3550 appendix A.1
    MAX_DROPOUT = 3000  # a jump ahead by less is loss
    MAX_MISORDER = 100  # a step back by less is reordering


cdef class Unwrapper:
    cdef uint32_t _mask, _half
    cdef int64_t _highest
    cdef bint _started

    cdef int64_t unwrap(self, uint32_t value) noexcept nogil
    cdef void reset(self) noexcept nogil


cdef class TimestampUnwrapper(Unwrapper):
    pass


cdef class SequenceTracker:
    cdef readonly int restarts
    cdef int64_t _highest
    cdef int _suspect
    cdef bint _started

    # False: the packet is not believed, and `number` is left as it is
    cdef bint track(self, uint16_t sequence, int64_t *number) noexcept nogil
    cdef void reset(self) noexcept nogil
