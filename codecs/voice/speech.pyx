"""What every codec with state per stream can do; the base classes of decoders and encoders.

A codec is a subclass of each: `voice.opus`, `voice.pcm`, `voice.g722`. The jitter buffer and the
engine call them without the interpreter, whatever the codec is; Python has the same through the
methods here.
"""

import numpy as np

from libc.stdint cimport int16_t, uint8_t

LARGEST_PAYLOAD = 1200  # bytes: with all headers still one datagram

_INT16 = np.dtype(np.int16)


cdef class SpeechDecoder:
    """The state of one stream that is received."""

    cdef int units(self, const uint8_t *payload, int size) noexcept nogil:
        return 0

    cdef bint repairs(self, const uint8_t *payload, int size) noexcept nogil:
        return False

    cdef int decode_packet(
        self, const uint8_t *payload, int size, int16_t[::1] out, int at
    ) noexcept nogil:
        return -1

    cdef int repair_packet(
        self, const uint8_t *payload, int size, int16_t[::1] out, int at, int samples
    ) noexcept nogil:
        return self.conceal_samples(out, at, samples)

    cdef int conceal_samples(self, int16_t[::1] out, int at, int samples) noexcept nogil:
        return -1

    cdef void restart(self) noexcept nogil:
        pass

    def payload_units(self, const uint8_t[::1] payload not None):
        """Return how long a payload is, in units of the RTP clock; 0 if it is malformed."""
        return self.units(_start(payload), <int>payload.shape[0])

    def payload_repairs(self, const uint8_t[::1] payload not None):
        """Whether a payload carries its predecessor as well."""
        return self.repairs(_start(payload), <int>payload.shape[0])

    def decode(self, const uint8_t[::1] payload not None, out):
        """Decode one payload into the beginning of `out` and return the samples written.

        Parameters
        ----------
        payload
            At least one byte.
        out
            int16, C-contiguous, writable, with room for the whole payload.

        Raises
        ------
        ValueError
            An empty or malformed payload, or one that does not fit `out`: as the codec's own error,
            where it has one. After a malformed payload nothing in `out` is defined, but the stream
            can go on. Or `out` is not contiguous or read-only.
        TypeError
            `out` is no array of int16.
        """
        cdef int16_t[::1] pcm = flatten(out, True)
        cdef int written
        with nogil:
            written = self.decode_packet(_start(payload), <int>payload.shape[0], pcm, 0)
        if written < 0:
            raise self._decoding_failed(written, len(payload), len(pcm))
        return written

    def decode_fec(self, const uint8_t[::1] next_payload not None, out, int samples):
        """Repair the packet before `next_payload`, which is lost, and return `samples`.

        What `next_payload` carries of its predecessor is decoded; where it carries nothing, or less
        than was lost, the rest is concealed. Decode `next_payload` itself after.

        Parameters
        ----------
        next_payload
            The payload that followed the lost one.
        out, samples
            As in `conceal`.

        Raises
        ------
        TypeError, ValueError
            As in `decode` and `conceal`.
        """
        cdef int16_t[::1] pcm = flatten(out, True)
        cdef int size = <int>next_payload.shape[0], written
        with nogil:
            written = self.repair_packet(_start(next_payload), size, pcm, 0, samples)
        if written < 0:
            raise self._repair_failed(written, size, samples, len(pcm))
        return written

    def conceal(self, out, int samples):
        """Make up `samples` samples for lost packets, write them to `out`, return the count.

        Parameters
        ----------
        out
            int16, C-contiguous, writable, with room for `samples`.
        samples
            What is missing, up to 120 ms; of Opus a multiple of 2.5 ms.

        Raises
        ------
        TypeError, ValueError
            `out` cannot be written or is too small, or `samples` is no such number.
        """
        cdef int16_t[::1] pcm = flatten(out, True)
        cdef int written
        with nogil:
            written = self.conceal_samples(pcm, 0, samples)
        if written < 0:
            raise self._repair_failed(written, None, samples, len(pcm))
        return written

    def reset(self):
        """Forget the stream so far, as for a new decoder."""
        self.restart()

    def _decoding_failed(self, code, size, room):
        """Return the error that a failure of `decode_packet` is to Python."""
        return ValueError(f"a payload of {size} bytes does not decode into {room} samples")

    def _repair_failed(self, code, size, samples, room):
        """Return the error of `repair_packet`, or of `conceal_samples`, where `size` is None."""
        rule = f"{self.sample_rate * 120 // 1000} at most, and not more than the {room} of `out`"
        return ValueError(f"{samples} samples to make up at {self.sample_rate} Hz: {rule}")


cdef class SpeechEncoder:
    """The state of one stream that is sent."""

    cdef int encode_frame(
        self, const int16_t[::1] pcm, uint8_t[::1] out, int at
    ) noexcept nogil:
        return -1

    cdef void expect_loss(self, int percent) noexcept nogil:
        pass

    def encode(self, samples):
        """Encode one frame of 20 ms and return the payload; samples and errors as `encode_into`."""
        room = np.empty(LARGEST_PAYLOAD, np.uint8)
        return room[: self.encode_into(samples, room)].tobytes()

    def encode_into(self, samples, uint8_t[::1] out not None, int at=0):
        """Encode one frame of 20 ms into out[at] and what follows, and return the bytes written.

        Parameters
        ----------
        samples
            int16[sample_rate / 50], C-contiguous.
        out
            uint8, writable.

        Raises
        ------
        TypeError
            No array of int16.
        ValueError
            Another number of samples, or a payload that does not fit.
        """
        cdef const int16_t[::1] pcm = flatten(samples, False)
        cdef int written
        with nogil:
            written = self.encode_frame(pcm, out, at)
        if written < 0:
            room = f"{len(out)} bytes from the {at}th on"
            raise ValueError(f"{len(pcm)} samples at {self.sample_rate} Hz, into {room}")
        return written

    def adapt_to_loss(self, int percent):
        """Spend bits on repair as it is worth where so many per cent of packets are lost."""
        self.expect_loss(percent)


cdef const uint8_t *_start(const uint8_t[::1] payload) noexcept nogil:
    return &payload[0] if payload.shape[0] else NULL


def flatten(samples, bint writable):
    """Return an array as one row; refuses what a codec must not read, or not write.

    Raises
    ------
    TypeError
        No array of int16.
    ValueError
        It has gaps, or is read-only and is to be written.
    """
    which = "out is" if writable else "samples are"
    if not isinstance(samples, np.ndarray):
        raise TypeError(f"{which} a {type(samples).__name__}: an array of int16 is needed")
    if samples.dtype != _INT16:
        raise TypeError(f"{which} {samples.dtype}: int16 is needed")
    if not samples.flags.c_contiguous:
        raise ValueError(f"{which} of shape {samples.shape} and not contiguous")
    if writable and not samples.flags.writeable:
        raise ValueError(f"{which} of shape {samples.shape} and read-only")
    return samples if samples.ndim == 1 else samples.reshape(-1)
