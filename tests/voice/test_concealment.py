"""Concealment against silence and plain repetition, its fade into noise, and its joints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.voice.signals import correlate, make_sine, make_speech, measure_snr, peak_frequency
from voice.concealment import PcmConcealer

Samples = NDArray[np.int16]
Lost = NDArray[np.bool_]
Repair = Callable[[Samples, Lost], Samples]

RATES = pytest.mark.parametrize("rate", [8000, 16000])
BANDS = [100, 200, 300, 400, 550, 700, 900, 1200, 1600, 2100, 2700, 3400]  # Hz


def conceal_all(frames: Samples, lost: Lost) -> Samples:
    concealer, heard = PcmConcealer(frames.shape[1] * 50), frames.copy()
    for row, missing in zip(heard, lost, strict=True):
        if missing:
            row[:] = 12345  # nothing of what was sent may be used
            concealer.conceal(row)
        else:
            concealer.heard(row)
    return heard


def mute_all(frames: Samples, lost: Lost) -> Samples:
    return np.where(lost[:, None], 0, frames).astype(np.int16)


def repeat_all(frames: Samples, lost: Lost) -> Samples:
    newest = np.maximum.accumulate(np.where(lost, 0, np.arange(len(frames))))
    return frames[newest]


def measure_spectral_distance(heard: Samples, frames: Samples) -> NDArray[np.float64]:
    """Return the root mean square of the differences of the bands' levels, in dB, per frame."""
    size = frames.shape[1]
    places = [round(edge * size / (50 * size)) for edge in BANDS]
    levels = [
        10 * np.log10(np.add.reduceat(power, places, axis=1)[:, :-1] + 1e5)
        for power in (np.square(np.abs(np.fft.rfft(x * np.hanning(size)))) for x in (heard, frames))
    ]
    distance: NDArray[np.float64] = np.sqrt(np.square(levels[0] - levels[1]).mean(axis=1))
    return distance


def lose(frames: int, share: float = 0.05, seed: int = 5) -> Lost:
    lost = np.random.default_rng(seed).random(frames) < share
    lost[0] = False
    return lost


@RATES
class TestQuality:
    def test_speech_at_5_percent_loss(self, rate: int) -> None:
        """In what was lost of it, of three speakers' minute."""
        speech = np.concatenate([make_speech(rate, 20, seed) for seed in (1, 2, 3)])
        frames = speech.reshape(-1, rate // 50)
        lost = lose(len(frames))
        spoken = lost & (frames.std(axis=1) > 800)
        assert spoken.sum() > 50
        distance, snr = {}, {}
        for repair in (conceal_all, mute_all, repeat_all):
            heard = repair(frames, lost)[spoken]
            distance[repair] = float(measure_spectral_distance(heard, frames[spoken]).mean())
            snr[repair] = measure_snr(heard, frames[spoken])
        assert distance[conceal_all] < 0.15 * distance[mute_all]
        assert distance[conceal_all] < 0.97 * distance[repeat_all]
        # The waveform goes on as well: a frame that is just repeated is out of phase
        assert snr[conceal_all] > snr[mute_all] + 1.5
        assert snr[conceal_all] > snr[repeat_all] + 4

    @pytest.mark.parametrize("frequency", [120, 200, 313, 440])
    def test_a_tone_goes_on(self, rate: int, frequency: int) -> None:
        frames = make_sine(frequency, rate, rate).reshape(-1, rate // 50)
        heard = conceal_all(frames, lose(50, 0.1))
        assert correlate(heard.ravel(), frames.ravel()) > 0.98
        assert peak_frequency(heard.ravel(), rate) == pytest.approx(frequency, abs=1)

    def test_no_click_where_a_loss_begins_and_ends(self, rate: int) -> None:
        frames = make_speech(rate, 20).reshape(-1, rate // 50)
        steps, own = (
            np.abs(np.diff(signal.ravel().astype(int)))
            for signal in (conceal_all(frames, lose(len(frames), 0.1)), frames)
        )
        assert steps.max() < 1.2 * own.max()


@RATES
class TestLongLosses:
    def test_voice_fades_into_the_streams_own_noise(self, rate: int) -> None:
        frame = rate // 50
        signal = np.random.default_rng(1).normal(0, 60, 100 * frame)
        signal[30 * frame : 70 * frame] += make_sine(150, rate, 40 * frame, amplitude=5000)
        frames, lost = signal.astype(np.int16).reshape(-1, frame), np.arange(100) >= 70
        heard = conceal_all(frames, lost)
        levels = heard[70:].astype(float).std(axis=1)
        assert levels[0] > 3000
        assert (np.diff(levels[1:4]) < 0).all()
        assert levels[3] > 100
        np.testing.assert_allclose(levels[5:], 60, rtol=0.35)  # 100 ms after the loss

    def test_after_silence_comes_silence(self, rate: int) -> None:
        frames = np.zeros((60, rate // 50), np.int16)
        assert not conceal_all(frames, lose(60, 0.5)).any()

    def test_who_talks_all_the_time_is_no_background(self, rate: int) -> None:
        frames = make_sine(200, rate, 2 * rate).reshape(-1, rate // 50)
        heard = conceal_all(frames, np.arange(100) >= 50)
        assert heard[60:].astype(float).std() < 32767 * 10 ** (-44 / 20)

    def test_before_anything_was_heard(self, rate: int) -> None:
        row = np.full(rate // 50, 99, np.int16)
        PcmConcealer(rate).conceal(row)
        assert not row.any()


class TestShortMemory:
    @pytest.mark.parametrize("rate", [8000, 16000, 48000])
    def test_the_voice_is_the_same_and_no_noise_is_behind_it(self, rate: int) -> None:
        """Of a tone, so that a longer memory has no pause to learn the noise from either."""
        frames = make_sine(200, rate, rate).reshape(-1, rate // 50)
        long, short = PcmConcealer(rate), PcmConcealer(rate, memory=0.1)
        for frame in frames:
            long.heard(frame.copy())
            short.heard(frame.copy())
        first, same = np.zeros_like(frames[0]), np.zeros_like(frames[0])
        long.conceal(first)
        short.conceal(same)
        np.testing.assert_array_equal(same, first)  # noise comes when the voice begins to fade
        for _ in range(5):
            short.conceal(same)
        assert not same.any()

    @pytest.mark.parametrize("memory", [0.05, 0.1, 0.3])
    def test_speech_goes_on_from_any(self, memory: float) -> None:
        speech = make_speech(8000, 4)
        for end in range(4000, len(speech), 1111):
            whole, made = PcmConcealer(8000), np.zeros((2, 160), np.int16)
            short = PcmConcealer(8000, memory=memory)
            for concealer, row in zip((whole, short), made, strict=True):
                for frame in speech[end - 4000 : end].copy().reshape(-1, 400):
                    concealer.heard(frame)
                concealer.conceal(row)
            np.testing.assert_array_equal(made[1], made[0])

    def test_what_is_refused(self) -> None:
        for memory in (0.0, 0.04, 1.01, float("nan")):
            with pytest.raises(ValueError, match="memory of"):
                PcmConcealer(8000, memory=memory)
        for rate in (0, 7999, 48001):
            with pytest.raises(ValueError, match="8000 to 48000"):
                PcmConcealer(rate)


class TestRestart:
    def test_nothing_is_left_of_the_old_stream(self) -> None:
        concealer = PcmConcealer(8000)
        for frame in make_speech(8000, 2).reshape(-1, 160):
            concealer.heard(frame)
        lost = np.zeros(160, np.int16)
        concealer.conceal(lost)
        concealer.restart()
        frame = make_sine(440, 8000, 160)
        kept = frame.copy()
        concealer.heard(frame)
        np.testing.assert_array_equal(frame, kept)  # no joint with what was lost before
        concealer.restart()
        concealer.conceal(lost)
        assert not lost.any()


class TestJoint:
    def test_only_the_beginning_of_the_next_good_frame_is_changed(self) -> None:
        frames = make_speech(8000, 4).reshape(-1, 160)
        lost = lose(len(frames), 0.1)
        heard = conceal_all(frames, lost)
        np.testing.assert_array_equal(heard[~lost, 40:], frames[~lost, 40:])
        after = np.flatnonzero(lost[:-1] & ~lost[1:]) + 1
        untouched = np.setdiff1d(np.flatnonzero(~lost), after)
        np.testing.assert_array_equal(heard[untouched], frames[untouched])
        assert (heard[after, :20] != frames[after, :20]).any()

    @pytest.mark.parametrize("size", [10, 80, 240, 480])
    def test_any_size_of_frames(self, size: int) -> None:
        whole, parts = PcmConcealer(8000), PcmConcealer(8000)
        speech = make_speech(8000, 1.2)
        whole.heard(speech[:960].copy())
        parts.heard(speech[:960].copy())
        expected, made = np.zeros(960, np.int16), np.zeros(960, np.int16)
        whole.conceal(expected)
        for start in range(0, 960, size):
            parts.conceal(made[start : start + size])
        np.testing.assert_array_equal(made, expected)

    def test_losses_in_a_row_of_streams_are_apart(self) -> None:
        frames = make_speech(8000, 2).reshape(-1, 160)
        lost = lose(len(frames), 0.2)
        np.testing.assert_array_equal(conceal_all(frames, lost), conceal_all(frames, lost))


class TestInput:
    @given(
        script=st.lists(
            st.tuples(st.booleans(), st.integers(0, 960), st.integers(-32768, 32767)), max_size=30
        ),
        noisy=st.booleans(),
    )
    def test_any_sequence(self, script: list[tuple[bool, int, int]], noisy: bool) -> None:
        concealer, random = PcmConcealer(8000), np.random.default_rng(0)
        loudest = 0
        for missing, size, value in script:
            frame = np.full(size, value, np.int16)
            if missing:
                concealer.conceal(frame)
                assert np.abs(frame.astype(int)).max(initial=0) <= 2.2 * loudest + 800
            else:
                if noisy:
                    frame = random.integers(-32768, 32767, size).astype(np.int16)
                loudest = max(loudest, int(np.abs(frame.astype(int)).max(initial=0)))
                concealer.heard(frame)

    def test_rows_that_are_not_contiguous_are_refused(self) -> None:
        with pytest.raises(ValueError, match="contiguous"):
            PcmConcealer(8000).conceal(np.zeros(320, np.int16)[::2])

    def test_what_is_refused(self) -> None:
        concealer = PcmConcealer(8000)
        for take in (concealer.heard, concealer.conceal):
            with pytest.raises(TypeError, match="float64"):
                take(np.zeros(160))  # type: ignore[arg-type]
            with pytest.raises(ValueError, match=r"at most 0\.12 s"):
                take(np.zeros(961, np.int16))
