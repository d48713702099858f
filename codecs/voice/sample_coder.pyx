"""Codes of single samples, without the interpreter: G.711 by table, L16 by its order of bytes.

`voice.g711` and `voice.l16` do the same for whole batches, and the tables are theirs.
"""

import numpy as np

from libc.stdint cimport int16_t, uint8_t, uint16_t

from functools import cache


@cache
def _tables_of(codec):
    """Return the sample of each code, and the code of each sample by its 16 bits."""
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    return codec.decode(np.arange(256, dtype=np.uint8)), codec.encode(samples)


cdef class SampleCoder:
    """Decodes and encodes one codec's samples; without state, so that streams may share it.

    Parameters
    ----------
    codec
        A `voice.codec.PayloadCodec` with one byte for each sample, or with two that are a sample,
        the most significant first.

    Raises
    ------
    ValueError
        A codec of another kind.
    """

    def __init__(self, codec):
        if codec.clock_rate != codec.sample_rate or codec.bytes_per_unit not in (1, 2):
            rule = "a sample must be a unit of the clock, of 1 or 2 bytes"
            raise ValueError(f"{codec.name}: {rule}")
        self.bytes_per_sample = codec.bytes_per_unit
        if self.bytes_per_sample == 1:
            self._samples, self._codes = _tables_of(codec)

    cdef void decode(
        self, const uint8_t *codes, int16_t[::1] out, int at, int samples
    ) noexcept nogil:
        cdef int place
        if self.bytes_per_sample == 1:
            for place in range(samples):
                out[at + place] = self._samples[codes[place]]
        else:
            for place in range(samples):
                out[at + place] = <int16_t> (codes[2 * place] << 8 | codes[2 * place + 1])

    cdef int encode(
        self, const int16_t[::1] pcm, int samples, uint8_t[::1] out, int at
    ) noexcept nogil:
        cdef int place
        cdef uint16_t bits
        if self.bytes_per_sample == 1:
            for place in range(samples):
                out[at + place] = self._codes[<uint16_t> pcm[place]]
        else:
            for place in range(samples):
                bits = <uint16_t> pcm[place]
                out[at + 2 * place] = bits >> 8
                out[at + 2 * place + 1] = bits & 0xFF
        return samples * self.bytes_per_sample
