"""What a far end hears while it is on hold: music of the operator's choice, or a quiet tone.

It is decoded once, at the rates that trunks' codecs ask for, and each call plays it from its
beginning. Silence would do for the standard, but who hears nothing believes that the call is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.sound_file import read_sound

Samples = NDArray[np.int16]

RATES: Final = (8000, 16000)  # Hz, of frames
FRAMES: Final = 50  # a second
LONGEST: Final = 600.0  # seconds of a file that are kept; at both rates they take 29 MB

# Two soft notes every five seconds: often enough to tell that the line stands, and not to annoy
NOTES: Final = ((0.0, 523.25), (0.2, 659.25))  # seconds, Hz
NOTE: Final = 0.16  # seconds
EVERY: Final = 5.0  # seconds
LOUDNESS: Final = 2000  # of 32767, -24 dBFS


class Music:
    """A sound that begins again at its end.

    Parameters
    ----------
    samples
        The whole of it, by the rate.
    """

    def __init__(self, samples: Mapping[int, Samples]) -> None:
        self._frames = {rate: _framed(each, rate // FRAMES) for rate, each in samples.items()}

    @classmethod
    def from_file(cls, path: Path) -> Music:
        """Read a file, as far as `LONGEST`; raises SoundFileError as `read_sound` does."""
        return cls({rate: read_sound(path, rate, LONGEST) for rate in RATES})

    @classmethod
    def tone(cls) -> Music:
        """Make the tone that is played without a file."""
        return cls({rate: _notes(rate) for rate in RATES})

    def player(self) -> Callable[[Samples], bool]:
        """Return what fills one frame after the other, for one who listens."""
        position = 0

        def give(frame: Samples) -> bool:
            nonlocal position
            frames = self._frames[frame.size * FRAMES]
            frame[:] = frames[position % len(frames)]
            position += 1
            return True

        return give


def _framed(samples: Samples, length: int) -> Samples:
    """Cut a sound into frames; silence fills the last one."""
    count = -(-samples.size // length)
    whole = np.zeros(count * length, np.int16)
    whole[: samples.size] = samples
    return whole.reshape(count, length)


def _notes(rate: int) -> Samples:
    sound = np.zeros(round(EVERY * rate), np.int16)
    times = np.arange(round(NOTE * rate)) / rate
    shape = LOUDNESS * np.hanning(times.size)  # no click at either end
    for start, frequency in NOTES:
        first = round(start * rate)
        sound[first : first + times.size] = shape * np.sin(2 * np.pi * frequency * times)
    return sound
