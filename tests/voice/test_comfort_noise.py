"""Comfort noise: RFC 3389's payload byte by byte, and noise of the level and color asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice.comfort_noise import (
    ComfortNoise,
    ComfortNoiseError,
    NoiseGenerator,
    pack,
    parse,
)
from voice.levels import level_of

Samples = NDArray[np.int16]


def make_noise(
    level: float, reflection: tuple[float, ...] = (), frames: int = 400, frame: int = 160
) -> Samples:
    generator, noise = NoiseGenerator(seed=1), np.zeros((frames, frame), np.int16)
    for row in noise:
        generator.fill(row, level, reflection)
    return noise.ravel()


def measure_level(signal: Samples) -> float:
    return float(-10 * np.log10(np.square(signal.astype(float)).mean() / 32767**2))


class TestPayload:
    def test_the_level_alone(self) -> None:
        assert parse(b"\x3c") == ComfortNoise(60, ())
        assert pack(ComfortNoise(60)) == b"\x3c"

    def test_coefficients(self) -> None:
        """RFC 3389 section 3.2: k = 258 (N - 127) / 32768."""
        noise = parse(bytes([50, 127, 0, 254, 128]))
        assert noise.level == 50
        assert noise.reflection == pytest.approx((0, -0.99994, 0.99994, 0.00787), abs=1e-5)

    def test_the_first_bit_of_the_level_is_not_of_it(self) -> None:
        assert parse(b"\xbc").level == 60

    def test_a_reserved_index_ends_the_coefficients(self) -> None:
        assert len(parse(bytes([50, 130, 140, 255, 150])).reflection) == 2

    def test_the_order_is_limited(self) -> None:
        assert len(parse(bytes([50] * 1000)).reflection) == 10

    def test_nothing_is_refused(self) -> None:
        with pytest.raises(ComfortNoiseError, match="0 bytes"):
            parse(b"")

    @pytest.mark.parametrize(
        "noise", [ComfortNoise(128), ComfortNoise(-1), ComfortNoise(50, (0.5, 1.01))]
    )
    def test_what_cannot_be_said(self, noise: ComfortNoise) -> None:
        with pytest.raises(ValueError, match="must be"):
            pack(noise)

    @given(payload=st.binary(min_size=1, max_size=40))
    def test_any_bytes_are_read_and_make_noise(self, payload: bytes) -> None:
        noise = parse(payload)
        assert 0 <= noise.level <= 127
        assert all(-1 < value < 1 for value in noise.reflection)
        again = pack(noise)
        assert again == bytes([payload[0] & 0x7F]) + payload[1 : len(again)]
        out = np.zeros(160, np.int16)
        NoiseGenerator().fill(out, noise.level, noise.reflection)
        if noise.level > 110:
            assert np.abs(out).max() <= 2

    @given(
        level=st.integers(0, 127),
        reflection=st.lists(st.floats(-1, 1), max_size=10).map(tuple),
    )
    def test_what_is_written_is_read(self, level: int, reflection: tuple[float, ...]) -> None:
        read = parse(pack(ComfortNoise(level, reflection)))
        assert read.level == level
        assert read.reflection == pytest.approx(reflection, abs=0.5 * 258 / 32768 + 1e-4)


class TestNoise:
    @pytest.mark.parametrize("reflection", [(), (-0.9,), (0.7, 0.3), (-0.95, 0.6, -0.2, 0.1)])
    @pytest.mark.parametrize("level", [20, 40, 57.5, 70, 84])
    def test_level(self, level: float, reflection: tuple[float, ...]) -> None:
        assert measure_level(make_noise(level, reflection)) == pytest.approx(level, abs=0.5)

    @pytest.mark.parametrize("level", [30, 50, 70])
    def test_the_level_is_that_of_rfc_6464(self, level: int) -> None:
        assert abs(level_of(make_noise(level)) - level) <= 1

    def test_127_is_silence(self) -> None:
        assert not make_noise(127).any()

    def test_the_loudest_is_clipped_and_does_not_wrap(self) -> None:
        loud, quiet = make_noise(3, (-0.9,)), make_noise(20, (-0.9,))
        assert np.abs(loud.astype(int)).max() == 32767
        assert (loud.astype(int) * quiet >= 0).all()
        assert measure_level(loud) == pytest.approx(4, abs=2)

    def test_white_noise_is_white(self) -> None:
        power = np.square(np.abs(np.fft.rfft(make_noise(40)))).reshape(-1)[1:]
        bands = [part.mean() for part in np.array_split(power, 8)]
        assert max(bands) < 1.3 * min(bands)

    @pytest.mark.parametrize("reflection", [(-0.8,), (0.8,), (-0.6, 0.5), (0.2, -0.4, 0.3, 0.1)])
    def test_color_is_the_all_pole_models(self, reflection: tuple[float, ...]) -> None:
        """The autocorrelation of the noise, by Levinson and Durbin, has the coefficients again."""
        noise = make_noise(30, reflection, frames=2000).astype(float)
        lags = range(len(reflection) + 1)
        correlation = [float(np.dot(noise[: len(noise) - lag], noise[lag:])) for lag in lags]
        found, polynomial, error = [], np.ones(1), correlation[0]
        for order in range(1, len(correlation)):
            value = -float(np.dot(polynomial, correlation[order:0:-1])) / error
            padded = np.append(polynomial, 0.0)
            polynomial = padded + value * padded[::-1]
            error *= 1 - value * value
            found.append(value)
        assert found == pytest.approx(reflection, abs=0.03)

    @pytest.mark.parametrize("reflection", [(), (-0.98,)])
    def test_frames_join_without_a_seam(self, reflection: tuple[float, ...]) -> None:
        noise = make_noise(30, reflection, frames=500)
        steps = np.abs(np.diff(noise.astype(int)))
        at_seams = steps[159::160]
        assert at_seams.mean() < 1.2 * steps.mean()
        np.testing.assert_array_equal(noise[:8000], make_noise(30, reflection, 10, 800))

    def test_levels_move_smoothly(self) -> None:
        generator, rows = NoiseGenerator(), np.zeros((4, 8000), np.int16)
        for row, level in zip(rows, (60, 60, 20, 20), strict=True):
            generator.fill(row, level)
        pieces = [float(piece.std()) for piece in rows[2].reshape(8, -1).astype(float)]
        assert all(one < other for one, other in pairwise(pieces))
        assert pieces[0] < 0.15 * rows[3].std()
        assert pieces[-1] == pytest.approx(rows[3].std(), rel=0.1)

    def test_colors_move_smoothly(self) -> None:
        generator, rows = NoiseGenerator(), np.zeros((3, 4000), np.int16)
        for row, reflection in zip(rows, ((-0.98,), (0.9,), (0.9,)), strict=True):
            generator.fill(row, 30, reflection)
        steps = np.abs(np.diff(rows[1].astype(int)))
        assert steps[:200].mean() < 0.4 * steps[-200:].mean()

    def test_seeds_are_apart_and_repeatable(self) -> None:
        rows = [NoiseGenerator(seed).fill(np.zeros(800, np.int16), 40) for seed in (1, 2, 1)]
        np.testing.assert_array_equal(rows[0], rows[2])
        assert abs(np.corrcoef(rows[0], rows[1])[0, 1]) < 0.2

    def test_it_goes_on_past_the_end_of_the_block(self) -> None:
        noise = make_noise(40, frames=20, frame=8192)
        np.testing.assert_array_equal(noise[: 1 << 15], noise[1 << 16 :][: 1 << 15])

    def test_a_row_of_a_batch_is_filled_alone(self) -> None:
        batch = np.full((3, 160), 77, np.int16)
        row = batch[1]
        assert NoiseGenerator().fill(row, 60) is row
        assert (batch[[0, 2]] == 77).all()

    def test_a_frame_may_be_longer_than_the_block(self) -> None:
        noise = NoiseGenerator(1).fill(np.zeros(160 * 900, np.int16), 40)
        np.testing.assert_array_equal(noise, make_noise(40, frames=900))

    def test_rows_that_are_not_contiguous_are_refused(self) -> None:
        with pytest.raises(ValueError, match="contiguous"):
            NoiseGenerator().fill(np.zeros(320, np.int16)[::2], 60)


class TestFade:
    def test_it_goes_from_what_is_there_to_noise(self) -> None:
        tone = np.full(1600, 8000, np.int16)
        faded = NoiseGenerator(1).fade(tone.copy(), 40, 0, 1)
        noise = NoiseGenerator(1).fill(np.zeros(1600, np.int16), 40)
        weight = np.arange(1600) / 1600
        np.testing.assert_allclose(faded, tone + weight * (noise.astype(float) - tone), atol=1)

    def test_its_parts_are_the_whole(self) -> None:
        whole, parts = np.full(480, -3000, np.int16), np.full(480, -3000, np.int16)
        NoiseGenerator(1).fade(whole, 50, 0, 1)
        generator = NoiseGenerator(1)
        for part in range(3):
            generator.fade(parts[160 * part : 160 * (part + 1)], 50, part / 3, (part + 1) / 3)
        np.testing.assert_allclose(parts, whole, atol=1)

    def test_beyond_the_ends_it_is_0_and_1(self) -> None:
        row = np.full(300, 777, np.int16)
        NoiseGenerator(1).fade(row, 127, -1, 2)
        assert (row[:101] == 777).all()
        assert (np.diff(row[100:200]) <= 0).all()
        assert not row[200:].any()

    @given(
        values=st.lists(st.integers(-32768, 32767), min_size=1, max_size=100),
        level=st.floats(0, 127),
        begin=st.floats(-10, 10),
        end=st.floats(-10, 10),
    )
    def test_never_beyond_what_it_is_made_of(
        self, values: list[int], level: float, begin: float, end: float
    ) -> None:
        row = np.array(values, np.int16)
        noise = NoiseGenerator(4).fill(np.zeros_like(row), level)
        faded = NoiseGenerator(4).fade(row.copy(), level, begin, end).astype(int)
        low, high = np.minimum(row, noise), np.maximum(row, noise)
        assert ((faded >= low.astype(int) - 1) & (faded <= high.astype(int) + 1)).all()


class TestColor:
    def test_it_is_set_ahead_of_the_frame(self) -> None:
        one, other = NoiseGenerator(1), NoiseGenerator(1)
        one.set_color((-0.9,))
        one.set_color((0.5, 0.1))  # the newest counts, and it is the frame that moves there
        for _ in range(3):
            expected = other.fill(np.zeros(160, np.int16), 40, (0.5, 0.1))
            actual = one.fill(np.zeros(160, np.int16), 40, (0.5, 0.1))
            np.testing.assert_array_equal(actual, expected)

    def test_back_and_forth_without_a_seam(self) -> None:
        generator, rows = NoiseGenerator(1), np.zeros((4, 4000), np.int16)
        for row, reflection in zip(rows, ((-0.98,), (), (), (-0.98,)), strict=True):
            generator.fill(row, 30, reflection)
        steps = [float(np.abs(np.diff(row.astype(int)))[-400:].mean()) for row in rows]
        assert steps[0] < 0.3 * steps[1]
        assert steps[3] < 0.3 * steps[2]
        first = [float(np.abs(np.diff(row.astype(int)))[:200].mean()) for row in rows]
        assert first[1] < 0.4 * first[2]
        assert first[3] > 3 * steps[0]
