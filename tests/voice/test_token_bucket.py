"""A far end gets a steady rate, and what it has saved up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.token_bucket import (
    LEAST_AUDIO_PER_PACKET,
    MOST_SAVED_AUDIO,
    AudioBucket,
    TokenBucket,
)


def test_what_is_saved_up_passes_at_once_and_no_more() -> None:
    bucket = TokenBucket(2.0, 5.0)
    passed = 0
    while bucket.has_tokens(100.0):
        bucket.spend(1.0)
        passed += 1
    assert passed == 5
    assert not bucket.has_tokens(100.0)
    assert bucket.has_tokens(100.1)


def test_a_long_pause_saves_no_more_than_the_burst() -> None:
    bucket = TokenBucket(2.0, 5.0)
    bucket.has_tokens(0.0)
    bucket.spend(5.0)
    passed = 0
    while bucket.has_tokens(1e6):
        bucket.spend(1.0)
        passed += 1
    assert passed == 5


def test_what_is_owed_is_paid_before_more_is_allowed() -> None:
    bucket = TokenBucket(1.0, 1.0)
    assert bucket.has_tokens(0.0)
    bucket.spend(3.0)
    assert not bucket.has_tokens(1.5)
    assert bucket.has_tokens(2.5)


@given(st.lists(st.tuples(st.floats(0, 0.1), st.floats(0, 1)), max_size=200))
def test_never_more_than_the_rate_and_the_burst(asked: list[tuple[float, float]]) -> None:
    bucket = TokenBucket(2.0, 0.5)
    now = used = largest = 0.0
    for pause, amount in asked:
        now += pause
        if bucket.has_tokens(now):
            bucket.spend(amount)
            used += amount
            largest = max(largest, amount)
    assert used <= 0.5 + 2 * now + largest + 1e-6


def test_a_packet_of_audio_costs_what_it_holds_and_not_less_than_10_ms() -> None:
    for seconds, cost in ((0.02, 0.02), (0.0, LEAST_AUDIO_PER_PACKET), (0.12, 0.12)):
        bucket, passed = AudioBucket(), 0
        while bucket.has_tokens(7.0):
            bucket.spend(seconds)
            passed += 1
        assert passed == pytest.approx(MOST_SAVED_AUDIO / cost, abs=1)


def test_a_bucket_that_earns_nothing_is_refused() -> None:
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="more than 0"):
            TokenBucket(rate, 1.0)
