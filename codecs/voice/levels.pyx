"""Audio levels as RTP carries them (RFC 6464): 0 is the loudest, 127 is silence."""

from libc.stdint cimport int16_t, int64_t

SILENCE = 127  # -dBov, also for digital silence
LOUDEST_FLOOR = 45  # -dBov: what is louder and never pauses is no background, but talk or a tone

_OVERLOAD = 32767.0  # 0 dBov: a square wave of full scale (RFC 6465 appendix A.1)

cdef enum:
    _STEPS = 127

# The power of a sample where the rounding changes, between each level and the next louder one. A
# logarithm and its rounding cost more than to look it up
cdef double[_STEPS] _POWERS
for _step in range(_STEPS):
    _POWERS[_step] = _OVERLOAD**2 * 10 ** (-(SILENCE - 0.5 - _step) / 10)


cpdef int level_of(const int16_t[::1] frame) noexcept nogil:
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
