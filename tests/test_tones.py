from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.end_to_end.recording import assert_heard
from tests.tones import (
    assert_tone,
    make_tone,
    measure_tone,
    read_wav,
    strongest_tone,
    write_wav,
)

if TYPE_CHECKING:
    from pathlib import Path

RATE = 8000
RATES = [8000, 16000, 48000]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [-3.0, -12.0, -40.0])
def test_the_level_made_is_the_level_measured(rate: int, level: float) -> None:
    tone = measure_tone(make_tone(440, seconds=1, rate=rate, level=level), rate, 440)
    assert tone.level == pytest.approx(level, abs=0.05)
    assert tone.ratio > 25


def test_the_ratio_counts_the_rest() -> None:
    noise = np.random.default_rng(7).normal(0, 1000, 8000)
    samples = (make_tone(440, seconds=1, level=-12) + noise).astype(np.int16)
    expected = 10 * np.log10((32768 * 10 ** (-12 / 20)) ** 2 / 2 / 1000**2)
    assert measure_tone(samples, 8000, 440).ratio == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("rate", RATES)
def test_the_strongest_tone_is_found(rate: int) -> None:
    samples = make_tone(660, seconds=1, rate=rate) + make_tone(440, seconds=1, rate=rate, level=-20)
    assert strongest_tone(samples, rate).frequency == pytest.approx(660, abs=1)


def test_two_tones_are_heard_and_a_third_is_not() -> None:
    assert_tone(make_tone(697, 1209, seconds=1), 8000, present=[697, 1209], absent=[770, 1336])


@pytest.mark.parametrize(
    ("samples", "present", "absent", "words"),
    [
        (make_tone(440, seconds=1), [660], [], "under -40.0 dBFS; strongest is 440 Hz"),
        (make_tone(440, 660, seconds=1), [440], [], "dB above the rest, under 10.0 dB"),
        (make_tone(440, 660, seconds=1), [440, 660], [660], "should be absent"),
        (make_tone(660, seconds=1, level=-50), [], [660], "660 Hz at -50.0 dBFS, should be absent"),
        (make_tone(440, seconds=0.1), [440], [], "under 200 ms of audio"),
        (make_tone(seconds=1), [440], [], "440 Hz at -120.0 dBFS, under -40.0 dBFS"),
    ],
)
def test_what_is_wrong_fails_with_the_numbers(
    samples: np.ndarray, present: list[float], absent: list[float], words: str
) -> None:
    with pytest.raises(AssertionError, match=words):
        assert_tone(samples, 8000, present=present, absent=absent)


def test_a_sum_that_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="3 tones of -6"):
        make_tone(440, 660, 880, seconds=1, level=-6)


def test_a_wav_file_comes_back_as_it_went(tmp_path: Path) -> None:
    samples = make_tone(440, seconds=0.5, rate=16000)
    read, rate = read_wav(write_wav(tmp_path / "tone.wav", samples, 16000))
    assert rate == 16000
    assert np.array_equal(read, samples)


class TestHeard:
    """Who is heard on a busy machine, where a frame is late now and then."""

    def test_one_quarter_may_be_spoiled(self) -> None:
        late = make_tone(440, seconds=1, rate=RATE)
        late[4200:5000] = np.random.default_rng(1).integers(-32768, 32767, 800)
        with pytest.raises(AssertionError, match="above the rest"):
            assert_tone(late, RATE, present=[440], ratio=3.0)
        assert_heard(late, RATE, present=[440], absent=[660])
        late[1000:1800] = late[4200:5000]
        with pytest.raises(AssertionError, match="above the rest"):
            assert_heard(late, RATE, present=[440], absent=[660])

    @pytest.mark.parametrize("share", [0.4, 1.0])
    def test_another_tone_is_noticed(self, share: float) -> None:
        heard = make_tone(440, seconds=1, rate=RATE)
        other = make_tone(660, seconds=share, rate=RATE, level=-20)
        heard[: len(other)] += other
        with pytest.raises(AssertionError, match="660 Hz"):
            assert_heard(heard, RATE, present=[440], absent=[660])
