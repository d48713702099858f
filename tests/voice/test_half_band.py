"""Half of the sample rate: speech comes through, and nothing is mirrored into its band."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from numpy.typing import NDArray

from tests.voice.signals import find_delay, make_sine, make_speech
from voice.half_band import DELAY, HalfBand

Samples = NDArray[np.int16]

RATE = 16000
SECOND = 16000  # samples: bins of the FFT are 1 Hz apart at the lower rate, too


def level_at(frequency: float, sound: Samples) -> float:
    """Return the amplitude of one frequency in a second of sound at 8 kHz."""
    return float(2 * np.abs(np.fft.rfft(sound))[round(frequency)] / len(sound))


def halve(sound: Samples) -> Samples:
    """Return two seconds, the first of which the filter settles in."""
    return HalfBand().halve_all(np.concatenate([sound, sound]))[-SECOND // 2 :]


@pytest.mark.parametrize("frequency", range(5000, 7001, 250))
def test_what_would_be_mirrored_into_speech_is_taken_off(frequency: int) -> None:
    """The mean of each pair lets 5 kHz through at -5 dB and 7 kHz at -14 dB."""
    tone = make_sine(frequency, RATE, SECOND, 16000)
    left = level_at(RATE / 2 - frequency, halve(tone)) / 16000
    assert 20 * np.log10(left) < -45


@pytest.mark.parametrize(("frequency", "loss"), [(300, 0.1), (1000, 0.1), (3000, 0.1), (3400, 0.3)])
def test_speech_comes_through(frequency: int, loss: float) -> None:
    through = level_at(frequency, halve(make_sine(frequency, RATE, SECOND, 16000))) / 16000
    assert abs(20 * np.log10(through)) < loss


def test_a_constant_stays_what_it_is() -> None:
    for value in (-32768, -1, 1, 32767):
        assert (HalfBand().halve_all(np.full(400, value, np.int16))[DELAY:] == value).all()


def test_its_delay_is_as_said() -> None:
    """Every second sample of speech that the band holds, so much later."""
    speech = make_speech(RATE, 1)
    slow = HalfBand().halve_all(speech)
    twice = np.repeat(slow, 2)  # its samples are those of the odd places
    assert find_delay(twice[1:], speech[:-1], 60) in (DELAY - 1, DELAY, DELAY + 1)


@given(
    numpy_strategies.arrays(np.int16, st.integers(0, 500).map(lambda size: 2 * size)),
    st.lists(st.integers(0, 500), max_size=4),
)
def test_it_does_not_matter_how_a_stream_is_cut(sound: Samples, cuts: list[int]) -> None:
    whole = HalfBand().halve_all(sound)
    pieces, stream = np.split(sound, sorted(2 * cut for cut in cuts)), HalfBand()
    np.testing.assert_array_equal(np.concatenate([stream.halve_all(p) for p in pieces]), whole)


def test_the_loudest_sound_does_not_wrap_around() -> None:
    """A square wave overshoots."""
    square = np.where(np.arange(1600) // 20 % 2, 32767, -32768).astype(np.int16)
    slow = HalfBand().halve_all(square)[DELAY:]
    assert (np.abs(np.diff(slow.astype(int))) < 60000).all()
    assert slow.max() == 32767


def test_an_odd_number_of_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="5 samples"):
        HalfBand().halve_all(np.zeros(5, np.int16))
