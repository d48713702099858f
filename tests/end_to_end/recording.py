"""What was heard: which tones are in it, and where the sound begins."""

from __future__ import annotations

import wave
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from tests.peers.process import wait_until
from tests.tones import Samples, assert_tone, measure_tone, read_wav

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


async def read_recording(path: Path, *, limit: float = 5.0) -> tuple[Samples, int]:
    """Return samples and rate of a recording of the lab, once its mixing thread has closed it."""
    if path.suffix == ".sln48":  # no header; Record() has closed it when the call is over
        return np.fromfile(path, "<i2"), 48000
    await wait_until(lambda: _is_whole(path), limit=limit, what=f"{path.name} is closed")
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
    comes too late now and then, and the step in a tone's phase spreads over its neighbors. So what
    does not pass as a whole is asked again by quarters of a second: one in four may have a step.
    """
    present, absent = tuple(present), tuple(absent)
    block = rate // 4
    parts = [samples[at : at + block] for at in range(0, len(samples) - block + 1, block)]
    faults = [_fault(part, rate, present, absent) for part in (samples, *parts)]
    whole, spoiled = faults[0], [fault for fault in faults[1:] if fault]
    assert not whole or (parts and len(spoiled) <= len(parts) // 4), "\n".join([whole, *spoiled])


def _fault(samples: Samples, rate: int, present: Iterable[float], absent: Iterable[float]) -> str:
    """Say what is wrong with what is heard, or nothing."""
    try:
        assert_tone(samples, rate, present=present, absent=absent, ratio=3.0, margin=20.0)
    except AssertionError as error:
        return str(error)
    return ""


def in_turn(samples: Samples, rate: int, tones: Mapping[str, float]) -> list[str]:
    """Say whose tone is heard in turn, a tenth of a second at a time; gaps in one are left out."""
    block = rate // 10
    said = []
    for start in range(0, samples.size - block, block):
        part = samples[start : start + block]
        names = [who for who, tone in tones.items() if measure_tone(part, rate, tone).level > -40]
        said.append(" and ".join(names))
    # A press comes in the middle of a block: what is heard in one block only is no stretch
    stretches = [(name, len(list(blocks))) for name, blocks in groupby(said)]
    heard = [name for name, blocks in stretches if name and blocks > 1]
    return [name for name, _ in groupby(heard)]


def first_sound(samples: Samples, rate: int) -> float:
    """Return the second at which the recording is first louder than -50 dBFS."""
    block = rate // 100
    blocks = samples[: len(samples) // block * block].reshape(-1, block).astype(float)
    loud = np.sqrt(np.square(blocks).mean(axis=1)) > 32768 * 10 ** (-50 / 20)
    assert loud.any(), "nothing is heard"
    return float(loud.argmax()) / 100


BLOCK, STEP = 0.01, 0.005  # seconds
WEAKER = 20.0  # dB below what is usual
OTHER = 10.0  # dB below the tone; a codec's own noise is far below that


def longest_fault(samples: Samples, rate: int, frequency: float) -> tuple[float, float]:
    """Return how long at most the tone is not what is heard, and from which second on.

    A block is at fault if the tone is far weaker in it than usual, or anything else about as strong
    as the tone. What is in a block is found by least squares, as its phase may jump.
    """
    block, step = round(BLOCK * rate), round(STEP * rate)
    blocks = np.lib.stride_tricks.sliding_window_view(samples, block)[::step].astype(float)
    angle = 2 * np.pi * frequency * np.arange(block) / rate
    basis = np.linalg.qr(np.stack([np.cos(angle), np.sin(angle), np.ones(block)], axis=1))[0]
    parts = blocks @ basis
    rest = np.square(blocks).sum(axis=1) - np.square(parts).sum(axis=1)
    tone = np.square(parts[:, :2]).sum(axis=1)
    usual = float(np.median(tone))
    fault = (tone < usual / 10 ** (WEAKER / 10)) | (rest > usual / 10 ** (OTHER / 10))
    longest, began, run = 0, 0, 0
    for index, bad in enumerate(fault):
        run = run + 1 if bad else 0
        if run > longest:
            longest, began = run, index - run + 1
    # Blocks overlap: a fault shorter than a block is in all of those that it touches
    return max(0.0, longest * STEP - BLOCK + STEP) if longest else 0.0, began * STEP
