"""Codes of single samples, for compiled callers; sample_coder.pyx says more."""

from libc.stdint cimport int16_t, uint8_t


cdef class SampleCoder:
    cdef readonly int bytes_per_sample
    cdef const int16_t[::1] _samples  # by code; none where bytes are samples
    cdef const uint8_t[::1] _codes  # by sample

    # `samples` of them into out[at] on; as many times `bytes_per_sample` bytes are read
    cdef void decode(
        self, const uint8_t *codes, int16_t[::1] out, int at, int samples
    ) noexcept nogil
    # Bytes that were written into out[at] on
    cdef int encode(
        self, const int16_t[::1] pcm, int samples, uint8_t[::1] out, int at
    ) noexcept nogil
