"""Comfort noise: the payload that describes it (RFC 3389), and the noise itself.

A line that goes dead between two sentences sounds broken. A sender that stops in pauses therefore
says how loud its background is, and perhaps of what color (the spectrum), and the receiver makes
noise like it. The same noise stands behind what is concealed when packets are lost for long.
"""

cimport cython
from libc.math cimport pow, rintf
from libc.stdint cimport int16_t

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from voice.levels import SILENCE

PAYLOAD_TYPE = 13  # at 8000 Hz, RFC 3389 section 4

_MOST_COEFFICIENTS = 10  # more say nothing of a background; RFC 3389 section 3.2 lets us drop them
_MIDDLE, _LARGEST_INDEX = 127, 254
_STEP = 258.0 / 32768

# White noise of unit power, shared by all streams: 8 s at 8 kHz, too long for the ear to find again
cdef enum:
    BLOCK = 1 << 16

_CREST = 4.0  # the block's peak, so that noise up to -12 dBov does not clip

cdef float _FULL_SCALE = 32767.0  # 0 dBov, as in voice.levels

cdef Color _UNFILTERED
_UNFILTERED.number = 0


class ComfortNoiseError(ValueError):
    """A payload that describes no noise."""


class ComfortNoise(NamedTuple):
    """What the noise is like: level in -dBov, 0 to 127, and reflection coefficients, -1 to 1."""

    level: int
    reflection: tuple[float, ...] = ()


def parse(payload: bytes) -> ComfortNoise:
    """Read a payload: a level, and up to 10 reflection coefficients (RFC 3389 section 3).

    Senders may give the level alone. Coefficients end at an index that is reserved; the ones before
    it are those of a simpler filter, and what there is of bytes after the tenth is passed over.

    Raises
    ------
    ComfortNoiseError
        No byte at all.
    """
    if not payload:
        raise ComfortNoiseError("a payload of 0 bytes: RFC 3389 has at least the level")
    indices = payload[1 : 1 + _MOST_COEFFICIENTS].split(b"\xff", 1)[0]
    # The level's first bit is always 0, section 3.1
    return ComfortNoise(payload[0] & 0x7F, tuple([(n - _MIDDLE) * _STEP for n in indices]))


def pack(noise: ComfortNoise) -> bytes:
    """Write a payload; coefficients are rounded to the nearest of 255 steps.

    Raises
    ------
    ValueError
        A level or a coefficient out of range.
    """
    if not 0 <= noise.level <= SILENCE:
        raise ValueError(f"level is -{noise.level} dBov: it must be 0 to {SILENCE}")
    if any([not -1 <= value <= 1 for value in noise.reflection]):
        raise ValueError(f"reflection coefficients are {noise.reflection}: they must be -1 to 1")
    indices = [round(value / _STEP) + _MIDDLE for value in noise.reflection]
    return bytes([noise.level, *[min(max(n, 0), _LARGEST_INDEX) for n in indices]])


def _make_block():
    block = np.clip(np.random.default_rng(3389).standard_normal(BLOCK), -_CREST, _CREST)
    block /= np.sqrt(np.square(block).mean())
    # The beginning once more: what a filter looks at may begin at the end
    return np.concatenate((block, block[:TAPS])).astype(np.float32)


_WHITE = _make_block()

_GOLDEN = 0x9E3779B1  # 2 ** 32 by the golden ratio: its multiples fill a circle evenly


def _respond(reflection: Sequence[float]):
    """Return the impulse response of the all-pole filter, of unit power.

    The polynomial comes by the step-up recursion, its inverse by the Fourier transform; what wraps
    round in it is the tail of a resonance that 64 samples cannot hold.
    """
    polynomial = [1.0]
    for coefficient in reflection:
        padded = [*polynomial, 0.0]
        turned = padded[::-1]
        polynomial = [one + coefficient * other for one, other in zip(padded, turned)]
    spectrum = np.fft.rfft(polynomial, TAPS)
    # Coefficients at the edge of their range put poles onto the unit circle: no division by zero
    spectrum = spectrum.conj() / (np.square(np.abs(spectrum)) + 1e-12)
    response = np.fft.irfft(spectrum)
    return (response / np.linalg.norm(response)).astype(np.float32)


@cython.final
cdef class NoiseGenerator:
    """Makes the noise of one stream, frame after frame without a seam.

    Where level or color are new, they are reached at the end of the frame.

    Parameters
    ----------
    seed
        Where in the noise to begin; streams that are mixed should not begin together.
    """

    def __init__(self, seed: int = 0) -> None:
        self._white = _WHITE
        # Far apart for seeds that are near; a generator of numpy's would cost more than all else
        self._position = (seed * _GOLDEN & 0xFFFFFFFF) * BLOCK >> 32
        self._reflection = ()

    def fill(self, out, double level, tuple reflection=()):
        """Write the next samples into `out` and return it.

        Parameters
        ----------
        out
            int16[n], contiguous.
        level
            -dBov, 0 to 127; noise louder than 12 is clipped.
        reflection
            Reflection coefficients, none for white noise.
        """
        cdef int16_t[::1] samples = out
        if reflection:
            self.set_color(reflection)
            self.fill_colored(samples, 0, samples.shape[0], level)
        else:
            self.fill_white(samples, 0, samples.shape[0], level)
        return out

    def fade(self, out, double level, double begin, double end):
        """Fade what is in `out` into white noise, whose weight grows from `begin` to `end`.

        Both are of 0 to 1; below and above it the weight is 0 and 1. `out` and `level` are those of
        `fill`.
        """
        cdef int16_t[::1] samples = out
        self.fade_in(samples, 0, samples.shape[0], level, begin, end)
        return out

    def set_color(self, tuple reflection not None):
        """Choose the color of `fill_colored` by reflection coefficients, none for white noise."""
        cdef const float[::1] response
        cdef int place
        if reflection == self._reflection:
            return
        if reflection:
            response = _respond(reflection)
            for place in range(TAPS):
                self._chosen.taps[TAPS - 1 - place] = response[place]
            self._colors += 1
            self._chosen.number = self._colors
        else:
            self._chosen.number = 0
        self._reflection = reflection

    cdef void fill_white(self, int16_t[::1] out, int at, int size, double level) noexcept nogil:
        self._mix(out, at, size, level, &_UNFILTERED, 1.0, 1.0)

    cdef void fill_colored(self, int16_t[::1] out, int at, int size, double level) noexcept nogil:
        self._mix(out, at, size, level, &self._chosen, 1.0, 1.0)

    cdef void fade_in(
        self, int16_t[::1] out, int at, int size, double level, double begin, double end
    ) noexcept nogil:
        self._mix(out, at, size, level, &_UNFILTERED, begin, end)

    cdef void restart(self) noexcept nogil:
        self._started = False

    cdef void _mix(
        self,
        int16_t[::1] out,
        int at,
        int size,
        double level,
        Color *color,
        double begin,
        double end,
    ) noexcept nogil:
        """Give the noise a weight from `begin` to `end`, and what is in `out` the rest."""
        cdef double gain = _FULL_SCALE * pow(10.0, -level / 20)
        cdef double last = self._gain if self._started else gain
        cdef bint recolored = self._started and color.number != self._newest.number
        cdef float first = last, rise = gain - last, ramp, wave, before, weight
        cdef int place
        for place in range(size):
            ramp = <float>(place + 1) / size
            wave = self._sample(color)
            if recolored:
                before = self._sample(&self._newest)
                wave = before + (wave - before) * ramp
            wave *= first + rise * ramp
            if begin < 1:
                weight = min(max(begin + (end - begin) * place / size, 0.0), 1.0)
                wave = out[at + place] + weight * (wave - out[at + place])
            out[at + place] = <int16_t>rintf(min(max(wave, -_FULL_SCALE), _FULL_SCALE))
            self._position = (self._position + 1) % BLOCK
        self._gain = gain
        self._started = True
        if self._newest.number != color.number:
            self._newest = color[0]

    cdef float _sample(self, Color *color) noexcept nogil:
        """Return the next sample at unit power."""
        cdef float even = 0, odd = 0
        cdef Py_ssize_t tap, place = self._position
        if not color.number:
            return self._white[place]
        for tap in range(0, TAPS, 2):  # two sums, since each addition waits for the one before
            even += self._white[place + tap] * color.taps[tap]
            odd += self._white[place + tap + 1] * color.taps[tap + 1]
        return even + odd
