"""Comfort noise: whatever color a payload asks for, the noise is finite and no louder than said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice.comfort_noise import ComfortNoiseError, NoiseGenerator, pack, parse


def one_input(data: bytes) -> None:
    generator = NoiseGenerator(len(data))
    out: NDArray[np.int16] = np.zeros(160, np.int16)
    size = max(1, len(data) // 3)
    for start in range(0, max(len(data), 1), size):
        try:
            noise = parse(data[start : start + size])
        except ComfortNoiseError:
            assert not data
            return
        assert 0 <= noise.level <= 127
        assert parse(pack(noise)) == noise
        with np.errstate(all="raise", under="ignore"):
            generator.fill(out, noise.level, noise.reflection)
            generator.fill(out, noise.level, noise.reflection)
        generator.fade(out, noise.level, data[0] / 128 - 1, data[-1] / 128)
