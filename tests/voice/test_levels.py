"""Audio levels of RFC 6464 against the formula, one row at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.signals import levels_of, make_sine
from voice.levels import SILENCE, level_of


def formula(row: list[int]) -> int:
    """As RFC 6465 appendix A.1 computes it."""
    rms = math.sqrt(sum(sample * sample for sample in row) / len(row)) / 32767
    return min(127, max(0, round(-20 * math.log10(rms)))) if rms else 127


def test_exact_levels() -> None:
    rows = [
        np.zeros(160),
        np.full(160, 32767),
        np.full(160, -32768),
        make_sine(1000, 8000, 160, 32767),
        make_sine(1000, 8000, 160, 3277),
        np.full(160, 1),
    ]
    levels = levels_of(np.stack(rows).astype(np.int16))
    assert levels.tolist() == [SILENCE, 0, 0, 3, 23, 90]


def test_one_sample_in_a_silent_frame_is_no_silence() -> None:
    row = np.zeros(960, np.int16)
    row[500] = 1
    assert level_of(row) == 120


@given(st.integers(0, 32767), st.integers(1, 960), st.integers(0, 2**32 - 1))
def test_it_is_the_formula(amplitude: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-amplitude, amplitude + 1, (3, size)).astype(np.int16)
    expected = np.array([formula(row.tolist()) for row in rows])
    assert np.abs(levels_of(rows) - expected).max() <= 1  # single precision at a half


def test_no_samples_are_silence() -> None:
    assert level_of(np.zeros(0, np.int16)) == SILENCE


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="dtype"):
        level_of(np.zeros(160))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dimensions"):
        level_of(np.zeros((1, 160), np.int16))
