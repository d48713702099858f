"""What the peer plays: sources that give one frame of 20 ms after another.

A source is asked once per tick. It gets what was heard since, and what it returns is sent; None
means that it is over.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voice import g711
from voice.tones import DTMF, ToneGenerator

Samples: TypeAlias = NDArray[np.int16]

RATE: Final = 8000  # Hz
FRAME: Final = 160  # samples: 20 ms
SILENCE: Final = np.zeros(FRAME, np.int16)
CLIPS: Final = Path(__file__).with_name("sounds")


class Source(Protocol):
    """A sound. `key` is called with each digit that the caller presses."""

    def frame(self, heard: Samples) -> Samples | None:
        """Return the next frame, int16[160]; `heard` is what the caller sent in this one."""
        ...

    def key(self, digit: str) -> None:
        """Take a digit."""
        ...


class Echo:
    """Sends back what it hears."""

    def frame(self, heard: Samples) -> Samples | None:
        """Return what was heard."""
        return heard

    def key(self, digit: str) -> None:
        """Digits mean nothing here."""


class Playback:
    """Plays frames, to their end."""

    def __init__(self, frames: Iterator[Samples]) -> None:
        self._frames = frames

    def frame(self, heard: Samples) -> Samples | None:
        """Return the next frame, None at the end."""
        return next(self._frames, None)

    def key(self, digit: str) -> None:
        """Digits mean nothing here."""


class ReadBack:
    """Collects digits, up to `#` or two seconds without another, and plays them as DTMF tones."""

    PATIENCE: Final = 100  # frames

    def __init__(self) -> None:
        self._digits: deque[str] = deque()
        self._waited = 0
        self._playing = clip("press-digits")

    def frame(self, heard: Samples) -> Samples | None:
        """Return the prompt, the tones, or silence while digits come in."""
        if (frame := next(self._playing, None)) is not None:
            return frame
        self._waited += 1
        if self._digits and self._waited > self.PATIENCE:
            self._play()
        return SILENCE

    def key(self, digit: str) -> None:
        """Take a digit; the first one ends the prompt."""
        self._playing = iter(())
        self._waited = 0
        if digit == "#":
            self._play()
        else:
            self._digits.append(digit)

    def _play(self) -> None:
        self._playing = chain.from_iterable(dial_tones(digit) for digit in tuple(self._digits))
        self._digits.clear()


def steady(*frequencies: float, seconds: float | None = None) -> Iterator[Samples]:
    """Yield a tone, for ever or for so long."""
    tone = ToneGenerator(frequencies, RATE)
    for _ in repeat(None) if seconds is None else repeat(None, round(seconds * RATE / FRAME)):
        yield tone.make(FRAME)


def silence(seconds: float) -> Iterator[Samples]:
    """Yield silence."""
    return repeat(SILENCE, round(seconds * RATE / FRAME))


def dial_tones(digit: str) -> Iterator[Samples]:
    """Yield a digit's DTMF pair for 120 ms, and 80 ms of silence."""
    return chain(steady(*DTMF[digit], seconds=0.12), silence(0.08))


def clip(*names: str) -> Iterator[Samples]:
    """Yield spoken clips one after the other; the last frame of each is filled with silence."""
    for name in names:
        codes = np.fromfile(CLIPS / f"{name}.ulaw", np.uint8)
        rest = np.full(-len(codes) % FRAME, g711.ULAW_SILENCE, np.uint8)
        yield from g711.decode_ulaw(np.concatenate([codes, rest])).reshape(-1, FRAME)


def spoken(number: int) -> tuple[str, ...]:
    """Return the clips that say a number from 0 to 59."""
    if number < 20 or number % 10 == 0:
        return (str(number),)
    return (str(number - number % 10), str(number % 10))


def clock(now: Callable[[], time.struct_time] = time.localtime) -> Iterator[Samples]:
    """Yield the time of day, again and again, each followed by a short tone."""
    while True:
        at = now()
        words = (*spoken(at.tm_hour), "hours", *spoken(at.tm_min), "minutes", "and")
        yield from clip("at-the-tone", *words, *spoken(min(at.tm_sec, 59)), "seconds")
        yield from steady(1000.0, seconds=0.2)
        yield from silence(1.5)
