"""Tones without seams, and DTMF after ITU-T Q.23 and Q.24."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice.signals import make_sine, make_speech, peak_frequency
from voice.g711 import decode_ulaw, encode_ulaw
from voice.tones import (
    DTMF,
    HIGH_GROUP,
    KEYPAD,
    LOW_GROUP,
    DigitDetector,
    DtmfTones,
    ToneGenerator,
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
    @pytest.mark.parametrize("tone", [(440.0, 480.0), (425.0,)])
    def test_frames_equal_one_shot(self, frame: int, tone: tuple[float, ...]) -> None:
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

    @pytest.mark.parametrize(
        ("frequencies", "level"),
        [([], -12), ([4000], -12), ([0], -12), ([-5], -12), ([440, 660], -6), ([440], 0.1)],
    )
    def test_what_cannot_be_played_is_refused(self, frequencies: list[float], level: float) -> None:
        with pytest.raises(ValueError, match=r"tones of"):
            ToneGenerator(frequencies, 8000, level=level)


def powers_of(signal: Samples, frequencies: tuple[float, ...], rate: int) -> list[float]:
    """Return the mean square of the sine of each frequency, by a Fourier sum."""
    angles = 2 * np.pi * np.outer(frequencies, np.arange(len(signal))) / rate
    lines = np.exp(-1j * angles) @ signal.astype(float) / len(signal)
    powers: list[float] = (2 * np.abs(lines) ** 2).tolist()
    return powers


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
        calls = ToneGenerator([425], 8000).make(seconds * 8000)
        calls[np.arange(calls.size) // 4000 % 2 == 1] = 0  # as a busy line (ITU-T E.180)
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

    @pytest.mark.parametrize("rate", [8000, 16000])
    def test_many_streams_are_as_one(self, rate: int) -> None:
        """What a large batch is cut into makes no difference."""
        frames = dial("5", rate=rate).reshape(-1, rate // 50)
        detector = DigitDetector(150, rate)
        found = [one for frame in frames for one in detector.detect(np.tile(frame, (150, 1)))]
        assert sorted(found) == [(row, "5") for row in range(150)]

    @pytest.mark.parametrize("shape", [(2, 160), (1, 80), (160,)])
    def test_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="1 of 160 are needed"):
            DigitDetector().detect(np.zeros(shape, np.int16))


@pytest.mark.parametrize("rate", [8000, 16000])
class TestStreamsThatComeAndGo:
    def test_frames_of_some_streams_in_any_order(self, rate: int) -> None:
        rng, frame = np.random.default_rng(9), rate // 50
        numbers = ["".join(rng.choice(list(KEYPAD), 4)) for _ in range(12)]
        left = [list(dial(n, rate=rate).reshape(-1, frame)) for n in numbers]
        detector, found = DigitDetector(12, rate), [""] * 12
        while any(left):
            rows = [row for row in rng.permutation(12) if left[row] and rng.random() < 0.6]
            frames = np.array([left[row].pop(0) for row in rows], np.int16).reshape(-1, frame)
            for row, digit in detector.detect(frames, np.array(rows, int)):
                found[row] += digit
        assert found == numbers

    def test_nobody_has_anything(self, rate: int) -> None:
        empty = np.zeros((0, rate // 50), np.int16)
        assert DigitDetector(3, rate).detect(empty, np.zeros(0, int)) == []
        assert DigitDetector(0, rate).detect(empty) == []

    def test_growing_keeps_what_is_known(self, rate: int) -> None:
        frames = dial("7", on=0.1, rate=rate).reshape(-1, rate // 50)
        detector, found = DigitDetector(1, rate), []
        for place, frame in enumerate(frames):
            found += detector.detect(frame[None], np.array([0]))
            detector.grow(1 + 3 * place)
            detector.grow(1)
        assert detector.streams == 1 + 3 * (len(frames) - 1)
        assert found == [(0, "7")]
        found = [digit for frame in frames for digit in detector.detect(frame[None], np.array([5]))]
        assert found == [(5, "7")]

    def test_who_gets_a_cleared_row_starts_anew(self, rate: int) -> None:
        frames = dial("3", on=0.1, rate=rate).reshape(-1, rate // 50)[:4]
        detector, found = DigitDetector(2, rate), []
        for _ in range(2):
            for frame in frames:
                found += detector.detect(np.stack([frame, frame]))
            detector.clear(1)
        # The digit of row 0 never ended; row 1 has had two calls with one each
        assert sorted(found) == [(0, "3"), (1, "3"), (1, "3")]

    def test_a_cleared_row_keeps_no_half_window(self, rate: int) -> None:
        """Two thirds of a tone in one call and the rest in the next are a digit of neither."""
        frames = dial("3", rate=rate).reshape(-1, rate // 50)
        detector = DigitDetector(1, rate)
        assert detector.detect(frames[:1]) == []
        detector.clear(0)
        assert detector.detect(frames[1:2]) == []

    def test_a_row_that_is_not_there(self, rate: int) -> None:
        with pytest.raises(IndexError):
            DigitDetector(2, rate).detect(np.zeros((1, rate // 50), np.int16), np.array([2]))


def say(tones: DtmfTones, rate: int, frame: int) -> Samples:
    """Return all that waits, and the frame after it, which is left alone."""
    frames: list[Samples] = []
    while True:
        row = np.full(frame, 77, np.int16)
        if not tones.fill(row):
            assert (row == 77).all()
            return np.concatenate([*frames, np.zeros(rate // 10, np.int16)])
        frames.append(row)


@pytest.mark.parametrize("rate", [8000, 16000])
class TestDtmfTones:
    @pytest.mark.parametrize(("duration", "gap"), [(40, 40), (100, 60), (73, 51)])
    def test_every_digit_is_found(self, rate: int, duration: int, gap: int) -> None:
        tones = DtmfTones(rate)
        tones.send(KEYPAD + "11", duration=duration, gap=gap)
        assert detect(say(tones, rate, rate // 50), rate=rate) == [KEYPAD + "11"]

    def test_through_g711_and_at_the_end_of_a_line(self, rate: int) -> None:
        tones = DtmfTones(rate, low=-20, high=-22)
        tones.send(KEYPAD)
        signal = decode_ulaw(encode_ulaw(say(tones, rate, rate // 50)))
        assert detect(signal, rate=rate) == [KEYPAD]

    def test_frequencies_and_levels(self, rate: int) -> None:
        """A sine of full scale has 3.14 dBm0 (ITU-T G.711)."""
        tones = DtmfTones(rate)
        tones.send("6", duration=1000)
        signal = say(tones, rate, rate // 50)[rate // 4 : rate * 3 // 4]
        low, high = powers_of(signal, DTMF["6"], rate)
        levels = [10 * np.log10(power / (32767**2 / 2)) + 3.14 for power in (low, high)]
        assert levels == pytest.approx([-8, -6], abs=0.1)
        assert np.square(signal.astype(float)).mean() == pytest.approx(low + high, rel=0.01)

    @pytest.mark.parametrize("frame", [1, 37, 80, 320, 5000])
    def test_frames_equal_one_shot(self, rate: int, frame: int) -> None:
        signals = []
        for size in (frame, rate):
            tones = DtmfTones(rate)
            tones.send("12", duration=50, gap=45)
            signals.append(say(tones, rate, size)[: rate // 5])
        np.testing.assert_array_equal(signals[0], signals[1])

    def test_rhythm(self, rate: int) -> None:
        tones = DtmfTones(rate)
        tones.send("1", duration=50, gap=30)
        tones.send("2", duration=80, gap=40)
        frames = say(tones, rate, rate // 100).reshape(-1, rate // 100)
        assert [bool(frame.any()) for frame in frames[:20]] == [True] * 5 + [False] * 3 + [
            True
        ] * 8 + [False] * 4

    def test_pauses_are_silence(self, rate: int) -> None:
        tones = DtmfTones(rate)
        tones.send("w1,2", duration=50, gap=30)
        heard = say(tones, rate, rate // 100).reshape(-1, rate // 100).any(axis=1)
        assert np.flatnonzero(np.diff(heard.astype(int))).tolist() == [49, 54, 257, 262]

    def test_edges_are_soft(self, rate: int) -> None:
        tones = DtmfTones(rate)
        tones.send("9", duration=60)
        signal = say(tones, rate, rate // 50).astype(int)
        middle = np.abs(np.diff(signal[rate // 100 : rate // 20])).max()
        edges = np.r_[signal[: rate // 2000], signal[rate * 6 // 100 - rate // 2000 :]]
        assert np.abs(edges).max() < 0.3 * np.abs(signal).max()
        assert np.abs(np.diff(signal)).max() <= 1.05 * middle

    def test_busy_as_long_as_a_digit_or_its_gap_lasts(self, rate: int) -> None:
        tones, row = DtmfTones(rate), np.zeros(rate // 50, np.int16)
        assert (tones.busy, tones.waiting) == (False, 0)
        tones.send("12", duration=40, gap=40)
        seen = [(tones.waiting, tones.fill(row)) for _ in range(10)]
        assert seen == [(2, True)] * 4 + [(1, True)] * 4 + [(0, False)] * 2
        assert not tones.busy

    def test_clear(self, rate: int) -> None:
        tones, row = DtmfTones(rate), np.full(rate // 50, 77, np.int16)
        tones.send("12")
        tones.fill(np.zeros(rate // 50, np.int16))
        tones.clear()
        assert not tones.fill(row)
        tones.send("c")
        assert detect(say(tones, rate, rate // 50), rate=rate) == ["C"]

    def test_what_cannot_be_said(self, rate: int) -> None:
        tones = DtmfTones(rate)
        with pytest.raises(ValueError, match="'X' is no digit"):
            tones.send("1x2")
        for duration, gap in ((0, 40), (-1, 40), (40, -1)):
            with pytest.raises(ValueError, match="neither can be negative"):
                tones.send("1", duration=duration, gap=gap)
        assert not tones.busy
        with pytest.raises(ValueError, match="clip"):
            DtmfTones(rate, low=0, high=0)


def test_no_two_digits_share_their_frequencies() -> None:
    assert all(one != other for one, other in pairwise(sorted(DTMF.values())))
