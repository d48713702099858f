"""What every codec with state per stream can do; the base classes of decoders and encoders.

Counts of samples are per channel; `units` are those of the RTP clock. Payloads are a pointer and a
size, since they lie in packets of any kind; samples are memoryviews, whose bounds are checked.
"""

from libc.stdint cimport int16_t, uint8_t


cdef class SpeechDecoder:
    cdef readonly int sample_rate
    cdef readonly int clock_rate

    # How long a payload is, in units of the RTP clock; 0 if it is malformed
    cdef int units(self, const uint8_t *payload, int size) noexcept nogil
    # Whether a payload carries its predecessor as well (Opus FEC)
    cdef bint repairs(self, const uint8_t *payload, int size) noexcept nogil
    # Samples written from out[at] on, never more than fit; negative if the payload is none
    cdef int decode_packet(
        self, const uint8_t *payload, int size, int16_t[::1] out, int at
    ) noexcept nogil
    # The lost packet before this one, `samples` long, into out[at] on; negative on failure
    cdef int repair_packet(
        self, const uint8_t *payload, int size, int16_t[::1] out, int at, int samples
    ) noexcept nogil
    # What may have been said, `samples` long, into out[at] on; negative on failure
    cdef int conceal_samples(self, int16_t[::1] out, int at, int samples) noexcept nogil
    # Forget the stream so far
    cdef void restart(self) noexcept nogil


cdef class SpeechEncoder:
    cdef readonly int sample_rate

    # Bytes written from out[at] on, negative on failure. `pcm` is one whole frame of 20 ms
    cdef int encode_frame(
        self, const int16_t[::1] pcm, uint8_t[::1] out, int at
    ) noexcept nogil
    # Per cent of packets that the far end loses
    cdef void expect_loss(self, int percent) noexcept nogil
