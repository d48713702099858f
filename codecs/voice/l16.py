"""L16: linear samples of 16 bits, most significant byte first (RFC 3551 section 4.5.11).

No compression at all, and so nothing to do but to turn bytes round. A trunk on the same machine
or in the same rack may speak it for wideband sound without a codec.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Codes = NDArray[np.uint8]

BYTES_PER_SAMPLE = 2
SILENCE = 0  # both bytes of sample 0

_INT16 = np.dtype(np.int16)
_UINT8 = np.dtype(np.uint8)
_NETWORK = np.dtype(">i2")


def encode(pcm: Samples, out: Codes | None = None) -> Codes:
    """Write samples as bytes.

    Parameters
    ----------
    pcm
        int16[..., n].
    out
        uint8[..., 2n], its last axis contiguous, to be filled; a new array by default.

    Returns
    -------
    uint8[..., 2n]; `out` if it was given.

    Raises
    ------
    TypeError
        `pcm` is not int16, or `out` not uint8.
    ValueError
        `out` has another shape, or gaps in its last axis.
    """
    if pcm.dtype != _INT16:
        raise TypeError(f"samples are {pcm.dtype}; L16 encodes int16")
    shape = (*pcm.shape[:-1], pcm.shape[-1] * BYTES_PER_SAMPLE)
    if out is None:
        out = np.empty(shape, np.uint8)
    if out.dtype != _UINT8:
        raise TypeError(f"out is {out.dtype}; L16 is written to uint8")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}: {shape} is needed")
    out.view(_NETWORK)[...] = pcm
    return out


def decode(codes: Codes, out: Samples | None = None) -> Samples:
    """Read bytes as samples, uint8[..., 2n] to int16[..., n]; as `encode`.

    Raises
    ------
    TypeError
        `codes` is not uint8, or `out` not int16.
    ValueError
        An odd number of bytes, gaps in the last axis, or `out` has another shape.
    """
    if codes.dtype != _UINT8:
        raise TypeError(f"codes are {codes.dtype}; L16 is read from uint8")
    if codes.shape[-1] % BYTES_PER_SAMPLE:
        raise ValueError(f"{codes.shape[-1]} bytes: L16 has {BYTES_PER_SAMPLE} per sample")
    samples = codes.view(_NETWORK)
    if out is None:
        return samples.astype(np.int16)
    if out.dtype != _INT16:
        raise TypeError(f"out is {out.dtype}; L16 is read to int16")
    if out.shape != samples.shape:
        raise ValueError(f"out has shape {out.shape}: {samples.shape} is needed")
    out[...] = samples
    return out
