"""Time stretching by one pitch period, so that a jitter buffer can change its delay unheard.

A packet that is dropped or said twice clicks. A vowel that is one period shorter or longer does
not: WSOLA (Verhelst and Roelands, 1993) finds the lag at which the signal is most like itself and
cross-fades from one place to the other. Where nothing repeats, as in a fricative or at an onset,
the input is returned as it is and the caller tries again with the next frame; where nobody speaks
any cut will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

SHORTEST_INPUT = 30  # ms: the longest lag, and as much signal to compare

# Lags as a fraction of the sample rate: 400 to 67 Hz, which holds the pitch of nearly every voice
_SHORTEST_LAG = 1 / 400
_LONGEST_LAG = 3 / 200
_WINDOW = 3 / 200  # what is compared, and faded
_QUIET_FADE = 1 / 200

_INT16 = np.dtype(np.int16)

THRESHOLD = 0.8
"""The least normalized correlation of a cut."""

QUIET = 60.0
"""Root mean square below which nobody speaks: -55 dBov."""


def find_period(
    samples: NDArray[Any], shortest: int, longest: int, window: int
) -> tuple[int, float]:
    """Find the lag at which the end of a signal is most like what was before.

    Parameters
    ----------
    samples
        At least `longest` + `window` of them.
    shortest, longest
        Lags in samples, both ends included.
    window
        How many samples at the end are compared.

    Returns
    -------
    The lag, and its normalized correlation: 1 for the same again, 0 where there is nothing alike,
    or nothing at all.
    """
    heard = samples[len(samples) - window - longest :].astype(np.float64)
    products = np.correlate(heard[: len(heard) - shortest], heard[longest:])
    power = np.concatenate(([0.0], np.cumsum(heard * heard)))
    energies = power[window:] - power[:-window]  # the last one is the window's own
    scales = np.sqrt(np.maximum(energies[: len(products)] * energies[-1], 1.0))
    likeness = products / scales
    place = int(likeness.argmax())
    return longest - place, float(likeness[place])


def shorten(
    samples: Samples,
    rate: int,
    *,
    threshold: float = THRESHOLD,
    quiet: float = QUIET,
    at_least: int = 0,
) -> Samples:
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
    cut = _find_cut(samples, rate, threshold, quiet, at_least)
    if cut is None:
        return samples
    lag, fade = cut
    start = len(samples) - fade
    joint = _cross_fade(samples[start - lag : len(samples) - lag], samples[start:])
    return np.concatenate((samples[: start - lag], joint))


def lengthen(
    samples: Samples,
    rate: int,
    *,
    threshold: float = THRESHOLD,
    quiet: float = QUIET,
    at_least: int = 0,
) -> Samples:
    """Return the signal with one period more, put in near its end; all else as in `shorten`."""
    cut = _find_cut(samples, rate, threshold, quiet, at_least)
    if cut is None:
        return samples
    lag, fade = cut
    start = len(samples) - fade
    joint = _cross_fade(samples[start:], samples[start - lag : len(samples) - lag])
    return np.concatenate((samples[:start], joint, samples[len(samples) - lag :]))


def _find_cut(
    samples: Samples, rate: int, threshold: float, quiet: float, at_least: int
) -> tuple[int, int] | None:
    """Return lag and length of the fade, or None."""
    if samples.dtype != _INT16:
        raise TypeError(f"samples are {samples.dtype}; int16 is stretched")
    if samples.ndim != 1 or len(samples) * 1000 < SHORTEST_INPUT * rate:
        rule = f"one row of {SHORTEST_INPUT} ms or more is needed"
        raise ValueError(f"samples of shape {samples.shape} at {rate} Hz: {rule}")
    window = round(rate * _WINDOW)
    lag, likeness = find_period(
        samples, round(rate * _SHORTEST_LAG), round(rate * _LONGEST_LAG), window
    )
    # A loud frame, and there are more of them when it matters, is spared the second look
    if likeness >= threshold and not at_least:
        return lag, window
    wide = samples.astype(np.float32)
    if float(np.dot(wide, wide)) < quiet * quiet * len(samples):
        fade = round(rate * _QUIET_FADE)
        return min(max(lag, at_least), len(samples) - fade), fade
    return (lag, window) if likeness >= threshold else None


def _cross_fade(one: Samples, other: Samples) -> Samples:
    weights = np.arange(1, len(one) + 1) / (len(one) + 1)
    faded = one + (other.astype(np.float64) - one) * weights
    rounded: Samples = np.rint(faded).astype(np.int16)
    return rounded
