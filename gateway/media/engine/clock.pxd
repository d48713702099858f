"""The media clock's reckoning; clock.pyx says more."""

from libc.stdint cimport int64_t


cdef class Ticks:
    cdef readonly int64_t next  # the number of the next tick; 32 bits would last for 124 days
    cdef readonly int64_t skipped  # ticks that were left out
    cdef double _start, _ran
    cdef int _strained

    cdef int64_t due_until(self, double now) noexcept nogil
    cdef double seconds_to_wait(self, double now) noexcept nogil
    cdef double time_of(self, int64_t number) noexcept nogil
