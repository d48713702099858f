"""The frames of one tick at one sample rate: rows that numpy works on all at once.

A row is 20 ms of one leg. Codes that have come from trunks are gathered codec by codec and decoded
into rows with one call; what jitter buffers play is decoded into rows by its own decoder. Levels
are measured, and rows encoded for the trunks, with one call each. Nothing here loops over calls but
to copy and to count.
"""

from libc.limits cimport INT_MAX
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

import numpy as np

from voice import levels
from voice.codec import CODECS, PayloadCodec
from voice.pcm import double_rate, halve_rate

FRAMES_PER_SECOND = 50


cdef class CodecRows:
    """Codes of one payload codec, in and out, for samples at `rate` Hz."""

    def __init__(self, codec: PayloadCodec, rate: int) -> None:
        self.codec = codec
        self.index = codec.index
        self.rate = rate
        self.row_size = codec.units_per_frame * codec.bytes_per_unit
        self.first, self.last = INT_MAX, -1

    def __dealloc__(self) -> None:
        free(self.rows)

    def grow(self, capacity: int) -> None:
        """Have so many rows; what is in them stays."""
        incoming = capacity if self.codec.sample_rate == self.rate else 0
        self.incoming_array = _grown(self.incoming_array, (incoming, self.row_size), np.uint8)
        self.outgoing_array = _grown(self.outgoing_array, (capacity, self.row_size), np.uint8)
        self.incoming, self.outgoing = self.incoming_array, self.outgoing_array
        self.rows = _grown_rows(self.rows, capacity)

    cdef int encode(self, pcm) except -1:
        """Encode the rows that are wanted, and those between them; int16[rows, samples]."""
        cdef int first = self.first, last = self.last + 1
        if last <= first:
            return 0
        wanted = pcm[first:last]
        if self.codec.sample_rate < self.rate:
            wanted = halve_rate(wanted)
        elif self.codec.sample_rate > self.rate:
            wanted = double_rate(wanted, wanted[:, 0])
        self.codec.encode(wanted, self.outgoing_array[first:last])
        return 0


cdef Row *_grown_rows(Row *rows, int capacity) except NULL:
    cdef Row *grown = <Row *> realloc(rows, capacity * sizeof(Row))
    if grown == NULL:
        raise MemoryError
    return grown


cdef void _forget(Row *rows, int count, void *source, void *sink) noexcept nogil:
    cdef int row
    for row in range(count):
        if rows[row].source == source or rows[row].sink == sink:
            rows[row].source = rows[row].sink = NULL
            rows[row].dropped = True


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
        cdef CodecRows rows
        self.rate = rate
        self.frame = rate // FRAMES_PER_SECOND
        self.spare = np.zeros(self.frame, np.int16)
        self.spare_codes = np.zeros(2048, np.uint8)
        self._codec_rows = [
            CodecRows(codec, rate) for codec in CODECS.values() if isinstance(codec, PayloadCodec)
        ]
        for rows in self._codec_rows:
            self.codecs[rows.index] = <void *> rows
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
        for rows in self._codec_rows:
            rows.grow(capacity)
        self.capacity = capacity

    cdef bint is_crowded(self) noexcept nogil:
        """Whether so many rows are taken that no more packets should be read in this tick."""
        return 2 * (self.count + self._awaited) > self.capacity

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
        cdef int codec
        cdef void *rows
        _forget(self.rows, self.count, source, sink)
        for codec in range(MOST_CODECS):
            rows = self.codecs[codec]
            if rows != NULL:
                _forget((<CodecRows> rows).rows, (<CodecRows> rows).count, source, sink)

    cdef int add_codes(self, int codec, void *source, void *sink) noexcept nogil:
        """Return the place for a frame of codes; `coded_row` and `codes_at` are to be filled."""
        cdef void *rows = self.codecs[codec]
        cdef int place
        if rows == NULL:
            return -1
        place = (<CodecRows> rows).count
        if place >= (<CodecRows> rows).incoming.shape[0]:
            return -1
        memset(&(<CodecRows> rows).rows[place], 0, sizeof(Row))
        (<CodecRows> rows).rows[place].source = source
        (<CodecRows> rows).rows[place].sink = sink
        (<CodecRows> rows).count = place + 1
        self._awaited += 1
        return place

    cdef uint8_t[::1] codes_at(self, int codec, int place) noexcept nogil:
        return (<CodecRows> self.codecs[codec]).incoming[place]

    cdef Row *coded_row(self, int codec, int place) noexcept nogil:
        return &(<CodecRows> self.codecs[codec]).rows[place]

    cdef void seal(self) noexcept nogil:
        """Give all codes that have come their rows; what is decoded later stands behind them."""
        cdef int codec, place, row
        cdef void *rows
        for codec in range(MOST_CODECS):
            rows = self.codecs[codec]
            if rows == NULL or not (<CodecRows> rows).count:
                continue
            (<CodecRows> rows).start = self.count
            for place in range((<CodecRows> rows).count):
                row = self.add_row(NULL, NULL)
                if row < 0:
                    (<CodecRows> rows).count = place
                    break
                self.rows[row] = (<CodecRows> rows).rows[place]
        self._awaited = 0

    cdef void want_codes(self, int codec, int row) noexcept nogil:
        """Have a row encoded, and those between the ones that are wanted."""
        cdef void *rows = self.codecs[codec]
        if rows != NULL:
            (<CodecRows> rows).first = min((<CodecRows> rows).first, row)
            (<CodecRows> rows).last = max((<CodecRows> rows).last, row)

    cdef uint8_t[::1] encoded(self, int codec, int row) noexcept nogil:
        return (<CodecRows> self.codecs[codec]).outgoing[row]

    cdef void clear(self) noexcept nogil:
        """Begin a new tick."""
        cdef int codec
        self.count = self._awaited = 0
        for codec in range(MOST_CODECS):
            if self.codecs[codec] != NULL:
                (<CodecRows> self.codecs[codec]).count = 0
                (<CodecRows> self.codecs[codec]).first = INT_MAX
                (<CodecRows> self.codecs[codec]).last = -1

    # With the interpreter: numpy over all rows

    def decode(self) -> None:
        """Decode what has come, one call for each codec, and measure all levels."""
        cdef CodecRows rows
        cdef int count
        for rows in self._codec_rows:
            count = rows.count
            if count:
                rows.codec.decode(
                    rows.incoming_array[:count],
                    self.pcm_array[rows.start : rows.start + count],
                )

    def measure(self, first: int = 0) -> None:
        """Measure the levels of all rows from `first` on."""
        cdef int count = self.count
        if count > first:
            self.level_array[first:count] = levels.measure(self.pcm_array[first:count])

    def encode(self) -> None:
        """Encode the rows that trunks wait for, one call for each codec."""
        cdef CodecRows rows
        for rows in self._codec_rows:
            rows.encode(self.pcm_array)
