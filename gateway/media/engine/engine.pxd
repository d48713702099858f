"""Serves all legs of a media thread; engine.pyx says how."""

from libc.stdint cimport int64_t

from gateway.media.engine.clock cimport Ticks
from gateway.media.engine.numpy_stage cimport NumpyStage
from voice.counters cimport Counters

cdef enum:
    WATCH_TICKS = 200  # each leg's statistics are told once a second, at its own tick


cdef class Engine(NumpyStage):
    cdef readonly Counters frame_counters
    cdef readonly double load  # share of the time that the last second's ticks took
    cdef public int connecting  # legs whose browsers are coming up
    cdef object __weakref__
    cdef object _tell, _commands
    cdef dict _legs
    cdef list _watched
    cdef int _watch_counts[WATCH_TICKS]
    cdef int _wakeup
    cdef bint _stopping, _commanded, _closed
    cdef double _worked, _window
    cdef double _drained  # when datagrams were last read between two ticks

    cdef void _close_descriptors(self) noexcept
    cdef void _turn(self, Ticks ticks) noexcept nogil
    cdef void _tick(self, int64_t number, double now) noexcept nogil
    cdef bint _wait(self, double seconds, bint for_datagrams) noexcept nogil
    cdef void _weigh(self, double spent, double now) noexcept nogil
    cdef int _with_interpreter(self) except -1
    cdef void _pass_on_news(self) noexcept
    cdef void _take_queue(self) noexcept
    cdef int _tell_item(self, int place) except -1
