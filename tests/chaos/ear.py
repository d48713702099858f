"""What one end of a call hears: when it was loud, and which tone at last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gateway.bench.material import RATE
from gateway.bench.player import LEAD, Leg, Recording
from voice import g711, rtp
from voice.opus import OpusDecoder, OpusError

if TYPE_CHECKING:
    from collections.abc import Callable

PTIME = 0.02  # seconds
LOUD = 1000.0  # of a frame's root mean square: below is comfort noise, above the tone
TAIL = 0.5  # seconds of sound by which a call is said to be alive


@dataclass(frozen=True)
class Ear:
    """What one end has heard: when it was loud, in seconds of the play, and which tone at last."""

    loud: list[float]
    tone: float | None

    @property
    def first(self) -> float:
        """When the tone came first; infinite if it never did."""
        return min(self.loud, default=float("inf"))

    def gap(self, since: float, until: float) -> float:
        """Return the longest time without the tone."""
        times = [since, *(each for each in self.loud if since < each < until), until]
        return max(np.diff(times).tolist())


def listen(recording: Recording, number: int, leg: Leg, *, opus: bool) -> Ear:
    """Decode what came to a leg."""
    decode = _opus() if opus else _ulaw
    loud, sound = [], []
    for at, datagram in recording.arrivals[number]:
        try:
            samples = decode(rtp.parse(leg.unwire(datagram)).payload)
        except (ValueError, OpusError):
            continue
        if samples.size and float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) > LOUD:
            loud.append((at - recording.start) / 1e9)
            sound.append(samples)
    end = recording.elapsed - LEAD
    late = [each for each, when in zip(sound, loud, strict=True) if when > end - 2 * TAIL]
    return Ear(loud, _frequency(np.concatenate(late)) if len(late) > TAIL / PTIME / 2 else None)


def _ulaw(payload: bytes) -> NDArray[np.int16]:
    return g711.decode_ulaw(np.frombuffer(payload, np.uint8))


def _opus() -> Callable[[bytes], NDArray[np.int16]]:
    decoder = OpusDecoder(RATE)
    samples = np.zeros(round(RATE * PTIME), np.int16)

    def decode(payload: bytes) -> NDArray[np.int16]:
        decoder.decode(payload, samples)
        return samples.copy()

    return decode


def _frequency(samples: NDArray[np.int16]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum)) * RATE / samples.size
