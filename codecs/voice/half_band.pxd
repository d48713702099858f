"""Half of the sample rate, for compiled callers; half_band.pyx says more."""

from libc.stdint cimport int16_t

cdef enum:
    ROOM = 350  # samples: those before, and a piece


cdef class HalfBand:
    cdef int16_t[ROOM] _line  # the samples before, and those that have come

    cdef void restart(self) noexcept nogil
    # pcm.shape[0] // 2 samples into out[at] on
    cdef void halve(self, const int16_t[::1] pcm, int16_t[::1] out, Py_ssize_t at) noexcept nogil
    cdef void _filter(self, Py_ssize_t count, int16_t[::1] out, Py_ssize_t at) noexcept nogil
