"""The E-model: values that G.107, G.113 and G.114 give, and what any such model has to obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.codec import CODECS, OPUS, Impairment
from voice.emodel import (
    DEFAULT_RATING,
    delay_impairment,
    loss_impairment,
    mos,
    rating,
)

CODEC = st.sampled_from(sorted(CODECS))
DELAY = st.floats(0, 5000)
SHARE = st.floats(0, 1)


class TestMos:
    # G.107 table B.1: the bounds between "very satisfied" and "nearly all dissatisfied"
    @pytest.mark.parametrize(
        ("r", "expected"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)]
    )
    def test_the_bounds_of_satisfaction(self, r: float, expected: float) -> None:
        assert mos(r) == pytest.approx(expected, abs=0.01)

    def test_nothing_impaired(self) -> None:
        assert mos(DEFAULT_RATING) == pytest.approx(4.41, abs=0.005)

    @pytest.mark.parametrize(
        ("r", "expected"), [(-5, 1.0), (0, 1.0), (3, 1.0), (100, 4.5), (120, 4.5)]
    )
    def test_the_ends(self, r: float, expected: float) -> None:
        assert mos(r) == expected

    @given(st.floats(-50, 150), st.floats(-50, 150))
    def test_it_never_falls(self, a: float, b: float) -> None:
        low, high = sorted((a, b))
        assert 1.0 <= mos(low) <= mos(high) + 1e-12 <= 4.5 + 1e-12


class TestDelay:
    @pytest.mark.parametrize("delay", [0, 50, 100])
    def test_below_100_ms_nobody_notices(self, delay: float) -> None:
        assert delay_impairment(delay) == 0.0

    # Worked by hand from section 7.4: X = 1 and X = 2 and X = 3
    @pytest.mark.parametrize(
        ("delay", "expected"), [(200, 3.04), (400, 24.07), (800, 40.83)], ids=str
    )
    def test_doublings(self, delay: float, expected: float) -> None:
        assert delay_impairment(delay) == pytest.approx(expected, abs=0.01)

    def test_the_limit_of_g114(self) -> None:
        # G.114: up to 150 ms most users are very satisfied, at 400 ms many are dissatisfied
        assert rating(150, 0, "PCMU") > 90
        assert 60 < rating(400, 0, "PCMU") < 70

    @given(DELAY, DELAY)
    def test_more_is_never_better(self, a: float, b: float) -> None:
        low, high = sorted((a, b))
        assert delay_impairment(low) <= delay_impairment(high) + 1e-9


class TestLoss:
    def test_g711_unimpaired(self) -> None:
        assert rating(0, 0, "PCMU") == pytest.approx(93.2)

    # Ie,eff of section 7.5 for codecs of G.113 appendix I at a loss of 2 %
    @pytest.mark.parametrize(
        ("equipment", "robustness", "expected"),
        [(0, 25.1, 7.01), (0, 4.3, 30.16), (11, 19.0, 19.0), (15, 16.1, 23.84), (5, 10.0, 20.0)],
        ids=["G.711 with PLC", "G.711", "G.729A", "G.723.1", "GSM EFR"],
    )
    def test_codecs_of_g113(self, equipment: float, robustness: float, expected: float) -> None:
        impairment = Impairment(equipment, robustness)
        assert loss_impairment(impairment, 0.02) == pytest.approx(expected, abs=0.01)

    def test_bursts(self) -> None:
        assert loss_impairment(Impairment(0, 25.1), 0.1, 2) == pytest.approx(31.56, abs=0.01)

    # What PESQ said of speech through Opus with FEC, concealment and G.711, as R below that of
    # G.711 alone (4.11)
    @pytest.mark.parametrize(
        ("loss", "expected"), [(0, 2.99), (0.01, 4.01), (0.03, 5.26), (0.05, 8.10), (0.1, 13.77)]
    )
    def test_opus_fits_what_was_measured(self, loss: float, expected: float) -> None:
        assert loss_impairment(OPUS.impairment, loss) == pytest.approx(expected, abs=1.2)

    def test_repaired_opus_bears_loss_better_than_g711(self) -> None:
        assert rating(0, 0, "OPUS") < rating(0, 0, "PCMA")
        assert rating(0, 0.05, "OPUS") > rating(0, 0.05, "PCMA")

    @given(CODEC, SHARE, SHARE, st.floats(1, 50))
    def test_more_is_never_better(self, codec: str, a: float, b: float, burst: float) -> None:
        low, high = sorted((a, b))
        assert rating(0, low, codec, burst) >= rating(0, high, codec, burst) - 1e-9

    @given(CODEC, SHARE, st.floats(1, 50))
    def test_bursts_are_never_better(self, codec: str, loss: float, burst: float) -> None:
        assert rating(0, loss, codec, burst) <= rating(0, loss, codec) + 1e-9


class TestRating:
    @given(DELAY, SHARE, CODEC, st.floats(1, 1e6))
    def test_range(self, delay: float, loss: float, codec: str, burst: float) -> None:
        assert 0 <= rating(delay, loss, codec, burst) <= DEFAULT_RATING

    @given(DELAY, SHARE, CODEC)
    def test_a_name_stands_for_what_the_table_says(
        self, delay: float, loss: float, codec: str
    ) -> None:
        by_name = rating(delay, loss, codec)
        assert by_name == rating(delay, loss, CODECS[codec].impairment)

    def test_any_case(self) -> None:
        assert rating(0, 0, "opus") == rating(0, 0, "OPUS")

    @pytest.mark.parametrize(
        ("delay", "loss", "codec", "burst", "value"),
        [
            (0, 0, "G729", 1, "G729"),
            (0, 1.01, "PCMU", 1, "1.01"),
            (0, -0.01, "PCMU", 1, "-0.01"),
            (-1, 0, "PCMU", 1, "-1"),
            (0, 0, "PCMU", 0.9, "0.9"),
            (float("nan"), 0, "PCMU", 1, "nan"),
            (0, float("nan"), "PCMU", 1, "nan"),
        ],
    )
    def test_refusals_name_the_value(
        self, delay: float, loss: float, codec: str, burst: float, value: str
    ) -> None:
        with pytest.raises(ValueError, match=value):
            rating(delay, loss, codec, burst)
