"""G.711 and L16 as streams, and what every codec needs that knows no concealment of its own.

Such a decoder makes up lost packets as `voice.concealment` does. It gives samples at the codec's
own rate, at twice that rate by interpolation, or at half of it (`voice.half_band`): so a narrowband
and a wideband leg can be joined.
"""

import numpy as np

from libc.stdint cimport int16_t, int32_t, uint8_t

from voice.concealment cimport PcmConcealer
from voice.half_band cimport HalfBand
from voice.sample_coder cimport SampleCoder
from voice.speech cimport SpeechDecoder

LONGEST_MS = 120  # of a payload, and of what is made up at once

cdef enum:
    _MALFORMED = -1
    _TOO_LONG = -2


cdef class ConcealingDecoder(SpeechDecoder):
    """What is common to the decoders that leave concealment to `PcmConcealer`.

    Parameters
    ----------
    name
        Of the codec, for errors.
    own_rate, clock_rate
        Hz of its samples and of its RTP timestamps.
    bytes_per_unit
        Of a payload, for each unit of the RTP clock.
    sample_rate
        Hz of what is decoded to: the codec's own rate, twice or half of it.

    Raises
    ------
    ValueError
        Another sample rate.
    """

    def __init__(self, name, int own_rate, int clock_rate, int bytes_per_unit, int sample_rate):
        if sample_rate not in (own_rate, 2 * own_rate, own_rate // 2):
            rule = f"{own_rate} Hz, twice or half of it"
            raise ValueError(f"{name} at {sample_rate} Hz: it must be {rule}")
        self._concealer = PcmConcealer(sample_rate)
        if sample_rate < own_rate:
            self._half_band = HalfBand()
        self._own_rate = own_rate
        self._bytes_per_unit = bytes_per_unit
        self._longest = sample_rate * LONGEST_MS // 1000
        self.clock_rate = clock_rate
        self.sample_rate = sample_rate

    cdef int units(self, const uint8_t *payload, int size) noexcept nogil:
        return 0 if size < 0 or size % self._bytes_per_unit else size // self._bytes_per_unit

    cdef Py_ssize_t own_samples(self, int size) noexcept nogil:
        return <Py_ssize_t>self.units(NULL, size) * self._own_rate // self.clock_rate

    cdef int output_size(self, Py_ssize_t samples, Py_ssize_t room) noexcept nogil:
        cdef Py_ssize_t size = samples * self.sample_rate // self._own_rate
        # At half the rate there is nothing to pair a last sample with
        if size <= 0 or size * self._own_rate != samples * self.sample_rate:
            return _MALFORMED
        return <int>size if size <= room else _TOO_LONG

    cdef int finish(
        self, const int16_t[::1] decoded, int16_t[::1] out, int at
    ) noexcept nogil:
        cdef Py_ssize_t samples = decoded.shape[0]
        cdef int size = self.output_size(samples, out.shape[0] - at)
        if size < 0:
            return size
        if self.sample_rate > self._own_rate:
            double_row(decoded, self._last, out, at)
        elif self.sample_rate < self._own_rate:
            self._half_band.halve(decoded, out, at)
        else:
            out[at : at + size] = decoded
        self._last = decoded[samples - 1]
        self._concealer.hear(out, at, size)
        return size

    cdef int conceal_samples(self, int16_t[::1] out, int at, int samples) noexcept nogil:
        if at < 0 or not 0 < samples <= min(self._longest, out.shape[0] - at):
            return _TOO_LONG
        self._concealer.make_up(out, at, samples)
        return samples

    cdef void restart(self) noexcept nogil:
        self._concealer.restart()
        if self._half_band is not None:
            self._half_band.restart()
        self._last = 0


cdef class PcmDecoder(ConcealingDecoder):
    """Decodes one stream of a codec whose samples stand for themselves: G.711, L16.

    Parameters
    ----------
    codec
        A `voice.codec.PayloadCodec` with one byte for each sample, or with two that are a sample,
        the most significant first.
    rate
        Hz: the codec's own, twice or half of it.

    Raises
    ------
    ValueError
        Another rate, or a codec of another kind.
    """

    def __init__(self, codec, int rate):
        self._coder = SampleCoder(codec)
        ConcealingDecoder.__init__(
            self,
            codec.name,
            codec.sample_rate,
            codec.clock_rate,
            self._coder.bytes_per_sample,
            rate,
        )
        self._decoded = np.empty(codec.sample_rate * LONGEST_MS // 1000, np.int16)

    cdef int decode_packet(
        self, const uint8_t *payload, int size, int16_t[::1] out, int at
    ) noexcept nogil:
        cdef int samples = <int>self.own_samples(size)
        if at < 0 or samples > self._decoded.shape[0]:
            return _TOO_LONG
        cdef int written = self.output_size(samples, out.shape[0] - at)
        if written < 0:
            return written
        self._coder.decode(payload, self._decoded, 0, samples)
        return self.finish(self._decoded[:samples], out, at)


cdef void double_row(
    const int16_t[::1] pcm, int16_t last, int16_t[::1] out, Py_ssize_t at
) noexcept nogil:
    cdef int32_t before = last, sample
    cdef Py_ssize_t place
    for place in range(pcm.shape[0]):
        sample = pcm[place]
        # Shifted and not divided: rounded down on both sides of zero
        out[at + 2 * place] = <int16_t>((before + sample) >> 1)
        out[at + 2 * place + 1] = <int16_t>sample
        before = sample
