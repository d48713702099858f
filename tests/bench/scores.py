"""Speech quality as a number: PESQ narrow-band (ITU-T P.862, mapped to MOS-LQO by P.862.1).

The `pesq` package wraps the ITU's reference implementation. 4.55 is the highest score, 1.0 the
lowest. One score takes about a second of a core, so many are made by all cores at once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE = 8000
# Silence around both signals: PESQ finds the delay itself, and needs room for it
_MARGIN = 2000
WORST = 1.0


@dataclass(frozen=True)
class Score:
    """What the pieces of one condition scored."""

    mean: float
    sd: float
    lowest: float  # the tenth percentile
    pieces: int


def pesq_narrowband(reference: Samples, degraded: Samples) -> float:
    """Return the MOS-LQO of `degraded`, both int16 at 8 kHz.

    What holds no speech at all, which P.862 does not define, gets the lowest score.
    """
    from pesq import NoUtterancesError, pesq

    length = len(reference) + 2 * _MARGIN
    padding: Samples = np.zeros(_MARGIN, np.int16)
    heard = np.concatenate([padding, degraded, np.zeros(length, np.int16)])[:length]
    try:
        return float(pesq(RATE, np.concatenate([padding, reference, padding]), heard, "nb"))
    except NoUtterancesError:
        return WORST


class Scorer:
    """Scores by all cores; a context manager, since its processes outlive one condition."""

    def __init__(self) -> None:
        # Not forked: a benchmark's process has an event loop and threads. All cores, whichever one
        # whoever asks for a score has been confined to by then
        cores = os.sched_getaffinity(0)
        self._pool = ProcessPoolExecutor(
            len(cores),
            get_context("forkserver"),
            initializer=os.sched_setaffinity,
            initargs=(0, cores),
        )

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def score(self, references: Sequence[Samples], degraded: Sequence[Samples]) -> Score:
        """Return the score of each of `degraded` against the reference of its place."""
        return self.score_all(references, {"": degraded})[""]

    def score_all(
        self, references: Sequence[Samples] | Samples, heard: dict[str, Sequence[Samples]]
    ) -> dict[str, Score]:
        """Return the scores of several conditions of the same pieces, by name.

        What sounds the same in two of them is scored once.
        """
        known: dict[tuple[int, bytes], Future[float]] = {}

        def submit(index: int, reference: Samples, degraded: Samples) -> Future[float]:
            key = index, sha256(degraded.tobytes()).digest()
            if key not in known:
                known[key] = self._pool.submit(pesq_narrowband, reference, degraded)
            return known[key]

        pending = {
            name: [
                submit(index, reference, degraded)
                for index, (reference, degraded) in enumerate(
                    zip(references, condition, strict=True)
                )
            ]
            for name, condition in heard.items()
        }
        return {
            name: summarize([future.result() for future in futures])
            for name, futures in pending.items()
        }


def summarize(values: Sequence[float]) -> Score:
    """Return mean and spread of the pieces' scores."""
    scores = np.array(values)
    return Score(
        mean=float(scores.mean()),
        sd=float(scores.std()),
        lowest=float(np.percentile(scores, 10)),
        pieces=len(scores),
    )
