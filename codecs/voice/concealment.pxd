"""Concealment of lost packets, for compiled callers; concealment.pyx says how."""

cimport cython
from libc.stdint cimport int16_t, int64_t

from voice.comfort_noise cimport NoiseGenerator


@cython.final
cdef class PcmConcealer:
    cdef readonly int rate
    cdef int _longest  # samples of a frame
    cdef int _memory  # samples to look back on
    cdef int16_t[::1] _heard  # the newest of them end at `_end`
    cdef int _end
    cdef int64_t _lost  # samples made up since the last good one
    cdef float[::1] _voice  # the repetition, faded
    cdef bint _knows_pauses
    cdef double _floor  # -dBov
    cdef NoiseGenerator _noise

    # A frame that came, in samples[at : at + size]; after a loss its beginning is changed
    cdef void hear(self, int16_t[::1] samples, int at, int size) noexcept nogil
    # What may have been said, into out[at : at + size]; size up to 120 ms
    cdef void make_up(self, int16_t[::1] out, int at, int size) noexcept nogil
    # Forget the stream so far
    cpdef void restart(self) noexcept nogil

    cdef object _samples_of(self, frame)
    cdef void _join(self, int16_t[::1] samples, int at, int size) noexcept nogil
    cdef double _sound(self, int64_t time, int16_t noise) noexcept nogil
    cdef void _remember(self, const int16_t[::1] samples, int at, int size) noexcept nogil
    cdef void _make_room(self, int size) noexcept nogil
    cdef void _prepare(self) noexcept nogil
    cdef double _repeat(self, int lag, int count, int place) noexcept nogil
    cdef double _find_floor(self) noexcept nogil
