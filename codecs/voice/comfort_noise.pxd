"""Comfort noise, for compiled callers; comfort_noise.pyx says what it is."""

cimport cython
from libc.stdint cimport int16_t

cdef enum:
    TAPS = 64  # of a color's filter

cdef struct Color:
    int number  # tells colors apart; 0 is white, which has no filter
    float taps[TAPS]  # the filter's impulse response, its end first


@cython.final
cdef class NoiseGenerator:
    cdef const float[::1] _white  # shared by all generators
    cdef int _position  # in it
    cdef bint _started
    cdef double _gain  # at the end of the newest frame
    cdef Color _newest  # of the newest frame
    cdef Color _chosen  # set last
    cdef int _colors  # how many were set
    cdef tuple _reflection  # of the one set last

    # White noise of this level in -dBov, into out[at : at + size]
    cdef void fill_white(self, int16_t[::1] out, int at, int size, double level) noexcept nogil
    # The same in the color that was set last (`set_color` takes reflection coefficients)
    cdef void fill_colored(self, int16_t[::1] out, int at, int size, double level) noexcept nogil
    # Fades out[at : at + size] into white noise: its weight grows from `begin` to `end` (0 to 1;
    # below and above it is 0 and 1)
    cdef void fade_in(
        self, int16_t[::1] out, int at, int size, double level, double begin, double end
    ) noexcept nogil
    # The next frame has its level and its color from the beginning on
    cdef void restart(self) noexcept nogil

    cdef void _mix(
        self,
        int16_t[::1] out,
        int at,
        int size,
        double level,
        Color *color,
        double begin,
        double end,
    ) noexcept nogil
    cdef float _sample(self, Color *color) noexcept nogil
