"""Tones, made without a seam from frame to frame, and DTMF, made and found."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice.pauses import PAUSES

Samples = NDArray[np.int16]
Power = NDArray[np.float32]
Rows = NDArray[np.integer[Any]]

LOW_GROUP = (697.0, 770.0, 852.0, 941.0)  # Hz, ITU-T Q.23; rows of the keypad
HIGH_GROUP = (1209.0, 1336.0, 1477.0, 1633.0)  # Hz; columns
KEYPAD = "123A456B789C*0#D"

DTMF = {key: (LOW_GROUP[place // 4], HIGH_GROUP[place % 4]) for place, key in enumerate(KEYPAD)}
"""Frequencies of each digit."""

_FULL_SCALE = 32767.0
_SINE_OF_FULL_SCALE = 3.14  # dBm0, ITU-T G.711
_RAMP = 0.002  # s
_MOST_PRODUCTS = 1 << 18  # of one matrix product


class ToneGenerator:
    """Fills frame after frame with the sum of sines, phase going on from each to the next.

    Parameters
    ----------
    frequencies
        Hz, each below half the sample rate.
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
        self, frequencies: Sequence[float], sample_rate: int, *, level: float = -12.0
    ) -> None:
        amplitude = _FULL_SCALE * 10 ** (level / 20)
        if not frequencies or not 0 < min(frequencies) <= max(frequencies) < sample_rate / 2:
            raise ValueError(f"tones of {frequencies} Hz at {sample_rate} Hz: 0 to half of it")
        if amplitude * len(frequencies) > _FULL_SCALE:
            raise ValueError(f"{len(frequencies)} tones of {level} dBFS clip")
        self._amplitude = amplitude
        self._step = 2 * np.pi * np.array(frequencies)[:, None] / sample_rate
        self._phase = np.zeros((len(frequencies), 1))

    def fill(self, out: Samples) -> Samples:
        """Write the next samples into `out`, int16[n], and return it."""
        count = np.arange(out.shape[-1])
        wave = np.sin(self._phase + self._step * count).sum(axis=0) * self._amplitude
        np.rint(wave, out=wave)
        out[...] = wave.astype(np.int16)
        self._phase = (self._phase + self._step * out.shape[-1]) % (2 * np.pi)
        return out

    def make(self, samples: int) -> Samples:
        """Return the next `samples` samples."""
        return self.fill(np.zeros(samples, np.int16))


class DtmfTones:
    """Says digits in band, for trunks without telephone events.

    Each tone rises and falls within 2 ms, so that it clicks neither in an ear nor in a detector.

    Parameters
    ----------
    sample_rate
        Hz.
    low, high
        Level of each group in dBm0. ITU-T Q.24 has receivers take from about -25 to -3, and a high
        tone up to 4 dB above the low one; lines attenuate the high one more.

    Raises
    ------
    ValueError
        Levels that clip together.
    """

    def __init__(self, sample_rate: int, *, low: float = -8.0, high: float = -6.0) -> None:
        amplitudes = [
            _FULL_SCALE * 10 ** ((level - _SINE_OF_FULL_SCALE) / 20) for level in (low, high)
        ]
        if sum(amplitudes) > _FULL_SCALE:
            raise ValueError(f"tones of {low} and {high} dBm0 clip")
        self._rate = sample_rate
        self._amplitudes = np.array(amplitudes)[:, None]
        self._ramp = sample_rate * _RAMP
        self._waiting: deque[tuple[str, int, int]] = deque()  # digit, samples of tone and of gap
        self._position = 0  # in the first of them

    @property
    def waiting(self) -> int:
        """How many digits are not over yet, their gap included."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether the next frame is ours."""
        return bool(self._waiting)

    def send(self, digits: str, *, duration: int = 100, gap: int = 60) -> None:
        """Queue digits behind those that wait.

        Parameters
        ----------
        digits
            Out of `KEYPAD`; small letters too. Pauses (`voice.pauses`) among them are silence.
        duration, gap
            Milliseconds of each tone and of the silence after it. ITU-T Q.24 asks a receiver for
            40 and 40 at most.

        Raises
        ------
        ValueError
            No such digit, a duration that is not positive, or a negative gap; nothing is queued.
        """
        if duration <= 0 or gap < 0:
            raise ValueError(f"digits of {duration} ms, {gap} ms apart: neither can be negative")
        strange = set(digits.upper()) - set(KEYPAD) - set(PAUSES)
        if strange:
            raise ValueError(f"{min(strange)!r} is no digit: there are {' '.join(KEYPAD)}")
        for digit in digits.upper():
            times = (0, PAUSES[digit]) if digit in PAUSES else (duration, gap)
            tone, silence = (each * self._rate // 1000 for each in times)
            self._waiting.append((digit, tone, silence))

    def clear(self) -> None:
        """Forget what waits and what is being said."""
        self._waiting.clear()
        self._position = 0

    def fill(self, out: Samples) -> bool:
        """Write the next samples into `out`, int16[n], and return whether there were any.

        The last frame ends in silence; one that is not ours is left alone.
        """
        if not self._waiting:
            return False
        out[:] = 0
        place = 0
        while self._waiting and place < len(out):
            digit, tone, gap = self._waiting[0]
            size = min(len(out) - place, tone + gap - self._position)
            sounding = min(size, tone - self._position)
            if sounding > 0:
                out[place : place + sounding] = self._make(digit, tone, sounding)
            place += size
            self._position += size
            if self._position == tone + gap:
                self._waiting.popleft()
                self._position = 0
        return True

    def _make(self, digit: str, tone: int, size: int) -> Samples:
        count = self._position + np.arange(size)
        frequencies = np.array(DTMF[digit])[:, None]
        waves = np.sin(2 * np.pi / self._rate * frequencies * count) * self._amplitudes
        edge = np.minimum(count, tone - count) / self._ramp
        wave = waves.sum(axis=0) * np.clip(edge, 0, 1)
        samples: Samples = np.rint(wave).astype(np.int16)
        return samples


def _basis(angles: NDArray[np.float64]) -> NDArray[np.float32]:
    scale = np.sqrt(2) / len(angles)
    basis: NDArray[np.float32] = np.hstack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    return basis * np.float32(scale)


def _power(frames: NDArray[np.float32], basis: NDArray[np.float32]) -> Power:
    # In pieces that OpenBLAS multiplies on the calling thread: it would take every core for the
    # rows of 200 streams, and be five times slower where those are busy
    rows = max(1, _MOST_PRODUCTS // basis.size)
    pieces = [frames[start : start + rows] @ basis for start in range(0, max(len(frames), 1), rows)]
    parts: Power = np.square(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))
    middle = basis.shape[-1] // 2
    return parts[..., :middle] + parts[..., middle:]


# Of one stream: the digit in its newest window, windows in a row that showed it, the digit that is
# on, windows in a row without that
_STATE = np.dtype([("seen", "i4"), ("run", "i4"), ("told", "i4"), ("absent", "i4")])
_NOTHING_HEARD = np.array((-1, 0, -1, 0), _STATE)


class DigitDetector:
    """Finds DTMF in the audio of many streams at once, after ITU-T Q.24.

    Windows of 20 ms, every 10 ms. A digit is told once, as soon as three windows in a row show it,
    and may come again after three without it. A tone of 40 ms always fills three windows by three
    quarters or more; one of 20 ms fills at most two by more than half, and the same goes for
    pauses: what Q.24 wants told apart is told apart. Tones off by 1.5 % are taken; those off by
    3.5 % are refused in the high group, not always in the low one.

    Streams come and go: each has a row of the state, and whoever counts the rows says which.

    Parameters
    ----------
    streams
        Rows to begin with.
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
        self._state = np.empty(streams, _STATE)
        self._state[:] = _NOTHING_HEARD

    @property
    def streams(self) -> int:
        """How many rows there are."""
        return len(self._state)

    def grow(self, streams: int) -> None:
        """Have at least so many rows; what is known of the others stays."""
        more = streams - self.streams
        if more > 0:
            self._half = np.vstack([self._half, np.zeros((more, self._hop), np.int16)])
            self._state = np.append(self._state, np.full(more, _NOTHING_HEARD))

    def clear(self, row: int) -> None:
        """Forget a stream: its row is another's from now on."""
        self._half[row] = 0
        self._state[row] = _NOTHING_HEARD

    def detect(self, frames: Samples, rows: Rows | None = None) -> list[tuple[int, str]]:
        """Take the next 20 ms of some streams.

        Parameters
        ----------
        frames
            int16[n, samples].
        rows
            int[n]: whose each frame is, none twice; all streams in order by default.

        Returns
        -------
        (row, digit) of what is new.

        Raises
        ------
        ValueError
            Frames of another shape.
        IndexError
            A row that is not there.
        """
        rows = np.arange(self.streams) if rows is None else rows
        if not len(rows):
            return []
        if frames.shape != (len(rows), 2 * self._hop):
            rule = f"{len(rows)} of {2 * self._hop} are needed"
            raise ValueError(f"frames of shape {frames.shape}: {rule}")
        straddling = np.hstack([self._half[rows], frames[:, : self._hop]])
        self._half[rows] = frames[:, self._hop :]
        seen = self._classify(np.concatenate([straddling, frames])).reshape(2, len(rows))
        state = self._state[rows]
        # Most of the time nobody presses a key
        if max(seen.max(), state["seen"].max(), state["told"].max()) < 0:
            return []
        return [found for window in seen for found in self._step(window, rows)]

    def _step(self, seen: Rows, rows: Rows) -> list[tuple[int, str]]:
        state = self._state[rows]
        state["run"] = np.where(seen == state["seen"], state["run"] + 1, 1)
        state["seen"] = seen
        state["absent"] = np.where(seen == state["told"], 0, state["absent"] + 1)
        state["told"][state["absent"] >= self._IN_A_ROW] = -1
        new = (state["run"] >= self._IN_A_ROW) & (seen >= 0) & (seen != state["told"])
        state["told"][new] = seen[new]
        state["absent"][new] = 0
        self._state[rows] = state
        return [(int(rows[place]), KEYPAD[seen[place]]) for place in np.flatnonzero(new)]

    def _classify(self, windows: Samples) -> Rows:
        """Return each window's place on the keypad, -1 for no digit."""
        wide = windows.astype(np.float32)
        groups = _power(wide, self._basis).reshape(-1, 2, 4)
        pair = groups.max(axis=2)
        total = np.vecdot(wide, wide) / np.float32(wide.shape[1])
        likely = (pair.min(axis=1) >= self._LOWEST) & (pair.sum(axis=1) >= self._PURITY * total)
        places = np.full(len(windows), -1)
        # Speech hardly ever comes so far
        if likely.any():
            places[likely] = self._decide(groups[likely], pair[likely])
        return places

    def _decide(self, groups: Power, pair: Power) -> Rows:
        best = groups.argmax(axis=2)
        second = np.partition(groups, 2, axis=2)[:, :, 2]
        low, high = pair.T
        good = (
            (high >= low * self._TWIST[0])
            & (high <= low * self._TWIST[1])
            & (second <= pair * self._RUNNER_UP).all(axis=1)
        )
        return np.where(good, best[:, 0] * 4 + best[:, 1], -1)
