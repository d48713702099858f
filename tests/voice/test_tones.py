"""Tones without seams, Goertzel against FFT, and DTMF after ITU-T Q.23 and Q.24."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice.signals import make_sine, make_speech, peak_frequency
from voice.g711 import decode_ulaw, encode_ulaw
from voice.tones import (
    BUSY,
    DIAL,
    DTMF,
    HIGH_GROUP,
    KEYPAD,
    LOW_GROUP,
    RINGBACK,
    CallTone,
    DigitDetector,
    ToneGenerator,
    goertzel,
)

Samples = NDArray[np.int16]


class TestGenerator:
    @pytest.mark.parametrize("rate", [8000, 16000, 48000])
    @pytest.mark.parametrize("frequency", [350.0, 440.0, 1004.0])
    def test_frequency_and_level(self, rate: int, frequency: float) -> None:
        signal = ToneGenerator([frequency], rate, level=-12).make(rate)
        assert signal.dtype == np.int16
        assert peak_frequency(signal, rate) == pytest.approx(frequency, abs=1)
        rms = 20 * np.log10(signal.std() * np.sqrt(2) / 32767)
        assert rms == pytest.approx(-12, abs=0.05)

    @pytest.mark.parametrize("frame", [1, 7, 80, 160, 441])
    @pytest.mark.parametrize("tone", [CallTone((440.0, 480.0)), BUSY])
    def test_frames_equal_one_shot(self, frame: int, tone: CallTone) -> None:
        generator = ToneGenerator(tone, 8000)
        pieces = [generator.make(frame) for _ in range(5000 // frame)]
        whole = ToneGenerator(tone, 8000).make(5000 // frame * frame)
        assert np.abs(np.concatenate(pieces).astype(int) - whole).max() <= 1  # rounding

    def test_the_phase_does_not_drift_in_an_hour(self) -> None:
        generator, row = ToneGenerator([440.5], 8000), np.zeros(160, np.int16)
        for _ in range(180_000):
            generator.fill(row)
        place = 180_000 * 160 - 160 + np.arange(160)
        expected = 32767 * 10 ** (-12 / 20) * np.sin(2 * np.pi * 440.5 * (place % 16000) / 8000)
        assert np.abs(row - expected).max() < 2

    def test_a_row_of_a_batch_is_filled_alone(self) -> None:
        batch = np.full((3, 160), 77, np.int16)
        row = batch[1]
        assert ToneGenerator([1000], 8000).fill(row) is row
        assert (batch[[0, 2]] == 77).all()
        assert batch[1].any()

    def test_cadence(self) -> None:
        signal = ToneGenerator(RINGBACK, 8000).make(11 * 8000).reshape(-1, 8000)
        assert [bool(second.any()) for second in signal] == [
            second in (0, 5, 10) for second in range(11)
        ]
        assert ToneGenerator(DIAL, 8000).make(80000).reshape(-1, 800).any(axis=1).all()

    @pytest.mark.parametrize(
        ("frequencies", "level"),
        [([], -12), ([4000], -12), ([0], -12), ([-5], -12), ([440, 660], -6), ([440], 0.1)],
    )
    def test_what_cannot_be_played_is_refused(self, frequencies: list[float], level: float) -> None:
        with pytest.raises(ValueError, match=r"tones of"):
            ToneGenerator(frequencies, 8000, level=level)


class TestGoertzel:
    @pytest.mark.parametrize("samples", [80, 160, 205])
    def test_it_is_one_line_of_the_fourier_transform(self, samples: int) -> None:
        frames = np.random.default_rng(4).integers(-9000, 9000, (5, samples)).astype(np.int16)
        bins = [3, 10, 21]
        power = goertzel(frames, [line * 8000 / samples for line in bins], 8000)
        lines = np.fft.rfft(frames)[:, bins]
        np.testing.assert_allclose(power, 2 * np.abs(lines) ** 2 / samples**2, rtol=1e-3)

    def test_it_is_the_recursion(self) -> None:
        frame = make_sine(770, 8000, 160)
        coefficient = 2 * np.cos(2 * np.pi * 700 / 8000)
        one = two = 0.0
        for sample in frame.tolist():
            one, two = sample + coefficient * one - two, one
        expected = 2 * (one**2 + two**2 - coefficient * one * two) / 160**2
        assert goertzel(frame[None], [700], 8000)[0, 0] == pytest.approx(expected, rel=1e-3)

    def test_a_sine_has_its_mean_square(self) -> None:
        frame = make_sine(1000, 8000, 160)[None]
        power = goertzel(frame, [1000, 2000], 8000)
        assert power.shape == (1, 2)
        assert power.dtype == np.float32
        assert power[0, 0] == pytest.approx(np.square(frame.astype(float)).mean(), rel=1e-3)
        assert power[0, 1] < 1


def dial(
    digits: str,
    on: float = 0.06,
    off: float = 0.06,
    level: float = -12.0,
    twist: float = 0.0,
    rate: int = 8000,
    detune: float = 0.0,
    shift: int = 0,
) -> Samples:
    """Return digits with pauses; `twist` is dB of the high tone over the low one."""
    parts = [np.zeros(shift, np.int16)]
    for digit in digits:
        low, high = (frequency * (1 + detune) for frequency in DTMF[digit])
        parts.append(
            ToneGenerator([low], rate, level=level).make(round(on * rate))
            + ToneGenerator([high], rate, level=level + twist).make(round(on * rate))
        )
        parts.append(np.zeros(round(off * rate), np.int16))
    return np.concatenate([*parts, np.zeros(rate // 10, np.int16)])


def detect(*signals: Samples, rate: int = 8000) -> list[str]:
    detector, frame = DigitDetector(len(signals), rate), rate // 50
    size = min(map(len, signals)) // frame * frame
    streams = np.stack([signal[:size] for signal in signals])
    found = [""] * len(signals)
    for start in range(0, size, frame):
        for stream, digit in detector.detect(streams[:, start : start + frame]):
            found[stream] += digit
    return found


class TestDetector:
    def test_the_keypad(self) -> None:
        assert DTMF["1"] == (697.0, 1209.0)
        assert DTMF["D"] == (941.0, 1633.0)
        assert DTMF["0"] == (941.0, 1336.0)
        assert len(DTMF) == 16

    @pytest.mark.parametrize("rate", [8000, 16000, 48000])
    def test_every_digit(self, rate: int) -> None:
        assert detect(dial(KEYPAD, rate=rate), rate=rate) == [KEYPAD]

    @pytest.mark.parametrize("shift", range(0, 160, 13))
    def test_shortest_digits_at_any_offset(self, shift: int) -> None:
        """Q.24: 40 ms are enough, and so are 40 ms between."""
        assert detect(dial("1122#D", on=0.04, off=0.04, shift=shift)) == ["1122#D"]

    @pytest.mark.parametrize("shift", range(0, 160, 13))
    def test_too_short_is_no_digit(self, shift: int) -> None:
        assert detect(dial("159", on=0.02, shift=shift)) == [""]

    @pytest.mark.parametrize("shift", range(0, 160, 13))
    def test_a_short_break_makes_no_second_digit(self, shift: int) -> None:
        signal = dial("5", on=0.2, shift=shift)
        signal[shift + 800 : shift + 880] = 0
        assert detect(signal) == ["5"]

    @pytest.mark.parametrize("level", [-7, -20, -34])
    def test_levels(self, level: float) -> None:
        assert detect(dial(KEYPAD, level=level)) == [KEYPAD]

    def test_too_quiet(self) -> None:
        assert detect(dial(KEYPAD, level=-45)) == [""]

    @pytest.mark.parametrize(("twist", "found"), [(-7, True), (3, True), (-11, False), (7, False)])
    def test_twist(self, twist: float, found: bool) -> None:
        assert detect(dial("159D", twist=twist)) == ["159D" if found else ""]

    @pytest.mark.parametrize("detune", [-0.015, 0.015])
    def test_tones_a_little_off(self, detune: float) -> None:
        assert detect(dial(KEYPAD, on=0.1, detune=detune)) == [KEYPAD]

    @pytest.mark.parametrize("detune", [-0.06, 0.06])
    def test_tones_far_off(self, detune: float) -> None:
        assert detect(dial("159D", on=0.1, detune=detune)) == [""]

    def test_noise_at_15_db(self) -> None:
        signal = dial(KEYPAD, on=0.1, level=-12)
        noise = np.random.default_rng(6).normal(0, 32767 * 10 ** (-27 / 20) / 2**0.5, len(signal))
        assert detect((signal + noise).astype(np.int16)) == [KEYPAD]

    def test_speech_noise_and_single_tones_are_no_digits(self) -> None:
        seconds = 20
        noise = np.random.default_rng(7).normal(0, 3000, seconds * 8000).astype(np.int16)
        singles = [make_sine(f, 8000, seconds * 8000) for f in (*LOW_GROUP, *HIGH_GROUP)]
        speech = [make_speech(8000, seconds, seed=seed) for seed in range(5)]
        calls = ToneGenerator(BUSY, 8000).make(seconds * 8000)
        assert detect(noise, calls, *singles, *speech) == [""] * 15

    def test_streams_are_apart(self) -> None:
        rng = np.random.default_rng(8)
        numbers = ["".join(rng.choice(list(KEYPAD), 10)) for _ in range(20)]
        assert detect(*(dial(number, shift=100) for number in numbers)) == numbers

    def test_through_g711(self) -> None:
        assert detect(decode_ulaw(encode_ulaw(dial(KEYPAD)))) == [KEYPAD]

    def test_a_long_digit_is_one(self) -> None:
        assert detect(dial("8", on=5)) == ["8"]

    def test_digits_without_a_pause_are_two(self) -> None:
        assert detect(dial("19", on=0.1, off=0)) == ["19"]

    @pytest.mark.parametrize("shape", [(2, 160), (1, 80), (160,)])
    def test_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="1 of 160 are needed"):
            DigitDetector().detect(np.zeros(shape, np.int16))


def test_no_two_digits_share_their_frequencies() -> None:
    assert all(one != other for one, other in pairwise(sorted(DTMF.values())))
