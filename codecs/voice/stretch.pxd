"""Time stretching, for compiled callers; stretch.pyx says how."""

from libc.stdint cimport int16_t

# The lag (samples) at which the end of samples[:count] is most like what was before;
# `likeness` gets its normalized correlation
cdef int period_of(
    const int16_t[::1] samples, int count, int shortest, int longest, int window, double *likeness
) noexcept nogil

# Takes one pitch period out of samples[:count] in place; returns the new count, `count` itself if
# there is no good cut
cdef int shorten_samples(int16_t[::1] samples, int count, int rate) noexcept nogil
