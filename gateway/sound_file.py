"""Reads a sound file of any kind that FFmpeg reads."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


class SoundFileError(Exception):
    """A file cannot be read, or holds no sound; the text says which file and why."""


def read_sound(path: Path, rate: int, longest: float | None = None) -> Samples:
    """Return what a file holds as one channel of samples.

    Parameters
    ----------
    rate
        Hz.
    longest
        Seconds; what comes after them is left out. None: all of it.

    Raises
    ------
    SoundFileError
    """
    try:
        samples = _decode(path, rate, longest)
    except (OSError, av.FFmpegError, IndexError) as error:
        raise SoundFileError(f"{path} cannot be played: {error}") from error
    if not samples.size:
        raise SoundFileError(f"{path} cannot be played: it holds no sound")
    return samples


def _decode(path: Path, rate: int, longest: float | None) -> Samples:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    most = None if longest is None else round(longest * rate)
    pieces, count = [np.zeros(0, np.int16)], 0
    with av.open(str(path)) as container:
        for frame in chain(container.decode(audio=0), [None]):
            for out in resampler.resample(frame):
                pieces.append(out.to_ndarray()[0])
                count += pieces[-1].size
            if most is not None and count >= most:
                break
    return np.concatenate(pieces)[:most]
