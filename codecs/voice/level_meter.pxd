"""How loud a stream is, for compiled callers; level_meter.pyx says how."""

cimport cython


@cython.final
cdef class LevelMeter:
    cdef readonly int level  # -dBov of the newest frame
    cdef readonly double floor  # -dBov of the noise in the pauses
    cdef readonly bint quiet  # whether the newest frame was a pause

    cpdef void note(self, int level) noexcept nogil
