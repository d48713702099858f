"""Comfort noise: the payload that describes it (RFC 3389), and the noise itself.

A line that goes dead between two sentences sounds broken. A sender that stops in pauses therefore
says how loud its background is, and perhaps of what color (the spectrum), and the receiver makes
noise like it. The same noise stands behind what is concealed when packets are lost for long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voice.levels import SILENCE

Samples = NDArray[np.int16]

PAYLOAD_TYPE = 13  # at 8000 Hz, RFC 3389 section 4

LONGEST_FRAME = 8192  # samples that can be filled at once

_FULL_SCALE = 32767.0  # 0 dBov, as in voice.levels
_MOST_COEFFICIENTS = 10  # more say nothing of a background; RFC 3389 section 3.2 lets us drop them
_MIDDLE, _LARGEST_INDEX = 127, 254
_STEP = 258 / 32768

# White noise of unit power, shared by all streams: 8 s at 8 kHz, too long for the ear to find again
_BLOCK = 1 << 16
_CREST = 4.0  # the block's peak, so that noise up to -12 dBov does not clip
_RESPONSE = 64  # samples of a filter's impulse response


class ComfortNoiseError(ValueError):
    """A payload that describes no noise."""


class ComfortNoise(NamedTuple):
    """What the noise is like: level in -dBov, 0 to 127, and reflection coefficients, -1 to 1."""

    level: int
    reflection: tuple[float, ...] = ()


def parse(payload: bytes) -> ComfortNoise:
    """Read a payload: a level, and up to 10 reflection coefficients (RFC 3389 section 3).

    Senders may give the level alone. Coefficients end at an index that is reserved; the ones before
    it are those of a simpler filter, and what there is of bytes after the tenth is passed over.

    Raises
    ------
    ComfortNoiseError
        No byte at all.
    """
    if not payload:
        raise ComfortNoiseError("a payload of 0 bytes: RFC 3389 has at least the level")
    indices = payload[1 : 1 + _MOST_COEFFICIENTS].split(b"\xff", 1)[0]
    # The level's first bit is always 0, section 3.1
    return ComfortNoise(payload[0] & 0x7F, tuple((n - _MIDDLE) * _STEP for n in indices))


def pack(noise: ComfortNoise) -> bytes:
    """Write a payload; coefficients are rounded to the nearest of 255 steps.

    Raises
    ------
    ValueError
        A level or a coefficient out of range.
    """
    if not 0 <= noise.level <= SILENCE:
        raise ValueError(f"level is -{noise.level} dBov: it must be 0 to {SILENCE}")
    if any(not -1 <= value <= 1 for value in noise.reflection):
        raise ValueError(f"reflection coefficients are {noise.reflection}: they must be -1 to 1")
    indices = (round(value / _STEP) + _MIDDLE for value in noise.reflection)
    return bytes([noise.level, *(min(max(n, 0), _LARGEST_INDEX) for n in indices)])


def _make_block() -> NDArray[np.float32]:
    block = np.clip(np.random.default_rng(3389).standard_normal(_BLOCK), -_CREST, _CREST)
    block /= np.sqrt(np.square(block).mean())
    # The beginning once more, so that no frame has to be put together from two parts
    return np.concatenate((block, block[: LONGEST_FRAME + _RESPONSE])).astype(np.float32)


_WHITE = _make_block()


def _respond(reflection: Sequence[float]) -> NDArray[np.float32]:
    """Return the impulse response of the all-pole filter, of unit power.

    The polynomial comes by the step-up recursion, its inverse by the Fourier transform; what wraps
    round in it is the tail of a resonance that 64 samples cannot hold.
    """
    polynomial = [1.0]
    for coefficient in reflection:
        padded = [*polynomial, 0.0]
        turned = padded[::-1]
        polynomial = [one + coefficient * other for one, other in zip(padded, turned, strict=True)]
    spectrum = np.fft.rfft(polynomial, _RESPONSE)
    # Coefficients at the edge of their range put poles onto the unit circle: no division by zero
    spectrum = spectrum.conj() / (np.square(np.abs(spectrum)) + 1e-12)
    response = np.fft.irfft(spectrum)
    scaled: NDArray[np.float32] = (response / np.linalg.norm(response)).astype(np.float32)
    return scaled


class NoiseGenerator:
    """Makes the noise of one stream, frame after frame without a seam.

    Parameters
    ----------
    seed
        Where in the noise to begin; streams that are mixed should not begin together.
    """

    def __init__(self, seed: int = 0) -> None:
        self._position = int(np.random.default_rng(seed).integers(_BLOCK))
        self._gain: float | None = None
        self._reflection: tuple[float, ...] = ()
        self._response: NDArray[np.float32] | None = None

    def fill(self, out: Samples, level: float, reflection: tuple[float, ...] = ()) -> Samples:
        """Write the next samples into `out` and return it.

        Where level or color are new, they are reached at the end of this frame.

        Parameters
        ----------
        out
            int16[n], n up to `LONGEST_FRAME`.
        level
            -dBov, 0 to 127; noise louder than 12 is clipped.
        reflection
            Reflection coefficients, none for white noise.

        Raises
        ------
        ValueError
            A longer frame.
        """
        size = len(out)
        if size > LONGEST_FRAME:
            raise ValueError(f"{size} samples: {LONGEST_FRAME} can be filled at once")
        wave = self._color(size)
        if reflection != self._reflection:
            self._reflection = reflection
            self._response = _respond(reflection) if reflection else None
            color = self._color(size)
            wave = color if self._gain is None else wave + (color - wave) * _ramp(size)
        gain = _FULL_SCALE * 10 ** (-level / 20)
        last = gain if self._gain is None else self._gain
        wave = wave * (gain if gain == last else last + (gain - last) * _ramp(size))
        self._gain = gain
        self._position = (self._position + size) % _BLOCK
        if max(gain, last) * _CREST > _FULL_SCALE or self._reflection:
            np.clip(wave, -_FULL_SCALE, _FULL_SCALE, out=wave)
        out[...] = np.rint(wave, out=wave)
        return out

    def _color(self, size: int) -> NDArray[np.float32]:
        """Return the next samples at unit power in the present color."""
        start = self._position
        if self._response is None:
            return _WHITE[start : start + size]
        return np.convolve(_WHITE[start : start + size + _RESPONSE - 1], self._response, "valid")


def _ramp(size: int) -> NDArray[np.float32]:
    return np.arange(1, size + 1, dtype=np.float32) / np.float32(size)
