"""Time stretching: pitch stays, joints are smooth, and only the length changes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.voice.signals import make_sine, make_speech, peak_frequency
from voice.stretch import find_period, shorten

Samples = NDArray[np.int16]

RATES = pytest.mark.parametrize("rate", [8000, 16000])


def make_noise(samples: int, level: float, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(0, level, samples).astype(np.int16)


def shorten_all(signal: Samples, block: int, rate: int) -> Samples:
    rows = signal[: len(signal) // block * block].reshape(-1, block)
    return np.concatenate([shorten(row, rate) for row in rows])


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
        samples = make_noise(240, 3000)
        noise = samples.astype(float)
        expected = [
            np.dot(noise[120:], noise[120 - lag : 240 - lag])
            / np.linalg.norm(noise[120:])
            / np.linalg.norm(noise[120 - lag : 240 - lag])
            for lag in range(20, 121)
        ]
        lag, likeness = find_period(samples, 20, 120, 120)
        assert lag == 20 + int(np.argmax(expected))
        assert likeness == pytest.approx(max(expected))

    def test_silence_is_like_nothing(self) -> None:
        assert find_period(np.zeros(240, np.int16), 20, 120, 120)[1] == 0

    @given(
        values=st.lists(st.sampled_from([-32768, -1, 0, 1, 32767]), min_size=1, max_size=300),
        shortest=st.integers(1, 100),
        more=st.integers(0, 100),
        window=st.integers(1, 200),
    )
    def test_any_signal(self, values: list[int], shortest: int, more: int, window: int) -> None:
        samples = np.array(values, np.int16)
        longest = shortest + more
        if longest + window > len(samples):
            with pytest.raises(ValueError, match=f"no lags of {shortest} to {longest}"):
                find_period(samples, shortest, longest, window)
            return
        lag, likeness = find_period(samples, shortest, longest, window)
        wide = samples.astype(float)
        end, before = wide[-window:], wide[len(wide) - window - lag : len(wide) - lag]
        scale = np.sqrt(max(np.dot(end, end) * np.dot(before, before), 1))
        assert shortest <= lag <= longest
        assert likeness == pytest.approx(np.dot(end, before) / scale)
        assert likeness <= 1 + 1e-9

    def test_what_has_no_lags(self) -> None:
        samples = np.zeros(240, np.int16)
        for shortest, longest, window in ((0, 9, 9), (9, 8, 9), (1, 9, 0), (1, 2**30, 2**30)):
            with pytest.raises(ValueError, match="no lags"):
                find_period(samples, shortest, longest, window)
        with pytest.raises(TypeError, match="float64"):
            find_period(np.zeros(240), 20, 120, 120)  # type: ignore[arg-type]


@RATES
class TestTones:
    @pytest.mark.parametrize("frequency", [100, 212.5, 440, 1004, 2900])
    @pytest.mark.parametrize("block", [0.03, 0.04, 0.1])
    def test_the_pitch_stays(self, rate: int, frequency: float, block: float) -> None:
        tone = make_sine(frequency, rate, 2 * rate)
        changed = shorten_all(tone, round(block * rate), rate)
        rows = len(tone) // round(block * rate)
        assert len(tone) - len(changed) >= rows * rate // 400
        assert peak_frequency(changed, rate) == pytest.approx(frequency, rel=0.005, abs=2)
        assert changed.std() == pytest.approx(tone.std(), rel=0.03)

    @pytest.mark.parametrize("frequency", [100, 212.5, 440, 1004])
    def test_no_click(self, rate: int, frequency: float) -> None:
        tone = make_sine(frequency, rate, rate)
        changed = shorten_all(tone, rate // 25, rate)
        assert sharpest_bend(changed) <= 1.15 * sharpest_bend(tone) + 4


@RATES
class TestSpeech:
    def test_vowels_are_stretched_and_joined_smoothly(self, rate: int) -> None:
        speech = make_speech(rate, 3)
        changed = shorten_all(speech, rate // 25, rate)
        assert len(speech) - len(changed) > 0.05 * len(speech)
        assert sharpest_bend(changed) <= 1.1 * sharpest_bend(speech)

    def test_the_spectrum_stays(self, rate: int) -> None:
        """In octaves: what clicks and wrong cuts smear would show between the formants."""
        speech = make_speech(rate, 4)
        edges = [100, 200, 400, 800, 1600, 3200]
        levels = []
        for signal in (speech, shorten_all(speech, rate // 25, rate)):
            power = np.square(np.abs(np.fft.rfft(signal))) / len(signal)
            places = np.array(edges) * len(signal) // rate
            levels.append([10 * np.log10(power[low:high].mean()) for low, high in pairwise(places)])
        np.testing.assert_allclose(levels[1], levels[0], atol=1.5)

    def test_the_rest_is_untouched(self, rate: int) -> None:
        frame = make_speech(rate, 1)[rate // 2 : rate // 2 + rate // 25]
        changed = shorten(frame, rate)
        kept = len(frame) - 3 * rate // 100
        np.testing.assert_array_equal(changed[:kept], frame[:kept])
        # What follows joins the last sample of the input
        assert abs(int(changed[-1]) - int(frame[-1])) <= sharpest_bend(frame)


@RATES
class TestWhatIsNotStretched:
    def test_noise_comes_back_as_it_is(self, rate: int) -> None:
        noise = make_noise(rate // 25, 3000)
        assert shorten(noise, rate) is noise
        assert shorten(noise, rate, at_least=200) is noise

    def test_an_onset_comes_back_as_it_is(self, rate: int) -> None:
        onset = np.zeros(rate // 25, np.int16)
        onset[-rate // 100 :] = make_noise(rate // 100, 4000)
        assert shorten(onset, rate) is onset

    def test_the_threshold_is_the_callers(self, rate: int) -> None:
        noise, tone = make_noise(rate // 25, 3000), make_sine(440, rate, rate // 25)
        assert shorten(noise, rate, threshold=-1.0) is not noise
        assert shorten(tone, rate, threshold=1.01) is tone


@RATES
class TestQuiet:
    def test_silence_in_silence_out(self, rate: int) -> None:
        silence = np.zeros(rate // 25, np.int16)
        changed = shorten(silence, rate)
        assert len(changed) < len(silence)
        assert not changed.any()

    @pytest.mark.parametrize("milliseconds", [5, 20, 30])
    def test_as_much_as_is_asked_for(self, rate: int, milliseconds: int) -> None:
        wanted = rate * milliseconds // 1000
        quiet = make_noise(rate // 25, 20)
        assert len(quiet) - len(shorten(quiet, rate, at_least=wanted)) >= wanted

    def test_never_more_than_leaves_5_ms(self, rate: int) -> None:
        quiet = make_noise(rate // 25, 20)
        changed = shorten(quiet, rate, at_least=10 * rate)
        assert len(changed) == rate // 200
        assert np.abs(changed).max() <= np.abs(quiet).max()

    def test_what_is_quiet_is_the_callers(self, rate: int) -> None:
        noise = make_noise(rate // 25, 200)
        assert shorten(noise, rate) is noise
        assert shorten(noise, rate, quiet=300) is not noise


class TestInput:
    def test_the_input_stays_as_it_is(self) -> None:
        tone = make_sine(200, 8000, 320)
        tone.flags.writeable = False
        kept = tone.copy()
        assert len(shorten(tone, 8000)) < 320
        np.testing.assert_array_equal(tone, kept)

    @given(
        values=st.lists(st.integers(-32768, 32767), min_size=1, max_size=60),
        size=st.integers(240, 700),
        at_least=st.integers(0, 1000),
    )
    def test_any_signal(self, values: list[int], size: int, at_least: int) -> None:
        signal = np.resize(np.array(values, np.int16), size)
        changed = shorten(signal, 8000, at_least=at_least)
        assert changed.dtype == np.int16
        if changed is signal:
            return
        lag = size - len(changed)
        assert 20 <= lag <= max(120, at_least)
        # A cross-fade never leaves the range of what it is made of
        assert signal.min() <= changed.min() <= changed.max() <= signal.max()

    def test_what_cannot_be_stretched_is_refused(self) -> None:
        with pytest.raises(TypeError, match="float64"):
            shorten(np.zeros(320), 8000)  # type: ignore[arg-type]
        for shape, rate in (((239,), 8000), ((479,), 16000), ((1, 320), 8000)):
            with pytest.raises(ValueError, match="30 ms or more"):
                shorten(np.zeros(shape, np.int16), rate)
