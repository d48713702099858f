"""Time stretching by one pitch period, so that a jitter buffer can lower its delay unheard.

A packet that is dropped clicks. A vowel that is one period shorter does not: WSOLA (Verhelst and
Roelands, 1993) finds the lag at which the signal is most like itself and cross-fades from one place
to the other. Where nothing repeats, as in a fricative or at an onset, the input stays as it is and
the caller tries again with the next frame; where nobody speaks any cut will do.
"""

cimport cython
from libc.math cimport lrint, rint, sqrt
from libc.stdint cimport int16_t, int64_t

import numpy as np

SHORTEST_INPUT = 30  # ms: the longest lag, and as much signal to compare

THRESHOLD = 0.8  # the least normalized correlation of a cut
QUIET = 60.0  # root mean square below which nobody speaks: -55 dBov

cdef double _THRESHOLD = THRESHOLD
cdef double _QUIET = QUIET

# Lags in seconds: 400 to 67 Hz, which holds the pitch of nearly every voice
cdef double _SHORTEST_LAG = 0.0025
cdef double _LONGEST_LAG = 0.015
cdef double _WINDOW = 0.015  # what is compared, and faded
cdef double _QUIET_FADE = 0.005


cdef inline int64_t _energy(
    const int16_t[::1] samples, Py_ssize_t at, Py_ssize_t size
) noexcept nogil:
    cdef int64_t energy = 0
    cdef Py_ssize_t place
    for place in range(at, at + size):
        energy += <int64_t>samples[place] * samples[place]
    return energy


# The one loop whose bounds are not checked at every sample: with the checks a search costs half as
# much again. `period_of`, its only caller, has checked both ends.
@cython.boundscheck(False)
cdef inline int64_t _product(
    const int16_t[::1] samples, Py_ssize_t one, Py_ssize_t other, Py_ssize_t size
) noexcept nogil:
    cdef int64_t product = 0
    cdef Py_ssize_t place
    for place in range(size):
        product += <int64_t>samples[one + place] * samples[other + place]
    return product


cdef int period_of(
    const int16_t[::1] samples, int count, int shortest, int longest, int window, double *likeness
) noexcept nogil:
    cdef int begin = count - window  # of what is compared
    cdef int lag, best = longest
    cdef int64_t own, energy
    cdef double alike, highest = -2.0
    likeness[0] = 0.0
    if not 0 <= count <= samples.shape[0] or window < 1 or not 1 <= shortest <= longest <= begin:
        return longest
    own = _energy(samples, begin, window)
    energy = _energy(samples, begin - longest, window)
    # Sums of whole numbers are exact, and so is the choice; of equals, the longest lag wins
    for lag in range(longest, shortest - 1, -1):
        alike = _product(samples, begin - lag, begin, window)
        alike /= sqrt(max(<double>energy * <double>own, 1.0))
        if alike > highest:
            highest = alike
            best = lag
        energy -= <int64_t>samples[begin - lag] * samples[begin - lag]
        energy += <int64_t>samples[count - lag] * samples[count - lag]
    likeness[0] = highest
    return best


cdef int shorten_samples(int16_t[::1] samples, int count, int rate) noexcept nogil:
    return _shorten(samples, count, rate, _THRESHOLD, _QUIET, 0)


cdef int _shorten(
    int16_t[::1] samples, int count, int rate, double threshold, double quiet, int at_least
) noexcept nogil:
    """Cut a period out of samples[:count] in place, and return what is left; see `shorten`."""
    cdef int window = lrint(rate * _WINDOW)
    cdef int shortest = lrint(rate * _SHORTEST_LAG)
    cdef int longest = lrint(rate * _LONGEST_LAG)
    cdef int lag, fade = window
    cdef double likeness
    if shortest < 1 or count < longest + window or count > samples.shape[0]:
        return count
    lag = period_of(samples, count, shortest, longest, window, &likeness)
    # A loud frame, and there are more of them when it matters, is spared the second look
    if likeness < threshold or at_least:
        if _energy(samples, 0, count) < quiet * quiet * count:
            fade = lrint(rate * _QUIET_FADE)
            lag = min(max(lag, at_least), count - fade)
        elif likeness < threshold:
            return count
    _cut(samples, count, lag, fade)
    return count - lag


cdef void _cut(int16_t[::1] samples, int count, int lag, int fade) noexcept nogil:
    """Cross-fade from `lag` before the end to the end itself."""
    cdef int place, begin = count - fade
    cdef double one, other, weight
    for place in range(fade):
        one = samples[begin - lag + place]
        other = samples[begin + place]
        weight = (place + 1.0) / (fade + 1)
        samples[begin - lag + place] = <int16_t>rint(one + (other - one) * weight)


def find_period(samples, int shortest, int longest, int window):
    """Find the lag at which the end of a signal is most like what was before.

    Parameters
    ----------
    samples
        int16, contiguous, at least `longest` + `window` of them.
    shortest, longest
        Lags in samples, from 1 on, both ends included.
    window
        How many samples at the end are compared.

    Returns
    -------
    The lag, and its normalized correlation: 1 for the same again, 0 where there is nothing alike,
    or nothing at all.

    Raises
    ------
    TypeError, ValueError
        Not int16, or too few of them.
    """
    cdef double likeness
    _check_type(samples)
    if window < 1 or not 1 <= shortest <= longest or longest > len(samples) - window:
        raise ValueError(f"{len(samples)} samples: no lags of {shortest} to {longest} in {window}")
    cdef const int16_t[::1] heard = samples
    cdef int lag = period_of(heard, heard.shape[0], shortest, longest, window, &likeness)
    return lag, likeness


def shorten(samples, int rate, *, double threshold=THRESHOLD, double quiet=QUIET, int at_least=0):
    """Return the signal without one of its periods, cut near its end.

    Parameters
    ----------
    samples
        int16[n], n at least 30 ms.
    rate
        Hz.
    threshold
        Least normalized correlation; 1.01 for never.
    quiet
        Root mean square below which the threshold does not count.
    at_least
        Samples to take away where it is quiet, as far as 5 ms of the signal are left.

    Returns
    -------
    int16, 2.5 to 15 ms shorter (more where it is quiet and `at_least` asks for it). Its beginning
    and its end are those of the input, so that it joins what comes before and after. `samples`
    itself if there is no good cut.

    Raises
    ------
    TypeError, ValueError
        No row of int16, or one that is too short.
    """
    _check_type(samples)
    if samples.ndim != 1 or len(samples) * 1000 < SHORTEST_INPUT * rate:
        rule = f"one row of {SHORTEST_INPUT} ms or more is needed"
        raise ValueError(f"samples of shape {samples.shape} at {rate} Hz: {rule}")
    changed = np.array(samples)
    cdef int16_t[::1] row = changed
    cdef int count = _shorten(row, row.shape[0], rate, threshold, quiet, at_least)
    return samples if count == len(samples) else changed[:count]


cdef _check_type(samples):
    if samples.dtype != np.int16:
        raise TypeError(f"samples are {samples.dtype}; int16 is stretched")
