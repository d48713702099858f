"""Wideband to narrowband: half of the sample rate, without what 8 kHz cannot carry.

The mean of each pair of samples would let what is above 4 kHz through at -5 to -15 dB, mirrored
into the band of speech. A half-band filter of 31 taps takes it off: half of its taps are zero, so
it costs eight multiplications for a sample. It delays by 15 samples at the higher rate, 0.94 ms at
16 kHz. It lets 3.4 kHz through at -0.2 dB; of what comes from 4.8 kHz on less than -45 dB is left.
"""

import numpy as np

from libc.stdint cimport int16_t, int32_t
from libc.string cimport memcpy, memmove, memset

cdef enum:
    _PAIRS = 8  # of taps that are not zero, to either side of the middle one
    _REACH = 2 * _PAIRS - 1  # samples from the middle to the outermost of them
    _PAST = 2 * _REACH  # samples that the first one of what comes needs before it
    _PIECE = ROOM - _PAST  # samples at a time
    _UNITY = 1 << 15

DELAY = _REACH  # samples at the higher rate


def _half_of_taps():
    """Return the taps of one side from the middle on, in parts of 32768: a windowed sinc."""
    offsets = np.arange(1, 2 * _PAIRS, 2)
    window = np.i0(4.0 * np.sqrt(1 - (offsets / (_REACH + 1)) ** 2))
    taps = np.sinc(offsets / 2) * window
    taps = np.round(taps * (_UNITY / 4 / taps.sum())).astype(int)
    taps[0] += _UNITY // 4 - taps.sum()  # so that a constant stays what it is
    return taps


cdef int32_t[_PAIRS] _TAPS
for _place, _tap in enumerate(_half_of_taps()):
    _TAPS[_place] = _tap


cdef class HalfBand:
    """Halves the rate of one stream."""

    def halve_all(self, const int16_t[::1] pcm not None):
        """Return int16[n // 2] of int16[n]; what comes next goes on from there.

        Raises
        ------
        ValueError
            An odd number of samples.
        """
        cdef Py_ssize_t samples = pcm.shape[0]
        if samples % 2:
            raise ValueError(f"{samples} samples: an even number can be halved")
        out = np.empty(samples // 2, np.int16)
        self.halve(pcm, out, 0)
        return out

    cdef void restart(self) noexcept nogil:
        memset(&self._line[0], 0, _PAST * sizeof(int16_t))

    cdef void halve(self, const int16_t[::1] pcm, int16_t[::1] out, Py_ssize_t at) noexcept nogil:
        cdef Py_ssize_t begin = 0, samples
        while begin < pcm.shape[0]:
            samples = min(<Py_ssize_t> _PIECE, pcm.shape[0] - begin)
            memcpy(&self._line[_PAST], &pcm[begin], samples * sizeof(int16_t))
            self._filter(samples // 2, out, at + begin // 2)
            memmove(&self._line[0], &self._line[samples], _PAST * sizeof(int16_t))
            begin += samples

    cdef void _filter(self, Py_ssize_t count, int16_t[::1] out, Py_ssize_t at) noexcept nogil:
        cdef Py_ssize_t place
        cdef int pair
        cdef int32_t total
        cdef const int16_t *middle
        for place in range(count):
            middle = &self._line[2 * place + 1 + _REACH]
            total = _UNITY // 2 * middle[0] + _UNITY // 2  # rounded
            for pair in range(_PAIRS):
                total += _TAPS[pair] * (middle[-2 * pair - 1] + <int32_t> middle[2 * pair + 1])
            out[at + place] = <int16_t> (min(max(total >> 15, -32768), 32767))
