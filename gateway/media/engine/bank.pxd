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


cdef class CodecRows:
    cdef readonly object codec
    cdef int index  # of the codec in the registry
    cdef int rate  # Hz of the bank's samples
    cdef int row_size  # bytes of a frame
    cdef readonly object incoming_array, outgoing_array  # no codes of another sample rate come in
    cdef uint8_t[:, ::1] incoming, outgoing
    cdef Row *rows  # of what has come in
    cdef int count  # of them
    cdef int start  # row of the bank where they were decoded to
    cdef int first, last  # rows of the bank that are to be encoded; first > last: none

    cdef int encode(self, pcm) except -1


cdef class Bank:
    cdef readonly int rate, frame, capacity
    cdef readonly object pcm_array, level_array
    cdef int16_t[:, ::1] pcm
    cdef uint8_t[::1] levels
    cdef int16_t[::1] spare  # a frame that nobody gets
    cdef uint8_t[::1] spare_codes
    cdef Row *rows
    cdef int count
    cdef void *codecs[MOST_CODECS]  # borrowed CodecRows, NULL for what is no payload codec
    cdef int _awaited  # rows that the codes that have come will take
    cdef list _codec_rows

    cdef int add_row(self, void *source, void *sink) noexcept nogil  # -1: full
    cdef void drop_row(self) noexcept nogil
    cdef void forget(self, void *source, void *sink) noexcept nogil
    cdef bint is_crowded(self) noexcept nogil
    cdef int add_codes(self, int codec, void *source, void *sink) noexcept nogil  # -1: full
    cdef uint8_t[::1] codes_at(self, int codec, int place) noexcept nogil
    cdef Row *coded_row(self, int codec, int place) noexcept nogil
    cdef void seal(self) noexcept nogil
    cdef void want_codes(self, int codec, int row) noexcept nogil
    cdef uint8_t[::1] encoded(self, int codec, int row) noexcept nogil
    cdef void clear(self) noexcept nogil
