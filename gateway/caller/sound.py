"""What the caller says, and what it writes down of what it hears: 48 kHz, mono, 20 ms frames."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateway.errors import RequestError
from gateway.sound_file import SoundFileError, read_sound

RATE = 48000  # Hz
FRAME_SAMPLES = 960  # 20 ms

Frame = NDArray[np.int16]


def silence() -> Iterator[Frame]:
    """Say nothing, for ever."""
    frame: Frame = np.zeros(FRAME_SAMPLES, np.int16)
    while True:
        yield frame


def play(path: Path) -> Iterator[Frame]:
    """Play a sound file of any kind that FFmpeg reads, over and over.

    Raises
    ------
    RequestError
        When it cannot be read, or holds no sound.
    """
    try:
        samples = read_sound(path, RATE)
    except SoundFileError as error:
        raise RequestError(str(error)) from error
    whole = np.resize(samples, -(-samples.size // FRAME_SAMPLES) * FRAME_SAMPLES)
    whole[samples.size :] = 0
    return _repeat(whole.reshape(-1, FRAME_SAMPLES))


def _repeat(frames: NDArray[np.int16]) -> Iterator[Frame]:
    while True:
        yield from frames


def try_to_write(path: Path) -> None:
    """Open a file for `write` and leave it as it is: a call is not placed to find out.

    Raises
    ------
    RequestError
        It cannot be written.
    """
    try:
        path.open("ab").close()
    except OSError as error:
        raise RequestError(f"{path} cannot be written: {error.strerror}") from error


def write(path: Path, samples: Frame) -> None:
    """Write what was heard as a WAV file (int16, mono, 48 kHz).

    Raises
    ------
    RequestError
        When it cannot be written: no such folder, a full disk.
    """
    try:
        with path.open("wb") as target, wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.tobytes())
    except OSError as error:
        raise RequestError(f"{path} cannot be written: {error.strerror}") from error
