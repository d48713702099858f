"""Concealment of lost packets in streams whose codec has none: G.711, G.722, L16.

After the ideas of ITU-T G.711 Appendix I: speech hardly changes within 20 ms, so what was heard
last is said again, one pitch period after the other, and fades before it sounds like a machine.
Unlike there nothing is delayed for it: where the repetition does not meet the last sample that was
played, the difference fades out, and the good packet that ends the loss fades in over it. Behind
all this stands noise as loud as the stream's own pauses, so that a longer gap is no hole.
"""

cimport cython
from libc.math cimport log10, lrint, rint, sqrt
from libc.stdint cimport INT64_MAX, int16_t, int64_t
from libc.string cimport memmove

import numpy as np

from voice.comfort_noise cimport NoiseGenerator
from voice.levels import LOUDEST_FLOOR, SILENCE
from voice.stretch cimport period_of

LONGEST_FRAME = 0.12  # s
LONGEST_MEMORY = 1.0  # s: enough to hold a pause, whose level is the noise floor
SHORTEST_MEMORY = 0.05  # s: what three of the longest periods take
_SHORTEST_TO_HOLD_A_PAUSE = 0.5  # s

LOWEST_RATE, HIGHEST_RATE = 8000, 48000  # Hz

# Seconds. Chosen by PESQ on recorded speech with 5 and 10 % of its packets lost: a window as long
# as the recommendation's (20 ms) looks too far back, and a fade from 10 ms on costs 0.05
cdef double _SHORTEST_LAG = 0.00375
cdef double _LONGEST_LAG = 0.015
cdef double _WINDOW = 0.005
cdef double _STEADY = 0.02  # of one period, not yet attenuated; three periods in turn after it
cdef double _FADED = 0.08  # nothing of the voice is left
# The fade to the next good packet. A longer one spoils more of what came than it smooths
cdef double _JOINT = 0.0025
cdef double _LONGEST_JOINT = 0.005

cdef double _LOUDEST_FLOOR = LOUDEST_FLOOR
cdef double _SILENT_FLOOR = SILENCE
cdef double _FULL_SCALE = 32767.0

cdef enum:
    PARTS = 10  # the floor is where the quietest of so many parts ends
    MOST_QUIET = 11  # blocks of 10 ms in that part: 1 s has 100, and 101 at some rates


@cython.final
cdef class PcmConcealer:
    """Remembers what a stream sounded like, and makes up what is missing.

    Parameters
    ----------
    rate
        Hz, 8000 to 48000.
    seed
        Of the noise; see `NoiseGenerator`.
    memory
        Seconds of the stream that are kept, 0.05 to 1. Below 0.5 they hold no pause to measure the
        background in, and there is no noise behind the voice.

    Raises
    ------
    ValueError
        Another rate or memory.
    """

    def __init__(self, int rate, seed: int = 0, double memory=LONGEST_MEMORY) -> None:
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise ValueError(f"{rate} Hz: {LOWEST_RATE} to {HIGHEST_RATE} can be concealed")
        if not SHORTEST_MEMORY <= memory <= LONGEST_MEMORY:
            raise ValueError(f"memory of {memory} s: it is {SHORTEST_MEMORY} to {LONGEST_MEMORY}")
        self.rate = rate
        self._longest = int(rate * LONGEST_FRAME)
        self._memory = round(rate * memory)
        # Behind the memory there is room for a frame, and so much that it is rarely moved
        slack = max(memory / 4, LONGEST_FRAME)
        self._heard = np.zeros(self._memory + round(rate * slack), np.int16)
        self._end = self._memory
        self._voice = np.zeros(lrint(rate * (_FADED + _LONGEST_JOINT)), np.float32)
        self._knows_pauses = memory >= _SHORTEST_TO_HOLD_A_PAUSE
        self._floor = _SILENT_FLOOR
        self._noise = NoiseGenerator(seed)

    def heard(self, frame) -> None:
        """Take a frame that came; after a loss its beginning is changed, so that it joins.

        Parameters
        ----------
        frame
            int16[n], up to 120 ms; contiguous and writable.

        Raises
        ------
        TypeError, ValueError
            Another type, or a longer frame.
        """
        cdef int16_t[::1] samples = self._samples_of(frame)
        self.hear(samples, 0, samples.shape[0])

    def conceal(self, out) -> None:
        """Make up the next samples, int16[n], up to 120 ms; raises as `heard` does."""
        cdef int16_t[::1] samples = self._samples_of(out)
        self.make_up(samples, 0, samples.shape[0])

    cdef object _samples_of(self, frame):
        if frame.dtype != np.int16:
            raise TypeError(f"samples are {frame.dtype}; int16 is concealed")
        if len(frame) > self._longest:
            raise ValueError(f"{len(frame)} samples at {self.rate} Hz: at most {LONGEST_FRAME} s")
        return frame

    cpdef void restart(self) noexcept nogil:
        """Forget the stream so far."""
        cdef int place
        for place in range(self._end):
            self._heard[place] = 0
        self._end = self._memory
        self._lost = 0
        self._noise.restart()

    cdef void hear(self, int16_t[::1] samples, int at, int size) noexcept nogil:
        if self._lost:
            self._join(samples, at, size)
            self._lost = 0
        self._remember(samples, at, size)

    cdef void make_up(self, int16_t[::1] out, int at, int size) noexcept nogil:
        cdef int place
        if not self._lost:
            self._prepare()
        self._noise.fill_white(out, at, size, self._floor)
        for place in range(size):
            out[at + place] = <int16_t>rint(self._sound(self._lost + place, out[at + place]))
        self._lost += size
        self._remember(out, at, size)

    cdef void _remember(self, const int16_t[::1] samples, int at, int size) noexcept nogil:
        cdef Py_ssize_t place
        cdef int part
        while size > 0:
            part = min(size, self._longest)
            self._make_room(part)
            for place in range(part):
                self._heard[self._end + place] = samples[at + place]
            self._end += part
            at += part
            size -= part

    cdef void _make_room(self, int size) noexcept nogil:
        """Let `size` samples fit behind the newest one: at most the longest frame."""
        cdef int begin = self._end - self._memory
        if self._end + size > self._heard.shape[0]:
            memmove(&self._heard[0], &self._heard[begin], self._memory * sizeof(int16_t))
            self._end = self._memory

    cdef void _join(self, int16_t[::1] samples, int at, int size) noexcept nogil:
        """Fade from what would have been made up into a good frame."""
        # 1 ms more for each 10 ms that are lost: the longer the guess, the worse it fits
        cdef double seconds = min(_JOINT + 0.1 * self._lost / self.rate, _LONGEST_JOINT)
        cdef int fade = min(<int>lrint(self.rate * seconds), size)
        cdef int place
        cdef double made
        # Where the frame is going to be remembered there is room for the noise
        self._make_room(fade)
        self._noise.fill_white(self._heard, self._end, fade, self._floor)
        for place in range(fade):
            made = self._sound(self._lost + place, self._heard[self._end + place])
            samples[at + place] = <int16_t>rint(
                made + (samples[at + place] - made) * ((place + 1.0) / (fade + 1))
            )

    cdef double _sound(self, int64_t time, int16_t noise) noexcept nogil:
        """Return the voice so many samples after the beginning of a loss, with noise behind it."""
        cdef double gain, sound
        if time >= self._voice.shape[0]:
            return noise
        # The noise gets what the fading voice leaves of the power
        gain = _voice_gain(time, self.rate)
        sound = self._voice[time] + sqrt(1 - gain * gain) * noise
        return min(max(sound, -_FULL_SCALE), _FULL_SCALE)

    cdef void _prepare(self) noexcept nogil:
        """Look for pitch and noise floor at the beginning of a loss, and repeat the voice."""
        cdef int rate = self.rate, steady = lrint(rate * _STEADY)
        cdef double likeness, voice, weight, step
        # Whatever is most alike: for a fricative that is as good as any other lag
        cdef int lag = period_of(
            self._heard,
            self._end,
            lrint(rate * _SHORTEST_LAG),
            lrint(rate * _LONGEST_LAG),
            lrint(rate * _WINDOW),
            &likeness,
        )
        cdef int fade = lag // 4, place
        # What is said again begins where its like began; the step to there fades out
        step = <double>self._heard[self._end - 1] - self._heard[self._end - 1 - lag]
        for place in range(<int>self._voice.shape[0]):
            voice = self._repeat(lag, 1 if place < steady else 3, place)
            if steady <= place < steady + fade:
                weight = (place - steady + 1.0) / (fade + 1)
                voice = weight * voice + (1 - weight) * self._repeat(lag, 1, place)
            if place < fade:
                voice += step * (1 - (place + 1.0) / (fade + 1))
            self._voice[place] = voice * _voice_gain(place, rate)
        self._floor = self._find_floor() if self._knows_pauses else _SILENT_FLOOR

    cdef double _repeat(self, int lag, int count, int place) noexcept nogil:
        """Return a sample of the last `count` periods, said again and again from 0 on.

        Their end leads into their beginning.
        """
        cdef int length = lag * count, fade = lag // 4
        cdef int offset = place % length, faded = offset - (length - fade)
        cdef double sample = self._heard[self._end - length + offset]
        if faded < 0:
            return sample
        return sample + (self._heard[self._end - length - fade + faded] - sample) * (
            (faded + 1.0) / (fade + 1)
        )

    cdef double _find_floor(self) noexcept nogil:
        """Return the level of the quietest tenth of the memory, in -dBov."""
        cdef int size = self.rate // 100, begin = self._end - self._memory
        cdef int blocks = self._memory // size, rank = blocks // PARTS
        cdef int block
        cdef Py_ssize_t place
        cdef int64_t energy
        cdef int64_t quietest[MOST_QUIET]  # in order, up to `rank`
        for place in range(rank + 1):
            quietest[place] = INT64_MAX
        for block in range(blocks):
            energy = 0
            for place in range(begin + block * size, begin + (block + 1) * size):
                energy += <int64_t>self._heard[place] * self._heard[place]
            place = rank
            if energy < quietest[place]:
                while place > 0 and energy < quietest[place - 1]:
                    quietest[place] = quietest[place - 1]
                    place -= 1
                quietest[place] = energy
        cdef double power = max(<double>quietest[rank] / size, 1e-3)
        cdef double level = -10 * log10(power / (_FULL_SCALE * _FULL_SCALE))
        return min(max(level, _LOUDEST_FLOOR), _SILENT_FLOOR)


cdef inline double _voice_gain(int64_t time, int rate) noexcept nogil:
    """Return the gain of the voice so many samples after the beginning of a loss."""
    cdef double seconds = <double>time / rate
    return min(max((_FADED - seconds) / (_FADED - _STEADY), 0.0), 1.0)
