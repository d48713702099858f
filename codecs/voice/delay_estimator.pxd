"""The target delay of a jitter buffer, for compiled callers; delay_estimator.pyx says how."""

from cython cimport final
from libc.stdint cimport int64_t

cpdef enum:
    LONGEST_DELAY_MS = 200  # whoever waits longer cannot talk any more (ITU-T G.114)

    BLOCK_MS = 250
    BLOCKS = 32
    BLOCKS_OF_BASE = 12  # drift of 200 ppm moves the least transit by 0.6 ms in them

    # A step of the transit as large as this is a clock that was set, not a network
    CLOCK_STEP_MS = 1000


cdef struct Block:
    double low  # the least transit in it
    double high
    double base  # of the stream, as far as it was known by then


@final
cdef class DelayEstimator:
    cdef readonly double base  # seconds
    cdef readonly double offset  # seconds
    cdef readonly bint falling

    cdef double _period, _last, _until, _begun
    cdef bint _started
    cdef Block _block  # that is not over
    cdef Block _blocks[BLOCKS]  # the oldest first
    cdef int _count
    cdef bint _expecting  # the only block is no one of this stream's
    cdef bint _risen  # some packet was later than all before it
    cdef int _seen  # packets that the spread is taken over
    cdef double _mean, _squares, _worst, _before
    cdef double _steps  # squares of the differences from packet to packet, halved

    cpdef void note_arrival(self, int64_t timestamp, double now) noexcept nogil
    # Seconds after its time that a packet is played, if it is played now
    cpdef double delay_error(self, int64_t timestamp, double now) noexcept nogil
    cdef double target_delay(self) noexcept nogil
    # Begin with this delay (seconds): it is what another stream of the same network has needed
    cdef void expect_delay(self, double delay) noexcept nogil
    cdef void restart(self) noexcept nogil

    cdef void _begin(self, double transit, double now) noexcept nogil
    cdef void _begin_block(self, double transit, double now) noexcept nogil
    cdef void _end_block(self, double transit, double now) noexcept nogil
    cdef void _move_base(self, double transit) noexcept nogil
    cdef void _remember(self) noexcept nogil
    cdef void _forget_old(self, bint young) noexcept nogil
    cdef double _lowest_of_late(self) noexcept nogil
    cdef double _usual_worst(self) noexcept nogil
    cdef void _sample(self, double transit) noexcept nogil
    cdef void _forget_spread(self) noexcept nogil
    cdef double _predict(self, double now) noexcept nogil
