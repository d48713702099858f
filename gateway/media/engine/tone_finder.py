"""In-band digits of every leg whose far end sends no telephone events."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voice.tones import DigitDetector


class ToneFinder:
    """Looks at the rows of one sample rate; a leg has a place from its first row on."""

    def __init__(self, rate: int) -> None:
        self._detector = DigitDetector(0, rate)
        self._rows: dict[Hashable, int] = {}
        self._free: list[int] = []  # rows of legs that are gone

    @property
    def rows(self) -> int:
        """How many legs there have been at a time."""
        return self._detector.streams

    def find(
        self, legs: Sequence[Hashable], pcm: NDArray[np.int16]
    ) -> Iterator[tuple[Hashable, str]]:
        """Look at one frame of each leg, int16[n, samples]; yield the digits that are new."""
        rows = np.array([self._row(leg) for leg in legs])
        owners = dict(zip(rows.tolist(), legs, strict=True))
        # A leg may have several frames in a tick, and a detector takes one of each at a time
        while rows.size:
            _, first = np.unique(rows, return_index=True)
            for row, digit in self._detector.detect(pcm[first], rows[first]):
                yield owners[row], digit
            rest = np.setdiff1d(np.arange(rows.size), first)
            rows, pcm = rows[rest], pcm[rest]

    def _row(self, leg: Hashable) -> int:
        row = self._rows.get(leg)
        if row is None:
            row = self._rows[leg] = self._free.pop() if self._free else self._detector.streams
            self._detector.grow(row + 1)
            self._detector.clear(row)
        return row

    def forget(self, leg: Hashable) -> None:
        """Give the leg's row to another."""
        row = self._rows.pop(leg, None)
        if row is not None:
            self._free.append(row)
