"""G.711: µ-law and A-law (ITU-T G.711) by table look-up.

A look-up over a whole array costs a fraction of a microsecond per 20 ms frame, whatever the number
of streams in it, so arrays of any shape are taken: a frame, or all frames of a batch.

The tables are made from the recommendation's decision and output values when the module is loaded.
A sample that lies on a decision value belongs to the interval above it; the negative half is the
one's complement of the positive one, as in ITU-T's reference software (G.191).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Codes = NDArray[np.uint8]

ULAW_SILENCE = 0xFF  # the code of sample 0
ALAW_SILENCE = 0xD5  # the code of the smallest positive step: A-law has no zero

_INT16 = np.dtype(np.int16)
_UINT8 = np.dtype(np.uint8)

_CODE = np.arange(128)  # the code of a magnitude before inversion: three bits segment, four step
_SEGMENT, _STEP = _CODE >> 4, _CODE & 15


def _ulaw_magnitudes() -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (lowest sample, decoded sample) of each positive interval, G.711 tables 2a and 2b.

    The recommendation counts in 14 bits, hence the factor that makes 16 of them.
    """
    lowest = ((32 + 2 * _STEP) << _SEGMENT) - 33
    lowest[0] = 0
    decoded = ((33 + 2 * _STEP) << _SEGMENT) - 33
    return 4 * lowest, 4 * decoded


def _alaw_magnitudes() -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (lowest sample, decoded sample) of each positive interval, G.711 tables 1a and 1b.

    The recommendation counts in 13 bits; the first two segments have steps of the same size.
    """
    shift = np.maximum(_SEGMENT - 1, 0)
    base = np.where(_SEGMENT, 32, 0)
    return 8 * ((base + 2 * _STEP) << shift), 8 * ((base + 2 * _STEP + 1) << shift)


def _tables(
    magnitudes: tuple[NDArray[Any], NDArray[Any]], positive: int, negative: int
) -> tuple[Codes, Samples]:
    """Return the table from a sample's 16 bits to its code, and the one from code to sample.

    `positive` and `negative` are what a magnitude's code is combined with (exclusive or).
    """
    lowest, decoded = magnitudes
    sample = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    magnitude = np.where(sample < 0, ~sample, sample)
    code = np.searchsorted(lowest, magnitude, side="right") - 1
    encode = code ^ np.where(sample < 0, negative, positive)
    decode = np.zeros(256, np.int16)
    decode[_CODE ^ positive] = decoded
    decode[_CODE ^ negative] = -decoded
    return encode.astype(np.uint8), decode


_ULAW_ENCODE, _ULAW_DECODE = _tables(_ulaw_magnitudes(), positive=0xFF, negative=0x7F)
_ALAW_ENCODE, _ALAW_DECODE = _tables(_alaw_magnitudes(), positive=0xD5, negative=0x55)


def encode_ulaw(pcm: Samples, out: Codes | None = None) -> Codes:
    """Encode samples as µ-law.

    Parameters
    ----------
    pcm
        int16, any shape.
    out
        uint8 of the same shape, to be filled; a new array by default.

    Returns
    -------
    uint8 of the same shape; `out` if it was given.

    Raises
    ------
    TypeError
        `pcm` is not int16, or `out` cannot be filled with uint8.
    ValueError
        `out` has another shape.
    """
    return _encode(_ULAW_ENCODE, pcm, out)


def decode_ulaw(codes: Codes, out: Samples | None = None) -> Samples:
    """Decode µ-law, uint8 of any shape, to int16 of the same shape; as `encode_ulaw`."""
    return _decode(_ULAW_DECODE, codes, out)


def encode_alaw(pcm: Samples, out: Codes | None = None) -> Codes:
    """Encode int16 samples of any shape as A-law; as `encode_ulaw`."""
    return _encode(_ALAW_ENCODE, pcm, out)


def decode_alaw(codes: Codes, out: Samples | None = None) -> Samples:
    """Decode A-law, uint8 of any shape, to int16 of the same shape; as `encode_ulaw`."""
    return _decode(_ALAW_DECODE, codes, out)


def _check_shape(values: NDArray[Any], out: NDArray[Any] | None) -> None:
    if out is not None and out.shape != values.shape:
        raise ValueError(f"out has shape {out.shape}: it must be that of the input, {values.shape}")


def _encode(table: Codes, pcm: Samples, out: Codes | None) -> Codes:
    if pcm.dtype != _INT16:
        raise TypeError(f"samples are {pcm.dtype}; G.711 encodes int16")
    _check_shape(pcm, out)
    # No index can be out of range, and "wrap" spares numpy the check and a buffer for `out`
    return table.take(pcm.view(np.uint16), out=out, mode="wrap")


def _decode(table: Samples, codes: Codes, out: Samples | None) -> Samples:
    if codes.dtype != _UINT8:
        raise TypeError(f"codes are {codes.dtype}; G.711 codes are uint8")
    _check_shape(codes, out)
    return table.take(codes, out=out, mode="wrap")
