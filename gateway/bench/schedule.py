"""When each packet of a stream leaves: the network that a load is sent through, decided beforehand.

Pure: the same generator of random numbers gives the same times, so that two gateways can be sent
the very same packets at the very same moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Jitter is cut off so far from its mean, in standard deviations: a finite delay for everything
JITTER_CUT = 3.0

# A stream's first packets are spared: a receiver cannot miss what it has never heard of
SPARED = 3


@dataclass(frozen=True, slots=True)
class Impairment:
    """What a network does to a stream.

    Parameters
    ----------
    loss
        Share of packets that do not arrive, 0 to less than 1.
    jitter_ms
        Standard deviation of the delay, in milliseconds (normal, cut off at three of them).
    reorder
        Whether packets may overtake each other; else they queue, as in one router's buffer.
    burst
        Mean number of packets that are lost in a row (Gilbert's model); 1 loses them independently.
    drift_ppm
        How much faster the sender's clock runs, in parts per million.
    stalls
        (start, length) in seconds: what leaves in such a time arrives at its end, all at once.

    Raises
    ------
    ValueError
        A value outside of its range.
    """

    loss: float = 0.0
    jitter_ms: float = 0.0
    reorder: bool = False
    burst: float = 1.0
    drift_ppm: float = 0.0
    stalls: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1:
            raise ValueError(f"a loss of {self.loss}: it is a share, 0 to less than 1")
        if self.jitter_ms < 0:
            raise ValueError(f"a jitter of {self.jitter_ms} ms: it is not negative")
        if self.burst < 1:
            raise ValueError(f"bursts of {self.burst} packets: there is at least 1 in each")
        if self.burst > 1 and self.loss > (1 - self.loss) * self.burst:
            raise ValueError(
                f"a loss of {self.loss:g} takes longer bursts than {self.burst:g} packets: "
                "at least one packet arrives between two of them"
            )
        if abs(self.drift_ppm) >= 1e5:
            raise ValueError(f"a drift of {self.drift_ppm} ppm: it must be below 100000")


CLEAN = Impairment()


def departures(
    frames: int, ptime: float, impairment: Impairment, rng: np.random.Generator
) -> list[float | None]:
    """Return when each packet leaves.

    Parameters
    ----------
    frames
        How many packets there are.
    ptime
        Time between two of them, in milliseconds.
    impairment
        What the network does to them.
    rng
        Where chance comes from.

    Returns
    -------
    list
        Seconds since the stream's start, one per packet; None for one that is lost.
    """
    lost = _losses(frames, impairment, rng)
    due = np.arange(frames) * (ptime / 1000 / (1 + impairment.drift_ppm * 1e-6))
    times = due + _delays(frames, impairment, rng)
    for start, length in impairment.stalls:
        times = np.where((times >= start) & (times < start + length), start + length, times)
    if not impairment.reorder:
        times = np.maximum.accumulate(times) if frames else times
    return [
        None if gone else time for gone, time in zip(lost.tolist(), times.tolist(), strict=True)
    ]


def _delays(
    frames: int, impairment: Impairment, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if not impairment.jitter_ms:
        return np.zeros(frames)
    delay = rng.normal(0, 1, frames).clip(-JITTER_CUT, JITTER_CUT) + JITTER_CUT
    return delay * (impairment.jitter_ms / 1000)


def _losses(
    frames: int, impairment: Impairment, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Walk through Gilbert's two states; with bursts of 1 each packet is a chance of its own."""
    loss, burst = impairment.loss, impairment.burst
    chance = rng.random(frames)
    if burst == 1:
        lost = chance < loss
    else:
        # Leaving the bad state with 1/burst makes bursts as long as wanted on average; entering it
        # as often as makes the share of bad packets the loss
        enter, stay = loss / (1 - loss) / burst, 1 - 1 / burst
        lost, bad = np.zeros(frames, np.bool_), False
        for number, each in enumerate(chance.tolist()):
            bad = each < (stay if bad else enter)
            lost[number] = bad
    lost[:SPARED] = False
    return lost
