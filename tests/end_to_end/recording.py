"""What was heard: which tones are in it, and where the sound begins."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

import numpy as np

from tests.peers.process import wait_until
from tests.tones import Samples, assert_tone, read_wav

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


async def read_recording(path: Path) -> tuple[Samples, int]:
    """Return samples and rate of a recording of the lab, once its mixing thread has closed it."""
    await wait_until(lambda: _is_whole(path), limit=5, what=f"{path.name} is closed")
    return read_wav(path)


def _is_whole(path: Path) -> bool:
    """Whether the header of a WAV file has its lengths: it gets them when the file is closed."""
    try:
        return read_wav(path)[0].size > 0
    except (FileNotFoundError, EOFError, wave.Error):  # not there, or no header yet
        return False


def assert_heard(
    samples: Samples, rate: int, *, present: Iterable[float] = (), absent: Iterable[float] = ()
) -> None:
    """Fail unless these tones are what is heard, and those are not.

    Who is heard is the question here, not how well: where ten processes share two cores a frame
    comes too late now and then, and the step in the tone's phase spreads over its neighbors.
    """
    assert_tone(samples, rate, present=present, absent=absent, ratio=3.0, margin=20.0)


def first_sound(samples: Samples, rate: int) -> float:
    """Return the second at which the recording is first louder than -50 dBFS."""
    block = rate // 100
    blocks = samples[: len(samples) // block * block].reshape(-1, block).astype(float)
    loud = np.sqrt(np.square(blocks).mean(axis=1)) > 32768 * 10 ** (-50 / 20)
    assert loud.any(), "nothing is heard"
    return float(loud.argmax()) / 100
