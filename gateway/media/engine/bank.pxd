"""The frames of one tick at one sample rate; bank.pyx says more."""

from libc.stdint cimport int16_t, uint8_t

from voice.time_line cimport Stamp

cdef enum:
    MOST_CODECS = 16  # rows of the codec registry

cdef struct Row:
    void *source  # a borrowed Receiver; NULL: a mix made it
    void *sink  # a borrowed Sender; NULL: nobody gets it as it is
    bint stamped  # `stamp` is the source's place on the sink's time line
    Stamp stamp
    int gap  # packets lost before it, for the encoder to hear made up
    bint dropped  # it is not sent: a digit stands in its place


cdef class Bank:
    cdef readonly int rate, frame, capacity
    cdef readonly object pcm_array, level_array
    cdef int16_t[:, ::1] pcm
    cdef uint8_t[::1] levels
    cdef int16_t[::1] spare  # a frame that nobody gets
    cdef uint8_t[::1] spare_codes
    cdef Row *rows
    cdef int count
    cdef void *coders[MOST_CODECS]  # borrowed SampleCoders, NULL for a codec with state
    cdef dict _coders

    cdef int add_row(self, void *source, void *sink) noexcept nogil  # -1: full
    cdef void drop_row(self) noexcept nogil
    cdef void forget(self, void *source, void *sink) noexcept nogil
    cdef bint is_crowded(self) noexcept nogil
    cdef void measure(self, int first) noexcept nogil
    cdef void clear(self) noexcept nogil
