"""Opus, for compiled callers; opus.pyx says what it does."""

from libc.stdint cimport int16_t, int32_t, uint8_t

from voice.speech cimport SpeechDecoder, SpeechEncoder

# libopus's functions, which are called by their addresses (opus.h has them in full)
ctypedef int (*decode_t)(
    void *state, const uint8_t *data, int32_t size, int16_t *pcm, int frame_size, int fec
) noexcept nogil
ctypedef int32_t (*encode_t)(
    void *state, const int16_t *pcm, int frame_size, uint8_t *data, int32_t size
) noexcept nogil
ctypedef int (*control_t)(void *state, int request, ...) noexcept nogil
ctypedef void (*destroy_t)(void *state) noexcept nogil


cdef class OpusDecoder(SpeechDecoder):
    cdef readonly int channels
    cdef void *_state
    cdef object _library
    cdef decode_t _decode
    cdef control_t _control
    cdef destroy_t _destroy
    cdef int _block, _longest  # samples: what concealment counts in, and the longest packet

    cdef void _free(self) noexcept
    cdef int _run(
        self,
        const uint8_t *payload,
        int size,
        int16_t[::1] out,
        Py_ssize_t at,
        int samples,
        bint fec,
    ) noexcept nogil


cdef class OpusEncoder(SpeechEncoder):
    cdef readonly int channels
    cdef void *_state
    cdef object _library
    cdef encode_t _encode
    cdef control_t _control
    cdef destroy_t _destroy
    cdef uint8_t[::1] _payload

    cdef void _free(self) noexcept
    cdef int _run(
        self, const int16_t[::1] pcm, int frame, uint8_t[::1] out, Py_ssize_t at
    ) noexcept nogil
