"""Tones: made without a seam from frame to frame, found by Goertzel's filter, DTMF both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Power = NDArray[np.float32]

LOW_GROUP = (697.0, 770.0, 852.0, 941.0)  # Hz, ITU-T Q.23; rows of the keypad
HIGH_GROUP = (1209.0, 1336.0, 1477.0, 1633.0)  # Hz; columns
KEYPAD = "123A456B789C*0#D"

DTMF = {key: (LOW_GROUP[place // 4], HIGH_GROUP[place % 4]) for place, key in enumerate(KEYPAD)}
"""Frequencies of each digit."""

_FULL_SCALE = 32767.0


@dataclass(frozen=True, slots=True)
class CallTone:
    """A tone with its rhythm: `cadence` is seconds of sound and silence in turn, none: steady."""

    frequencies: tuple[float, ...]
    cadence: tuple[float, ...] = ()


# ITU-T E.180: 425 Hz is the recommended frequency, the rhythms are those of most of Europe
DIAL = CallTone((425.0,))
RINGBACK = CallTone((425.0,), (1.0, 4.0))
BUSY = CallTone((425.0,), (0.5, 0.5))
CONGESTION = CallTone((425.0,), (0.25, 0.25))


class ToneGenerator:
    """Fills frame after frame with the sum of sines, phase going on from each to the next.

    Parameters
    ----------
    tone
        What to play: a `CallTone`, or frequencies in Hz, below half the sample rate.
    sample_rate
        Hz.
    level
        dBFS of each sine; 0 is a sine of full scale.

    Raises
    ------
    ValueError
        No frequency, one that the rate does not hold, or a sum that would clip.
    """

    def __init__(
        self, tone: CallTone | Sequence[float], sample_rate: int, *, level: float = -12.0
    ) -> None:
        if not isinstance(tone, CallTone):
            tone = CallTone(tuple(tone))
        amplitude = _FULL_SCALE * 10 ** (level / 20)
        if not tone.frequencies or not 0 < min(tone.frequencies) <= max(tone.frequencies) < (
            sample_rate / 2
        ):
            raise ValueError(f"tones of {tone.frequencies} Hz at {sample_rate} Hz: 0 to half of it")
        if amplitude * len(tone.frequencies) > _FULL_SCALE:
            raise ValueError(f"{len(tone.frequencies)} tones of {level} dBFS clip")
        self._amplitude = amplitude
        self._step = 2 * np.pi * np.array(tone.frequencies)[:, None] / sample_rate
        self._phase = np.zeros((len(tone.frequencies), 1))
        self._edges = np.cumsum(np.array(tone.cadence) * sample_rate)
        self._position = 0

    def fill(self, out: Samples) -> Samples:
        """Write the next samples into `out`, int16[n], and return it."""
        count = np.arange(out.shape[-1])
        wave = np.sin(self._phase + self._step * count).sum(axis=0) * self._amplitude
        if self._edges.size:
            place = (self._position + count) % self._edges[-1]
            wave *= np.searchsorted(self._edges, place, side="right") % 2 == 0
        np.rint(wave, out=wave)
        out[...] = wave.astype(np.int16)
        self._phase = (self._phase + self._step * out.shape[-1]) % (2 * np.pi)
        self._position += out.shape[-1]
        return out

    def make(self, samples: int) -> Samples:
        """Return the next `samples` samples."""
        return self.fill(np.zeros(samples, np.int16))


def goertzel(frames: NDArray[np.int16], frequencies: Sequence[float], rate: float) -> Power:
    """Return the power of each frequency in each frame.

    What Goertzel's recursion gives, computed as one matrix product for the whole batch.

    Parameters
    ----------
    frames
        int16[n, samples].
    frequencies
        f of them, in Hz.
    rate
        Sample rate in Hz.

    Returns
    -------
    float32[n, f]: the mean square that a sine of this frequency has, so that it can be compared
    with the frame's mean square.
    """
    samples = frames.shape[-1]
    angles = 2 * np.pi * np.arange(samples)[:, None] * np.array(frequencies) / rate
    return _power(frames, _basis(angles))


def _basis(angles: NDArray[np.float64]) -> NDArray[np.float32]:
    scale = np.sqrt(2) / len(angles)
    basis: NDArray[np.float32] = np.hstack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    return basis * np.float32(scale)


def _power(frames: NDArray[np.int16], basis: NDArray[np.float32]) -> Power:
    parts: Power = np.square(frames.astype(np.float32) @ basis)
    middle = parts.shape[-1] // 2
    return parts[..., :middle] + parts[..., middle:]


class DigitDetector:
    """Finds DTMF in the audio of n streams at once, after ITU-T Q.24.

    Windows of 20 ms, every 10 ms. A digit is told once, as soon as three windows in a row show it,
    and may come again after three without it. A tone of 40 ms always fills three windows by three
    quarters or more; one of 20 ms fills at most two by more than half, and the same goes for
    pauses: what Q.24 wants told apart is told apart. Tones off by 1.5 % are taken; those off by
    3.5 % are refused in the high group, not always in the low one.

    Parameters
    ----------
    streams
        n.
    sample_rate
        Hz, a multiple of 100.
    """

    _LOWEST = (_FULL_SCALE**2 / 2) * 10 ** (-36 / 10)  # of each tone: -36 dBFS
    _TWIST = (10 ** (-8 / 10), 10 ** (4 / 10))  # high over low; Q.24 annex A, AT&T's limits
    _RUNNER_UP = 10 ** (-6 / 10)  # how near the second best of a group may come
    _PURITY = 0.55  # the pair's share of all power, which is also how full of it the window is
    _IN_A_ROW = 3  # windows

    def __init__(self, streams: int = 1, sample_rate: int = 8000) -> None:
        self._hop = sample_rate // 100
        angles = np.arange(2 * self._hop)[:, None] * np.array(LOW_GROUP + HIGH_GROUP)
        self._basis = _basis(2 * np.pi * angles / sample_rate)
        self._half: Samples = np.zeros((streams, self._hop), np.int16)
        self._seen = np.full(streams, -1)  # in the newest window
        self._run = np.zeros(streams, np.int64)  # windows in a row that showed it
        self._told = np.full(streams, -1)  # the digit that is on
        self._absent = np.zeros(streams, np.int64)  # windows in a row without it

    def detect(self, frames: Samples) -> list[tuple[int, str]]:
        """Take 20 ms of each stream, int16[n, samples]; return (stream, digit) of what is new.

        Raises
        ------
        ValueError
            Another shape.
        """
        streams, hop = self._half.shape
        if frames.shape != (streams, 2 * hop):
            raise ValueError(f"frames of shape {frames.shape}: {streams} of {2 * hop} are needed")
        straddling = np.hstack([self._half, frames[:, :hop]])
        self._half = frames[:, hop:].copy()
        return [found for window in (straddling, frames) for found in self._step(window)]

    def _step(self, window: Samples) -> list[tuple[int, str]]:
        seen = self._classify(window)
        self._run = np.where(seen == self._seen, self._run + 1, 1)
        self._seen = seen
        self._absent = np.where(seen == self._told, 0, self._absent + 1)
        self._told[self._absent >= self._IN_A_ROW] = -1
        new = (self._run >= self._IN_A_ROW) & (seen >= 0) & (seen != self._told)
        self._told[new] = seen[new]
        self._absent[new] = 0
        return [(int(stream), KEYPAD[seen[stream]]) for stream in np.flatnonzero(new)]

    def _classify(self, window: Samples) -> NDArray[np.intp]:
        """Return each stream's place on the keypad, -1 for no digit."""
        power = _power(window, self._basis)
        groups = power.reshape(-1, 2, 4)
        best = groups.argmax(axis=2)
        second, first = np.moveaxis(np.partition(groups, 2, axis=2)[:, :, 2:], 2, 0)
        low, high = first.T
        total = np.square(window.astype(np.float32)).mean(axis=1)
        good = (
            (first.min(axis=1) >= self._LOWEST)
            & (high >= low * self._TWIST[0])
            & (high <= low * self._TWIST[1])
            & (second <= first * self._RUNNER_UP).all(axis=1)
            & (low + high >= self._PURITY * total)
        )
        return np.where(good, best[:, 0] * 4 + best[:, 1], -1)
