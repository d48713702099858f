"""The frames of one tick at one sample rate, one row each.

A row is 20 ms of one leg, between whoever said it and whoever hears it. What has come from trunks
is decoded into rows as it is read, what jitter buffers play as it is played. Then the rows are
measured, heard by whoever only listens, and encoded one after the other as they are sent.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memset

import numpy as np

from voice.levels cimport level_of
from voice.sample_coder cimport SampleCoder

from voice.codec import CODECS, PayloadCodec

FRAMES_PER_SECOND = 50


cdef Row *_grown_rows(Row *rows, int capacity) except NULL:
    cdef Row *grown = <Row *> realloc(rows, capacity * sizeof(Row))
    if grown == NULL:
        raise MemoryError
    return grown


cdef _grown(before, tuple shape, dtype):
    """Return an array of this shape that begins with the rows of another one."""
    grown = np.zeros(shape, dtype)
    if before is not None:
        grown[: len(before)] = before
    return grown


cdef class Bank:
    """The rows of one sample rate.

    Parameters
    ----------
    rate
        Hz of the samples.
    capacity
        Rows; `grow` makes room for more between two ticks.
    """

    def __init__(self, rate: int, capacity: int) -> None:
        self.rate = rate
        self.frame = rate // FRAMES_PER_SECOND
        self.spare = np.zeros(self.frame, np.int16)
        self.spare_codes = np.zeros(2048, np.uint8)
        self._coders = {
            codec.index: SampleCoder(codec)
            for codec in CODECS.values()
            if isinstance(codec, PayloadCodec)
        }
        for index, coder in self._coders.items():
            self.coders[<int> index] = <void *> coder
        self.grow(capacity)

    def __dealloc__(self) -> None:
        free(self.rows)

    def grow(self, capacity: int) -> None:
        """Have at least so many rows; what is in them stays."""
        if capacity <= self.capacity:
            return
        self.rows = _grown_rows(self.rows, capacity)
        self.pcm_array = _grown(self.pcm_array, (capacity, self.frame), np.int16)
        self.level_array = _grown(self.level_array, (capacity,), np.uint8)
        self.pcm, self.levels = self.pcm_array, self.level_array
        self.capacity = capacity

    cdef bint is_crowded(self) noexcept nogil:
        """Whether so many rows are taken that no more packets should be read in this tick."""
        return 2 * self.count > self.capacity

    cdef int add_row(self, void *source, void *sink) noexcept nogil:
        """Return the place of a new row, -1 if there is none left."""
        cdef int place = self.count
        if place >= self.capacity:
            return -1
        memset(&self.rows[place], 0, sizeof(Row))
        self.rows[place].source = source
        self.rows[place].sink = sink
        self.count += 1
        return place

    cdef void drop_row(self) noexcept nogil:
        """Take the newest row back."""
        self.count -= 1

    cdef void forget(self, void *source, void *sink) noexcept nogil:
        """Let go of what is from a receiver or for a sender: both are about to be freed."""
        cdef int row
        for row in range(self.count):
            if self.rows[row].source == source or self.rows[row].sink == sink:
                self.rows[row].source = self.rows[row].sink = NULL
                self.rows[row].dropped = True

    cdef void measure(self, int first) noexcept nogil:
        """Measure the levels of all rows from `first` on."""
        cdef int row
        for row in range(first, self.count):
            self.levels[row] = level_of(self.pcm[row])

    cdef void clear(self) noexcept nogil:
        """Begin a new tick."""
        self.count = 0
