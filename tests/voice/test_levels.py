"""Audio levels of RFC 6464 against the formula, one row at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.signals import make_sine
from voice.levels import SILENCE, AudioLevel, measure, pack, parse


def level_of(row: list[int]) -> int:
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
    levels = measure(np.stack(rows).astype(np.int16))
    assert levels.dtype == np.uint8
    assert levels.tolist() == [SILENCE, 0, 0, 3, 23, 90]


def test_one_sample_in_a_silent_frame_is_no_silence() -> None:
    row = np.zeros((1, 960), np.int16)
    row[0, 500] = 1
    assert measure(row)[0] == 120


@given(st.integers(0, 32767), st.integers(1, 960), st.integers(0, 2**32 - 1))
def test_it_is_the_formula(amplitude: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-amplitude, amplitude + 1, (3, size)).astype(np.int16)
    expected = np.array([level_of(row.tolist()) for row in rows])
    assert np.abs(measure(rows).astype(int) - expected).max() <= 1  # single precision at a half


def test_no_rows_have_no_levels() -> None:
    assert measure(np.zeros((0, 160), np.int16)).shape == (0,)


def test_other_arrays_are_refused() -> None:
    with pytest.raises(TypeError, match="float64"):
        measure(np.zeros((1, 160)))  # type: ignore[arg-type]
    for shape in ((160,), (1, 0)):
        with pytest.raises(ValueError, match="one row of samples per stream"):
            measure(np.zeros(shape, np.int16))


@given(st.integers(0, 127), st.booleans())
def test_elements(level: int, voice: bool) -> None:
    assert parse(pack(AudioLevel(level, voice))) == (level, voice)


def test_element_bytes() -> None:
    assert parse(b"\xff") == AudioLevel(127, True)
    assert parse(b"\x1e") == AudioLevel(30, False)
    assert parse(b"\x1e\0") == AudioLevel(30, False)
    assert parse(b"") is None
    assert pack(AudioLevel(200, False)) == b"\x7f"
