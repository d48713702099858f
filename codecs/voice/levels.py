"""Audio levels as RTP carries them (RFC 6464): 0 is the loudest, 127 is silence."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SILENCE = 127  # -dBov, also for digital silence

_OVERLOAD = 32767.0  # 0 dBov: a square wave of full scale (RFC 6465 appendix A.1)

# Levels from soft to loud, and between each and the next the power where the rounding changes
_LEVELS = np.arange(SILENCE, -1, -1, dtype=np.uint8)
_BOUNDARIES = _OVERLOAD**2 * 10 ** (-(np.arange(SILENCE - 1, -1, -1) + 0.5) / 10)


class AudioLevel(NamedTuple):
    """An element urn:ietf:params:rtp-hdrext:ssrc-audio-level: -dBov, and whether it is voice."""

    level: int
    voice: bool


def measure(frames: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return the level of each row.

    Parameters
    ----------
    frames
        int16[n, samples], at least one sample.

    Returns
    -------
    uint8[n], -dBov from 0 to 127; 127 for digital silence. A full-scale sine has 3.

    Raises
    ------
    TypeError, ValueError
        Not int16, or not of that shape.
    """
    if frames.dtype != np.int16:
        raise TypeError(f"samples are {frames.dtype}; levels are of int16")
    if frames.ndim != 2 or not frames.shape[1]:
        raise ValueError(f"frames of shape {frames.shape}: one row of samples per stream is needed")
    samples = frames.astype(np.float32)
    energies: NDArray[np.float32] = np.vecdot(samples, samples)
    # A logarithm and its rounding cost four times as much, and this runs at every tick of the clock
    return _LEVELS[_energy_boundaries(frames.shape[1]).searchsorted(energies, "right")]


@lru_cache(maxsize=16)
def _energy_boundaries(samples: int) -> NDArray[np.float32]:
    return (_BOUNDARIES * samples).astype(np.float32)


def parse(element: bytes) -> AudioLevel | None:
    """Read an extension element's first byte (RFC 6464 section 3); None if it has none."""
    if not element:
        return None
    return AudioLevel(element[0] & 0x7F, element[0] >= 0x80)


def pack(level: AudioLevel) -> bytes:
    """Return the element's one byte; levels beyond 127 count as silence."""
    return bytes([min(level.level, SILENCE) | (0x80 if level.voice else 0)])
