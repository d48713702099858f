"""Time stretching: pitch stays, joints are smooth, and only the length changes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.voice.signals import make_sine, make_speech, peak_frequency
from voice.stretch import find_period, lengthen, shorten

Samples = NDArray[np.int16]
Stretch = Callable[..., Samples]

BOTH = pytest.mark.parametrize("stretch", [shorten, lengthen])
RATES = pytest.mark.parametrize("rate", [8000, 16000])


def make_noise(samples: int, level: float, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(0, level, samples).astype(np.int16)


def stretch_all(stretch: Stretch, signal: Samples, block: int, rate: int) -> Samples:
    rows = signal[: len(signal) // block * block].reshape(-1, block)
    return np.concatenate([stretch(row, rate) for row in rows])


def sharpest_bend(signal: Samples) -> int:
    """Return the largest second difference: a click is a bend."""
    return int(np.abs(np.diff(signal.astype(int), 2)).max())


class TestFindPeriod:
    @pytest.mark.parametrize("period", [20, 33, 64, 119])
    def test_it_finds_the_period(self, period: int) -> None:
        pulse = np.random.default_rng(period).normal(0, 4000, period).astype(np.int16)
        lag, likeness = find_period(np.tile(pulse, 300 // period + 2)[:300], 20, 120, 120)
        assert lag % period == 0
        assert likeness == pytest.approx(1)

    def test_it_is_the_normalized_correlation(self) -> None:
        noise = make_noise(240, 3000).astype(float)
        expected = [
            np.dot(noise[120:], noise[120 - lag : 240 - lag])
            / np.linalg.norm(noise[120:])
            / np.linalg.norm(noise[120 - lag : 240 - lag])
            for lag in range(20, 121)
        ]
        lag, likeness = find_period(noise, 20, 120, 120)
        assert lag == 20 + int(np.argmax(expected))
        assert likeness == pytest.approx(max(expected))

    def test_silence_is_like_nothing(self) -> None:
        assert find_period(np.zeros(240, np.int16), 20, 120, 120)[1] == 0


@RATES
class TestTones:
    @BOTH
    @pytest.mark.parametrize("frequency", [100, 212.5, 440, 1004, 2900])
    @pytest.mark.parametrize("block", [0.03, 0.04, 0.1])
    def test_the_pitch_stays(
        self, stretch: Stretch, rate: int, frequency: float, block: float
    ) -> None:
        tone = make_sine(frequency, rate, 2 * rate)
        changed = stretch_all(stretch, tone, round(block * rate), rate)
        rows = len(tone) // round(block * rate)
        assert abs(len(changed) - len(tone)) >= rows * rate // 400
        assert peak_frequency(changed, rate) == pytest.approx(frequency, rel=0.005, abs=2)
        assert changed.std() == pytest.approx(tone.std(), rel=0.03)

    @BOTH
    @pytest.mark.parametrize("frequency", [100, 212.5, 440, 1004])
    def test_no_click(self, stretch: Stretch, rate: int, frequency: float) -> None:
        tone = make_sine(frequency, rate, rate)
        changed = stretch_all(stretch, tone, rate // 25, rate)
        assert sharpest_bend(changed) <= 1.15 * sharpest_bend(tone) + 4

    def test_there_and_back(self, rate: int) -> None:
        tone = make_sine(200, rate, rate // 20)
        back = shorten(lengthen(tone, rate), rate)[: len(tone)]
        np.testing.assert_allclose(back, tone[: len(back)], atol=2)


@RATES
class TestSpeech:
    @BOTH
    def test_vowels_are_stretched_and_joined_smoothly(self, stretch: Stretch, rate: int) -> None:
        speech = make_speech(rate, 3)
        changed = stretch_all(stretch, speech, rate // 25, rate)
        assert abs(len(changed) - len(speech)) > 0.05 * len(speech)
        assert sharpest_bend(changed) <= 1.1 * sharpest_bend(speech)

    @BOTH
    def test_the_spectrum_stays(self, stretch: Stretch, rate: int) -> None:
        """In octaves: what clicks and wrong cuts smear would show between the formants."""
        speech = make_speech(rate, 4)
        edges = [100, 200, 400, 800, 1600, 3200]
        levels = []
        for signal in (speech, stretch_all(stretch, speech, rate // 25, rate)):
            power = np.square(np.abs(np.fft.rfft(signal))) / len(signal)
            places = np.array(edges) * len(signal) // rate
            levels.append([10 * np.log10(power[low:high].mean()) for low, high in pairwise(places)])
        np.testing.assert_allclose(levels[1], levels[0], atol=1.5)

    @BOTH
    def test_the_rest_is_untouched(self, stretch: Stretch, rate: int) -> None:
        frame = make_speech(rate, 1)[rate // 2 : rate // 2 + rate // 25]
        changed = stretch(frame, rate)
        kept = len(frame) - 3 * rate // 100
        np.testing.assert_array_equal(changed[:kept], frame[:kept])
        # What follows joins the last sample of the input
        assert abs(int(changed[-1]) - int(frame[-1])) <= sharpest_bend(frame)


@RATES
class TestWhatIsNotStretched:
    @BOTH
    def test_noise_comes_back_as_it_is(self, stretch: Stretch, rate: int) -> None:
        noise = make_noise(rate // 25, 3000)
        assert stretch(noise, rate) is noise
        assert stretch(noise, rate, at_least=200) is noise

    @BOTH
    def test_an_onset_comes_back_as_it_is(self, stretch: Stretch, rate: int) -> None:
        onset = np.zeros(rate // 25, np.int16)
        onset[-rate // 100 :] = make_noise(rate // 100, 4000)
        assert stretch(onset, rate) is onset

    @BOTH
    def test_the_threshold_is_the_callers(self, stretch: Stretch, rate: int) -> None:
        noise, tone = make_noise(rate // 25, 3000), make_sine(440, rate, rate // 25)
        assert stretch(noise, rate, threshold=-1.0) is not noise
        assert stretch(tone, rate, threshold=1.01) is tone


@RATES
class TestQuiet:
    @BOTH
    def test_silence_in_silence_out(self, stretch: Stretch, rate: int) -> None:
        silence = np.zeros(rate // 25, np.int16)
        changed = stretch(silence, rate)
        assert len(changed) != len(silence)
        assert not changed.any()

    @pytest.mark.parametrize("milliseconds", [5, 20, 30])
    def test_as_much_as_is_asked_for(self, rate: int, milliseconds: int) -> None:
        wanted = rate * milliseconds // 1000
        quiet = make_noise(rate // 25, 20)
        assert len(quiet) - len(shorten(quiet, rate, at_least=wanted)) >= wanted
        assert len(lengthen(quiet, rate, at_least=wanted)) - len(quiet) >= wanted

    @BOTH
    def test_never_more_than_leaves_5_ms(self, stretch: Stretch, rate: int) -> None:
        quiet = make_noise(rate // 25, 20)
        changed = stretch(quiet, rate, at_least=10 * rate)
        assert abs(len(changed) - len(quiet)) == len(quiet) - rate // 200
        assert np.abs(changed).max() <= np.abs(quiet).max()

    @BOTH
    def test_what_is_quiet_is_the_callers(self, stretch: Stretch, rate: int) -> None:
        noise = make_noise(rate // 25, 200)
        assert stretch(noise, rate) is noise
        assert stretch(noise, rate, quiet=300) is not noise


class TestInput:
    @BOTH
    @given(
        values=st.lists(st.integers(-32768, 32767), min_size=1, max_size=60),
        size=st.integers(240, 700),
        at_least=st.integers(0, 1000),
    )
    def test_any_signal(
        self, stretch: Stretch, values: list[int], size: int, at_least: int
    ) -> None:
        signal = np.resize(np.array(values, np.int16), size)
        changed = stretch(signal, 8000, at_least=at_least)
        assert changed.dtype == np.int16
        if changed is signal:
            return
        lag = abs(len(changed) - size)
        assert (len(changed) < size) is (stretch is shorten)
        assert 20 <= lag <= max(120, at_least)
        # A cross-fade never leaves the range of what it is made of
        assert signal.min() <= changed.min() <= changed.max() <= signal.max()

    @BOTH
    def test_what_cannot_be_stretched_is_refused(self, stretch: Stretch) -> None:
        with pytest.raises(TypeError, match="float64"):
            stretch(np.zeros(320), 8000)
        for shape, rate in (((239,), 8000), ((479,), 16000), ((1, 320), 8000)):
            with pytest.raises(ValueError, match="30 ms or more"):
                stretch(np.zeros(shape, np.int16), rate)
