"""Audio levels, for compiled callers; levels.pyx says more."""

from libc.stdint cimport int16_t


cpdef int level_of(const int16_t[::1] frame) noexcept nogil
