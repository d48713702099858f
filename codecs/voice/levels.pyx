"""Audio levels as RTP carries them (RFC 6464): 0 is the loudest, 127 is silence."""

import numpy as np

from libc.stdint cimport int16_t, int64_t, uint8_t

from typing import NamedTuple

SILENCE = 127  # -dBov, also for digital silence

_OVERLOAD = 32767.0  # 0 dBov: a square wave of full scale (RFC 6465 appendix A.1)

cdef enum:
    _STEPS = 127

# The power of a sample where the rounding changes, between each level and the next louder one. A
# logarithm and its rounding cost more than to look it up
cdef double[_STEPS] _POWERS
for _step in range(_STEPS):
    _POWERS[_step] = _OVERLOAD**2 * 10 ** (-(SILENCE - 0.5 - _step) / 10)


class AudioLevel(NamedTuple):
    """An element urn:ietf:params:rtp-hdrext:ssrc-audio-level: -dBov, and whether it is voice."""

    level: int
    voice: bool


cdef int level_of(const int16_t[::1] frame) noexcept nogil:
    """Return the level of a frame, -dBov from 0 to 127; 127 for digital silence, or no samples."""
    cdef int64_t energy = 0
    cdef Py_ssize_t place
    cdef int quietest = 0, loudest = _STEPS, middle
    cdef double power
    for place in range(frame.shape[0]):
        energy += <int64_t> frame[place] * frame[place]
    if not energy:
        return _STEPS
    power = <double> energy / frame.shape[0]
    while quietest < loudest:
        middle = (quietest + loudest) // 2
        if _POWERS[middle] <= power:
            quietest = middle + 1
        else:
            loudest = middle
    return _STEPS - quietest


def measure(frames):
    """Return the level of each row.

    Parameters
    ----------
    frames
        int16[n, samples], at least one sample.

    Returns
    -------
    uint8[n], -dBov from 0 to 127; 127 for digital silence. A full-scale sine has 3.

    Raises
    ------
    TypeError, ValueError
        Not int16, or not of that shape.
    """
    if frames.dtype != np.int16:
        raise TypeError(f"samples are {frames.dtype}; levels are of int16")
    if frames.ndim != 2 or not frames.shape[1]:
        raise ValueError(f"frames of shape {frames.shape}: one row of samples per stream is needed")
    cdef const int16_t[:, ::1] rows = np.ascontiguousarray(frames)
    measured = np.empty(len(frames), np.uint8)
    cdef uint8_t[::1] out = measured
    cdef Py_ssize_t row
    for row in range(rows.shape[0]):
        out[row] = level_of(rows[row])
    return measured


def parse(element):
    """Read an extension element's first byte (RFC 6464 section 3); None if it has none."""
    if not element:
        return None
    return AudioLevel(element[0] & 0x7F, element[0] >= 0x80)


def pack(level):
    """Return the element's one byte; levels beyond 127 count as silence."""
    return bytes([min(level.level, SILENCE) | (0x80 if level.voice else 0)])
