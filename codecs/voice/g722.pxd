"""G.722, for compiled callers; g722.pyx says what it does."""

from libc.stdint cimport int16_t, uint8_t

from voice.pcm cimport ConcealingDecoder
from voice.speech cimport SpeechEncoder


cdef class G722Decoder(ConcealingDecoder):
    cdef object _decode

    cdef int _decode_whole(
        self, const uint8_t *payload, int size, Py_ssize_t samples, int16_t[::1] out, int at
    ) except? -1


cdef class G722Encoder(SpeechEncoder):
    cdef object _encode, _frame
    cdef int16_t[::1] _room  # the samples of `_frame`
    cdef int16_t _last

    cdef bytes _encode_all(self, const int16_t[::1] pcm)
