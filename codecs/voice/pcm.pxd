"""Codecs without concealment of their own, for compiled callers; pcm.pyx says what it does."""

from libc.stdint cimport int16_t, uint8_t

from voice.concealment cimport PcmConcealer
from voice.half_band cimport HalfBand
from voice.sample_coder cimport SampleCoder
from voice.speech cimport SpeechDecoder


cdef class ConcealingDecoder(SpeechDecoder):
    cdef PcmConcealer _concealer
    cdef HalfBand _half_band  # None unless the rate is halved
    cdef int _own_rate, _bytes_per_unit, _longest  # Hz, bytes, samples to conceal at once
    cdef int16_t _last  # of the payload before, at the codec's own rate

    # How many samples at the codec's own rate a payload has; 0 if it is malformed
    cdef Py_ssize_t own_samples(self, int size) noexcept nogil
    # How many samples become of so many at the codec's own rate; negative if they do not fit `room`
    cdef int output_size(self, Py_ssize_t samples, Py_ssize_t room) noexcept nogil
    # Decoded samples at the codec's own rate into out[at] on, whose room has been checked
    cdef int finish(
        self, const int16_t[::1] decoded, int16_t[::1] out, int at
    ) noexcept nogil


cdef class PcmDecoder(ConcealingDecoder):
    cdef SampleCoder _coder
    cdef int16_t[::1] _decoded


# 2 * pcm.shape[0] samples into out[at] on; `last` is the sample before
cdef void double_row(
    const int16_t[::1] pcm, int16_t last, int16_t[::1] out, Py_ssize_t at
) noexcept nogil
